"""`eval-assets report` and `eval-assets gate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.exit_codes import GATE_CODES
from eval_assets.cli.exporting import EXPORTED, export, is_folder, refuse_missing_output
from eval_assets.cli.output_files import write_text
from eval_assets.cli.report_parts import WHOLE, Parts, example_shown, json_shown, wished_parts
from eval_assets.errors import ConfigError

if TYPE_CHECKING:
    from eval_assets.reports.evaluation_report import EvaluationReport


@click.command()
@click.argument("evaluation")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "md", "html", "csv", "xlsx", "parquet", "junit"]),
    default="table",
    show_default=True,
    help="table for a terminal, md for a comment, html for a page in one file, json for programs; csv, xlsx and "
    "parquet for spreadsheets and data frames; junit for what gates say.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Write to this file. For parquet, a name that does not end in .parquet is a folder for every table.",
)
@wished_parts
@click.option(
    "--explain", metavar="METRIC", help="Print how this metric or judge is computed, and what that takes for granted."
)
@click.pass_obj
def report(
    data_dir: Path | None, evaluation: str, style: str, output: Path | None, parts: Parts, explain: str | None
) -> None:
    """Print the answer an evaluation gives and what is behind it, as last computed."""
    parts.refuse_unfitting(style)
    if explain is not None:
        from eval_assets.planning.explaining import explain_metric
        from eval_assets.stages.engine_room import EngineRoom

        with EngineRoom.from_settings(chosen_settings(data_dir)) as engine_room:
            write_text(explain_metric(engine_room, evaluation, explain), output)
        return
    if style in EXPORTED:
        refuse_missing_output(style, output, evaluation)
        is_of_tables = is_folder(style, output, parts)
        export(_load(data_dir, evaluation, whole=is_of_tables), style, output, parts)
        return
    loaded = _load(data_dir, evaluation)
    parts.refuse_unknown(loaded)
    if style == "junit":
        _refuse_without_gates(loaded)
    write_text(_rendered(loaded, style, parts), output)


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
@click.option("--explain", is_flag=True, help="Add how each condition was decided. For md.")
@click.pass_obj
def gate(data_dir: Path | None, evaluation: str, style: str, output: Path | None, explain: bool) -> None:  # noqa: FBT001  an option
    """Say whether the candidates of an evaluation pass its gates."""
    from eval_assets.reports.rendered.gate_explained import gates_explained
    from eval_assets.reports.rendered.gate_formats import gates_json, gates_junit, gates_markdown

    if explain and style != "md":
        raise click.UsageError(f"--explain goes with --format md, got --format {style}")

    loaded = _load(data_dir, evaluation)
    _refuse_without_gates(loaded)
    write = {"junit": gates_junit, "json": gates_json, "md": gates_markdown}[style]
    text = write(loaded.gates, loaded.verdict, evaluation=evaluation)
    write_text(f"{text}\n{gates_explained(loaded)}" if explain else text, output)
    sys.exit(loaded.verdict.exit_code)


def _load(data_dir: Path | None, evaluation: str, *, whole: bool = False) -> "EvaluationReport":
    from eval_assets.planning.present_report import present_report
    from eval_assets.stages.engine_room import EngineRoom

    with EngineRoom.from_settings(chosen_settings(data_dir)) as engine_room:
        return present_report(engine_room, evaluation, whole=whole)


def _refuse_without_gates(loaded: "EvaluationReport") -> None:
    if not loaded.outdated and not loaded.evaluation.file.gates:
        name = loaded.evaluation.name
        raise ConfigError(
            f"data/evaluations/{name}.yaml: expected `gates`, the conditions a candidate has to meet, got none"
        )


def _rendered(loaded: "EvaluationReport", style: str, parts: Parts = WHOLE) -> str:
    if parts.example is not None:
        return example_shown(loaded, style, parts)
    match style:
        case "json":
            return json_shown(loaded, parts)
        case "junit":
            from eval_assets.reports.rendered.gate_formats import gates_junit

            return gates_junit(loaded.gates, loaded.verdict, evaluation=loaded.evaluation.name)
        case "md":
            from eval_assets.reports.rendered.markdown import report_markdown

            return report_markdown(loaded, selected=parts.candidates, slices=parts.slices)
        case "html":
            from eval_assets.reports.rendered.page.html import report_html

            return report_html(loaded)
        case _:
            from eval_assets.reports.rendered.table import report_table

            return report_table(loaded, selected=parts.candidates, slices=parts.slices, brief=parts.brief)
