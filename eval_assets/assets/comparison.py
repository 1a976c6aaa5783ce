"""The asset at the end of the graph: candidates of one evaluation compared, gated and reported."""

import base64

import dagster as dg

from eval_assets.assets.metadata import Materialized, result
from eval_assets.assets.plain_failures import said_plainly
from eval_assets.assets.stages import Stages
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.plots import leaderboard_svg
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.wording.foreign_text import markdown_text

MOST_FIGURES = 4


def comparison_asset(stages: Stages) -> dg.AssetsDefinition:
    """`comparison`, one partition per evaluation."""

    @stages.stage(
        "comparison", "Leaderboard, paired differences with the baseline, gates and the HTML report of an evaluation."
    )
    def comparison(context: dg.AssetExecutionContext, engine_room: dg.ResourceParam[EngineRoom]) -> Materialized:
        name = context.partition_key
        with said_plainly(engine_room.warehouse):
            written = engine_room.compare(name, run_id=context.run.run_id)
        report = engine_room.report(name)
        return result(written, preview=report_markdown(report), facts={"figures": _figures(report)})

    return comparison


def _figures(report: EvaluationReport) -> dg.MarkdownMetadataValue:
    """The report's leaderboards as pictures, one per metric that is won or lost."""
    metrics = [
        metric
        for metric in report.metrics
        if report.facts(metric)["greater_is_better"] is not None
        and any(row["n_scored"] for candidate in report.candidates if (row := candidate.metrics.get(metric)))
    ]
    pictures = [(metric, leaderboard_svg(report, metric)) for metric in metrics[:MOST_FIGURES]]
    return dg.MetadataValue.md("\n\n".join(_picture(metric, svg) for metric, svg in pictures))


def _picture(name: str, svg: str) -> str:
    return f"![{markdown_text(name)}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
