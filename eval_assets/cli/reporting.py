"""`eval-assets report` and `eval-assets gate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.exit_codes import GATE_CODES
from eval_assets.cli.options import Format
from eval_assets.cli.output_files import write_text, writing
from eval_assets.cli.saying import say
from eval_assets.errors import ConfigError

if TYPE_CHECKING:
    from eval_assets.reports.evaluation_report import EvaluationReport


@click.command()
@click.argument("evaluation")
@click.option(
    "--format",
    "style",
    type=Format(["table", "json", "md", "html", "parquet"]),
    default="table",
    show_default=True,
    help="table for a terminal, md for a comment, html for a page in one file, json and parquet for programs.",
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
            raise click.UsageError(
                "--format parquet writes several files: expected --output with a folder for them, "
                f"such as `eval-assets report {evaluation} --format parquet --output {evaluation}-tables`"
            )
        with writing(output):
            for file in write_parquet(_load(data_dir, evaluation, whole=True), output):
                say(f"wrote {file}", err=True)
        return
    write_text(_rendered(_load(data_dir, evaluation), style), output)


@click.command(epilog=GATE_CODES)
@click.argument("evaluation")
@click.option(
    "--format",
    "style",
    type=click.Choice(["md", "junit", "json"]),
    default="md",
    show_default=True,
    help="md for a comment, junit for a test report, json for programs.",
)
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write to this file.")
@click.pass_obj
def gate(data_dir: Path | None, evaluation: str, style: str, output: Path | None) -> None:
    """Say whether the candidates of an evaluation pass its gates."""
    from eval_assets.reports.rendered.gate_formats import gates_json, gates_junit, gates_markdown

    loaded = _load(data_dir, evaluation)
    if not loaded.outdated and not loaded.evaluation.file.gates:
        raise ConfigError(
            f"data/evaluations/{evaluation}.yaml: expected `gates`, the conditions a candidate has to meet, got none"
        )
    write = {"junit": gates_junit, "json": gates_json, "md": gates_markdown}[style]
    write_text(write(loaded.gates, loaded.verdict, evaluation=evaluation), output)
    sys.exit(loaded.verdict.exit_code)


def _load(data_dir: Path | None, evaluation: str, *, whole: bool = False) -> "EvaluationReport":
    from eval_assets.planning.present_report import present_report
    from eval_assets.stages.engine_room import EngineRoom

    with EngineRoom.from_settings(chosen_settings(data_dir)) as engine_room:
        return present_report(engine_room, evaluation, whole=whole)


def _rendered(loaded: "EvaluationReport", style: str) -> str:
    match style:
        case "json":
            from eval_assets.reports.rendered.json_report import report_json
            from eval_assets.wording.valid_json import valid_json

            return valid_json(report_json(loaded))
        case "md":
            from eval_assets.reports.rendered.markdown import report_markdown

            return report_markdown(loaded)
        case "html":
            from eval_assets.reports.rendered.page.html import report_html

            return report_html(loaded)
        case _:
            from eval_assets.reports.rendered.table import report_table

            return report_table(loaded)
