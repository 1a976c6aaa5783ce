"""`eval-assets check`: every file of `data/`, validated and cross-checked; nothing runs."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.saying import say
from eval_assets.wording.numbers import count_text

if TYPE_CHECKING:
    from eval_assets.config.project import Project
    from eval_assets.providers.dialects.found_out import DialectMemory


@click.command(epilog="Exit code 0: all files can be used; 1: there are problems, one per line on standard output.")
@click.option(
    "--connect",
    is_flag=True,
    help="Send one short request to each served model, with the parameters that it would get, and tell what it takes.",
)
@click.option(
    "--machine",
    is_flag=True,
    help="Also say what this machine lacks for running cells: folders, the warehouse, keys. Nothing is sent.",
)
@click.pass_obj
def check(data_dir: Path | None, *, connect: bool, machine: bool) -> None:
    """Validate datasets, prompts, models, judges and evaluations."""
    from eval_assets.automation.plain_cron import is_plain
    from eval_assets.checking.references import check_project
    from eval_assets.checking.remarks import missing_prerequisites, remarks
    from eval_assets.config.project import SUFFIXES
    from eval_assets.config.project_files import load_project
    from eval_assets.providers.dialects.found_out import DIALECTS_FILE, DialectMemory
    from eval_assets.schemas.copies import COPIES, keeps_schemas, outdated_schemas
    from eval_assets.stages.file_versions import FileVersions

    settings = chosen_settings(data_dir)
    project = load_project(settings.data_dir, settings.warehouse_root)
    versions = FileVersions(project)
    found = check_project(project, versions.metrics)
    problems = found.problems
    schedules = [loaded.item.file.schedule for loaded in project.evaluations.values() if loaded.item.file.schedule]
    if not all(is_plain(schedule.cron) for schedule in schedules):
        from eval_assets.automation.schedules import schedule_problems

        problems += map(str, schedule_problems(project))
    lacking = [line for name in found.usable for line in missing_prerequisites(project, versions, name)]
    if machine:
        from eval_assets.checking.machine import folder_problems

        problems += [*folder_problems(settings), *lacking]
    for problem in problems:
        say(problem)
    dialects = DialectMemory(settings.state_dir / DIALECTS_FILE)
    if connect:
        problems += connection_problems(project, found.usable, dialects)  # said as they come
    prerequisites = () if machine else lacking
    for remark in (*prerequisites, *remarks(project, versions, found.usable, dialects), *found.notes):
        say(f"note: {remark}")
    if keeps_schemas(settings.project_dir) and outdated_schemas(settings.project_dir):
        say(f"note: {COPIES} is of another version of eval-assets; `eval-assets schemas` brings it up to date")
    if problems:
        # One file's problems come as one text, a line each; what belongs to a line is indented below it.
        n_problems = sum(not line.startswith(" ") for problem in problems for line in problem.splitlines())
        say(count_text(n_problems, "problem"), err=True)
        sys.exit(1)
    if not any(project.names(kind) for kind in SUFFIXES):
        wanted = ", ".join(kind for kind in SUFFIXES if kind != "alerts")
        say(f"note: expected --data to name the folder with {wanted}; in {project.data_dir} there are none")
    counts = {kind: len(project.names(kind)) for kind in SUFFIXES}
    told = [count_text(n, kind.removesuffix("s")) for kind, n in counts.items() if n or kind != "alerts"]
    say(f"ok: {', '.join(told)}")


def connection_problems(project: "Project", names: Iterable[str], dialects: "DialectMemory") -> list[str]:
    """Say what each served model answered to one request; those that didn't answer, as problems."""
    from eval_assets.checking.connecting import connections

    problems: list[str] = []
    for connection in connections(project, names, dialects):
        said = connection.said.replace("\n", " ")
        say(f"connected: {said}" if connection.answered else said)
        problems += [] if connection.answered else [said]
    return problems
