"""`eval-assets report` and `eval-assets gate`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

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
        from eval_assets.reports.parquet import write_parquet

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


@click.command(epilog="Exit code 0: GO; 1: NO-GO; 2: INCONCLUSIVE, or the evaluation can't be read.")
@click.argument("evaluation")
@click.option("--format", "style", type=click.Choice(["md", "junit", "json"]), default="md", show_default=True)
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@click.pass_obj
def gate(data_dir: Path | None, evaluation: str, style: str, output: Path | None) -> None:
    """Say whether the candidates of an evaluation pass its gates."""
    from eval_assets.reports.gate_formats import gates_junit, gates_markdown

    loaded = _load(data_dir, evaluation)
    match style:
        case "junit":
            text = gates_junit(loaded.gates, evaluation=evaluation)
        case "json":
            verdict = {"evaluation": evaluation, "verdict": loaded.verdict.verdict.value, "note": loaded.verdict.note}
            text = json.dumps({**verdict, "gates": loaded.gates.to_dicts()}, indent=2, ensure_ascii=False)
        case _:
            text = gates_markdown(loaded.gates, evaluation=evaluation)
    if output is None:
        click.echo(text)
    else:
        output.write_text(text, encoding="utf-8")
    sys.exit(loaded.verdict.exit_code)


def _load(data_dir: Path | None, evaluation: str) -> "EvaluationReport":
    from eval_assets.cells.workbench import Workbench
    from eval_assets.config.settings import settings_from

    with Workbench.from_settings(settings_from(data_dir=data_dir)) as workbench:
        workbench.project.evaluation(evaluation)
        return workbench.report(evaluation)


def _rendered(loaded: "EvaluationReport", style: str) -> str:
    match style:
        case "json":
            from eval_assets.reports.json_report import report_json

            return json.dumps(report_json(loaded), indent=2, ensure_ascii=False)
        case "md":
            from eval_assets.reports.markdown import report_markdown

            return report_markdown(loaded)
        case "html":
            from eval_assets.reports.html import report_html

            return report_html(loaded)
        case _:
            from eval_assets.reports.table import report_table

            return report_table(loaded)
