"""`eval-assets report` and `eval-assets gate`."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.errors import ConfigError

if TYPE_CHECKING:
    from eval_assets.reports.evaluation_report import EvaluationReport


@click.command()
@click.argument("evaluation")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "md", "html", "parquet"]),
    default="table",
    show_default=True,
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="Write to this file; for parquet, to this folder."
)
@click.pass_obj
def report(data_dir: Path | None, evaluation: str, style: str, output: Path | None) -> None:
    """Print the leaderboard and the comparison of an evaluation, as last computed."""
    if style == "parquet":
        from eval_assets.reports.rendered.parquet import write_parquet

        if output is None:
            raise click.UsageError("expected --output with a folder for the Parquet files")
        for file in write_parquet(_load(data_dir, evaluation), output):
            click.echo(f"wrote {file}", err=True)
        return
    text = _rendered(_load(data_dir, evaluation), style)
    if output is None:
        click.echo(text)
    else:
        output.write_text(text, encoding="utf-8")
        click.echo(f"wrote {output}", err=True)


@click.command(epilog="Exit code 0: GO; 1: NO-GO; 2: INCONCLUSIVE, as when files changed since the run, or no gates.")
@click.argument("evaluation")
@click.option("--format", "style", type=click.Choice(["md", "junit", "json"]), default="md", show_default=True)
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@click.pass_obj
def gate(data_dir: Path | None, evaluation: str, style: str, output: Path | None) -> None:
    """Say whether the candidates of an evaluation pass its gates."""
    from eval_assets.reports.rendered.gate_formats import gates_junit, gates_markdown

    loaded = _load(data_dir, evaluation)
    if not loaded.outdated and not loaded.evaluation.file.gates:
        raise ConfigError(
            f"data/evaluations/{evaluation}.yaml: expected `gates`, the conditions a candidate has to meet, got none"
        )
    match style:
        case "junit":
            text = gates_junit(loaded.gates, evaluation=evaluation, outdated=loaded.outdated)
        case "json":
            verdict = {"evaluation": evaluation, "verdict": loaded.verdict.verdict.value, "note": loaded.verdict.note}
            text = json.dumps({**verdict, "gates": loaded.gates.to_dicts()}, indent=2, ensure_ascii=False)
        case _:
            text = gates_markdown(loaded.gates, evaluation=evaluation, outdated=loaded.outdated)
    if output is None:
        click.echo(text)
    else:
        output.write_text(text, encoding="utf-8")
    sys.exit(loaded.verdict.exit_code)


def _load(data_dir: Path | None, evaluation: str) -> "EvaluationReport":
    from eval_assets.cells.workbench import Workbench
    from eval_assets.config.settings import settings_from
    from eval_assets.planning.staleness import StalenessReader

    with Workbench.from_settings(settings_from(data_dir=data_dir)) as workbench:
        workbench.project.evaluation(evaluation)
        loaded = workbench.report(evaluation)
        reader = StalenessReader(workbench.project, workbench.versions, workbench.warehouse)
        return replace(loaded, outdated=reader.outdated(evaluation))


def _rendered(loaded: "EvaluationReport", style: str) -> str:
    match style:
        case "json":
            from eval_assets.reports.rendered.json_report import report_json

            return json.dumps(report_json(loaded), indent=2, ensure_ascii=False)
        case "md":
            from eval_assets.reports.rendered.markdown import report_markdown

            return report_markdown(loaded)
        case "html":
            from eval_assets.reports.rendered.page.html import report_html

            return report_html(loaded)
        case _:
            from eval_assets.reports.rendered.table import report_table

            return report_table(loaded)
