"""`eval-assets plan` and `eval-assets run`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.exit_codes import RUN_CODES, ExitCode
from eval_assets.cli.options import Allowance, Allowed, Choice, chosen_cells
from eval_assets.cli.run_ending import RunEnding
from eval_assets.cli.saying import say
from eval_assets.wording.valid_json import valid_json

if TYPE_CHECKING:
    import polars as pl

    from eval_assets.config.settings import Settings
    from eval_assets.planning.plan import Plan
    from eval_assets.planning.run_summary import RunSummary
    from eval_assets.reports.computed.gating import OverallVerdict
    from eval_assets.stages.engine_room import EngineRoom
    from eval_assets.stages.graph import Cell


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; `partitions` lists the cells.")
@click.pass_obj
@chosen_cells
def plan(data_dir: Path | None, *, choice: Choice, as_json: bool) -> None:
    """Show what a run would do, why, and what it would cost. Nothing is sent."""
    _show_plan(data_dir, choice, as_json=as_json)


def _show_plan(data_dir: Path | None, choice: Choice, *, as_json: bool) -> None:
    from eval_assets.planning.plan import make_plan
    from eval_assets.planning.plan_text import plan_text

    with choice.engine_room(chosen_settings(data_dir)) as engine_room:
        made = make_plan(engine_room, **choice.of_plan, spending=choice.spending)
    say(valid_json(made.as_json()) if as_json else plan_text(made))
    if made.refused:
        sys.exit(ExitCode.USAGE)


@click.command(epilog=RUN_CODES)
@click.option("--max-cost-usd", type=click.FloatRange(min=0), help="Stop before the request that could exceed this.")
@click.option(
    "--allow-failed",
    type=Allowance(),
    default="0",
    help="Exit with 0 although rows failed: at most so many in all, such as 3, or a share of each candidate's rows, "
    "such as 2%.",
)
@click.option("--no-gate", is_flag=True, help="Leave what the gates say out of the exit code.")
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.pass_obj
@chosen_cells
def run(
    data_dir: Path | None,
    *,
    choice: Choice,
    max_cost_usd: float | None,
    allow_failed: Allowed,
    no_gate: bool,
    dry_run: bool,
) -> None:
    """Bring evaluations up to date: exactly the stale, missing and formerly failed cells run.

    Runs go through Dagster: the UI shows each of them, and all together as a backfill.
    """
    if dry_run:
        _show_plan(data_dir, choice, as_json=False)
        return
    from eval_assets.planning.failed_rows import failed_rows
    from eval_assets.planning.plan_text import plan_text
    from eval_assets.planning.run_summary import RunSummary
    from eval_assets.planning.staleness import StalenessReader
    from eval_assets.requests.budget import Budget

    settings = chosen_settings(data_dir)
    with choice.engine_room(settings) as engine_room:
        engine_room.budget = None if max_cost_usd is None else Budget(max_cost_usd)
        summary, made = RunSummary(), _plan_without_dagster(engine_room, settings, choice)
        if made is None or not made.is_empty:
            summary, made = _planned_and_run(engine_room, settings, choice, made)
        else:
            say(plan_text(made), err=True)
        cells = [planned.cell for planned in made.cells]
        ending = RunEnding(
            summary,
            failed_rows(engine_room.warehouse, cells),
            allow_failed,
            {} if no_gate or choice.limit else _gates(engine_room, cells),
            was_stopped=engine_room.stop.is_set(),
            unusable=tuple(refused.evaluation for refused in made.refused),
        )
        reader = StalenessReader(engine_room.project, engine_room.versions, engine_room.warehouse)
        is_open = bool(summary.skipped) or any(not failed.refused for failed in summary.failed)
        is_open |= any(reader.failures(cell) for cell in made.stale_cells)
        missing = [f"{cell.key}: {line}" for cell in made.stale_cells for line in reader.missing(cell)]
    for line in (*missing, *ending.lines()):
        say(line, err=True)
    if choice.limit is not None:
        all_of_it = " ".join(["eval-assets run", *choice.evaluations])
        say(f"only the first {choice.limit} rows, and no gates: `{all_of_it}` computes all, and reuses these", err=True)
    if is_open:
        say("everything answered so far is kept; the same command goes on from there", err=True)
    sys.exit(ending.code)


def _plan_without_dagster(engine_room: "EngineRoom", settings: "Settings", choice: Choice) -> "Plan | None":
    """The plan, if Dagster need not be asked for it: importing it takes longer than a plan of nothing."""
    from eval_assets.automation.home import dagster_home, remembered, unseen
    from eval_assets.names import names_of
    from eval_assets.planning.plan import make_plan

    seen = remembered(dagster_home(settings.home), engine_room.state_dir, names_of(settings))
    if seen is None:
        return None
    missing = unseen(seen, engine_room.project)
    return make_plan(engine_room, missing_in_dagster=missing, spending=choice.spending, **choice.of_plan)


def _planned_and_run(
    engine_room: "EngineRoom", settings: "Settings", choice: Choice, made: "Plan | None"
) -> "tuple[RunSummary, Plan]":
    """Run the plan; without one, plan first with what Dagster has seen."""
    from eval_assets.automation.home import ask, dagster_home
    from eval_assets.automation.instance import open_instance
    from eval_assets.automation.stopping import stopping
    from eval_assets.cli.progress_view import ProgressView
    from eval_assets.names import names_of
    from eval_assets.plan_runs import plan_with_instance, run_plan
    from eval_assets.planning.plan_text import plan_text
    from eval_assets.planning.run_summary import RunSummary

    summary, spending, names = RunSummary(), choice.spending, names_of(settings)
    with open_instance(settings.home) as instance, ProgressView(sys.stderr) as view:
        if made is None:
            made = plan_with_instance(engine_room, instance, names, **choice.of_plan, spending=spending)
        say(plan_text(made), err=True)
        engine_room.on_progress = view.update
        if not made.is_empty:
            with stopping(engine_room, lambda said: say(f"{said} (Ctrl-C again to break off)", err=True)):
                summary = run_plan(
                    engine_room, made, spending=spending, instance=instance, on_start=view.start, names=names
                )
        ask(dagster_home(settings.home), engine_room.state_dir, instance, names)
    return summary, made


def _gates(engine_room: "EngineRoom", cells: "Sequence[Cell]") -> "dict[str, tuple[OverallVerdict, pl.DataFrame]]":
    """What gates said at the last comparison of the planned evaluations that have been compared."""
    from eval_assets.reports.computed.gating import overall_verdict

    found = {}
    for name in dict.fromkeys(cell.evaluation for cell in cells):
        results = engine_room.warehouse.scan("gate_results", {"evaluation": name}).collect()
        found[name] = (overall_verdict(results), results)
    return found
