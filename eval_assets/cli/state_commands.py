"""`eval-assets compare` and `eval-assets release`: candidates against their former states, and marking a state."""

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.output_files import write_text
from eval_assets.cli.saying import say
from eval_assets.errors import StorageError
from eval_assets.wording.valid_json import valid_json

if TYPE_CHECKING:
    import polars as pl

    from eval_assets.reports.changes_report import ChangesReport

FORMS = """
\b
SINCE and UNTIL are one of:
  previous              the state before, made from anything else (the default)
  first                 the first state there was
  released              the state that `eval-assets release` marked last
  v3, model:v2          a version of the prompt; of the model, a judge, the evaluation
  2026-11-20            the state at the beginning of a day, UTC, or at a time
  r1                    the name of a release
  1a2b3c4d              the beginning of a run's id, or of a state's as `search_runs` has it
"""


@click.command(epilog=FORMS)
@click.argument("evaluation")
@click.option("--since", default="previous", show_default=True, help="The earlier state.")
@click.option("--until", help="The later state. [default: the present one]")
@click.option("--candidate", "candidates", multiple=True, help="Only this candidate, `model@prompt`; repeatable.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "md", "json"]),
    default="table",
    show_default=True,
    help="table for a terminal, md for a comment, json for programs.",
)
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write to this file.")
@click.pass_obj
def compare(
    data_dir: Path | None,
    evaluation: str,
    since: str,
    until: str | None,
    candidates: Sequence[str],
    style: str,
    output: Path | None,
) -> None:
    """Say what changed in each candidate since a former state of it, and what that did. Nothing is sent."""
    from eval_assets.planning.staleness import StalenessReader
    from eval_assets.stages.compared_since import compared_since
    from eval_assets.stages.engine_room import EngineRoom

    with EngineRoom.from_settings(chosen_settings(data_dir)) as room:
        found = compared_since(room, evaluation, since=since, until=until, candidates=candidates)
        outdated = StalenessReader(room.project, room.versions, room.warehouse).outdated(evaluation)
        if outdated and until is None:
            say(f"the present state is not that of the files: {outdated[0]}; `eval-assets run {evaluation}`", err=True)
        write_text(_rendered(found, style), output)


@click.command()
@click.argument("evaluation")
@click.option("--candidate", "candidates", multiple=True, help="Only this candidate, `model@prompt`; repeatable.")
@click.option("--name", help="What the state is called from now on. [default: r1, r2 and so on]")
@click.option("--by", "released_by", help="Who releases it. [default: the user of this machine]")
@click.option("--note", default="", help="Why.")
@click.option("--list", "only_list", is_flag=True, help="Only show the releases there are.")
@click.pass_obj
def release(
    data_dir: Path | None,
    evaluation: str,
    candidates: Sequence[str],
    name: str | None,
    released_by: str | None,
    note: str,
    *,
    only_list: bool,
) -> None:
    """Mark the present state of an evaluation's candidates as released, for gates that say `against: released`.

    Its rows stay readable for as long as it is the last one released; releases are only ever added.
    """
    from eval_assets.planning.present_report import present_report
    from eval_assets.stages.engine_room import EngineRoom
    from eval_assets.stages.releasing import chosen_candidates, released
    from eval_assets.stages.releasing import release as mark_released

    with EngineRoom.from_settings(chosen_settings(data_dir)) as room:
        room.project.evaluation(evaluation)
        if only_list:
            _say_releases(released(room.warehouse, evaluation))
            return
        report = present_report(room, evaluation)
        if report.outdated:
            raise StorageError(
                f"{evaluation} is not up to date: {report.outdated[0]}; `eval-assets run {evaluation}`, then release it"
            )
        _say_releases(
            mark_released(
                room.warehouse,
                evaluation,
                chosen_candidates(report.evaluation.candidates, candidates),
                name=name,
                released_by=released_by or getpass.getuser(),
                note=note,
                verdict=report.verdict.verdict.value,
            )
        )
        if any(gate.against == "released" for gate in report.evaluation.file.gates):
            say(f"`eval-assets run {evaluation}` holds the gates against it; nothing is sent", err=True)


def _say_releases(rows: "pl.DataFrame") -> None:
    for row in rows.iter_rows(named=True):
        why = f": {row['note']}" if row["note"] else ""
        say(
            f"{row['release']} {row['model']}@{row['prompt']}, state {row['state'][:8]}, gates {row['verdict']}, "
            f"{row['released_at']:%Y-%m-%d %H:%M} UTC by {row['released_by']}{why}"
        )
    if rows.is_empty():
        say("nothing was released yet")


def _rendered(found: "ChangesReport", style: str) -> str:
    match style:
        case "json":
            from eval_assets.reports.rendered.changes_json import changes_json

            return valid_json(changes_json(found))
        case "md":
            from eval_assets.reports.rendered.changes_text import changes_markdown

            return "\n".join(changes_markdown(found)) + "\n"
        case _:
            from eval_assets.reports.rendered.changes_text import changes_table

            return changes_table(found)
