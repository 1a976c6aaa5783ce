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
@click.option(
    "--candidate",
    "selected",
    multiple=True,
    help="Show this candidate, MODEL@PROMPT, however far down it stands; repeatable. For table and md.",
)
@click.option(
    "--brief", is_flag=True, help="Only the answer, gates, notes and what changed since last time. For table."
)
@click.option(
    "--explain", metavar="METRIC", help="Print how this metric or judge is computed, and what that takes for granted."
)
@click.pass_obj
def report(
    data_dir: Path | None,
    evaluation: str,
    style: str,
    output: Path | None,
    selected: tuple[str, ...],
    explain: str | None,
    *,
    brief: bool,
) -> None:
    """Print the answer an evaluation gives and what is behind it, as last computed."""
    if brief and style != "table":
        raise click.UsageError(f"--brief goes with --format table, got --format {style}")
    if explain is not None:
        from eval_assets.planning.explaining import explain_metric
        from eval_assets.stages.engine_room import EngineRoom

        with EngineRoom.from_settings(chosen_settings(data_dir)) as engine_room:
            write_text(explain_metric(engine_room, evaluation, explain), output)
        return
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
    loaded = _load(data_dir, evaluation)
    _refuse_unknown_candidates(loaded, selected)
    write_text(_rendered(loaded, style, selected, brief=brief), output)


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
    if not loaded.outdated and not loaded.evaluation.file.gates:
        raise ConfigError(
            f"data/evaluations/{evaluation}.yaml: expected `gates`, the conditions a candidate has to meet, got none"
        )
    write = {"junit": gates_junit, "json": gates_json, "md": gates_markdown}[style]
    text = write(loaded.gates, loaded.verdict, evaluation=evaluation)
    write_text(f"{text}\n{gates_explained(loaded)}" if explain else text, output)
    sys.exit(loaded.verdict.exit_code)


def _load(data_dir: Path | None, evaluation: str, *, whole: bool = False) -> "EvaluationReport":
    from eval_assets.planning.present_report import present_report
    from eval_assets.stages.engine_room import EngineRoom

    with EngineRoom.from_settings(chosen_settings(data_dir)) as engine_room:
        return present_report(engine_room, evaluation, whole=whole)


def _refuse_unknown_candidates(loaded: "EvaluationReport", selected: tuple[str, ...]) -> None:
    from eval_assets.config.problems import nearest

    known = [candidate.name for candidate in loaded.candidates]
    for name in selected:
        if name not in known:
            raise click.UsageError(
                f"--candidate: expected one of {', '.join(known)}, got {name!r}; {nearest(name, known)}"
            )


def _rendered(loaded: "EvaluationReport", style: str, selected: tuple[str, ...], *, brief: bool) -> str:
    match style:
        case "json":
            from eval_assets.reports.rendered.json_report import report_json
            from eval_assets.wording.valid_json import valid_json

            return valid_json(report_json(loaded))
        case "md":
            from eval_assets.reports.rendered.markdown import report_markdown

            return report_markdown(loaded, selected=selected)
        case "html":
            from eval_assets.reports.rendered.page.html import report_html

            return report_html(loaded)
        case _:
            from eval_assets.reports.rendered.table import report_table

            return report_table(loaded, selected=selected, brief=brief)
