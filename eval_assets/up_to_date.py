"""Bringing evaluations up to date, from whatever door: the plan, its runs through Dagster, and how they ended.

Dagster is imported once there is something to run; a plan of nothing is told without it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import polars as pl

from eval_assets.automation.home import ask, dagster_home, remembered, unseen
from eval_assets.config.settings import Settings
from eval_assets.names import Names, names_of
from eval_assets.planning.failed_rows import FailedRows, failed_rows
from eval_assets.planning.plan import Plan, make_plan
from eval_assets.planning.run_summary import RunSummary, waiting_lines
from eval_assets.planning.staleness import StalenessReader
from eval_assets.providers.dispatch.progress import Progress
from eval_assets.reports.computed.gating import OverallVerdict, overall_verdict
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell
from eval_assets.stages.spending import Spending
from eval_assets.wording.numbers import count_text

if TYPE_CHECKING:
    import dagster as dg


class RunWatcher(Protocol):
    """Who is told how runs go; entered while they do."""

    def __enter__(self) -> Self:
        """Runs begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Runs have ended."""
        ...

    def start(self, what: str) -> None:
        """A run starts."""
        ...

    def update(self, where: str, stage: str, progress: Progress) -> None:
        """A stage of a cell, or of a whole evaluation, went on."""
        ...

    def stop(self, said: str) -> None:
        """Somebody asked to stop."""
        ...


@dataclass(frozen=True, slots=True)
class Listener:
    """Who wants to hear of it.

    Args:
        watch: Called once there is something to run.
        on_plan: Told what will be done, before anything is; null: nobody is.
    """

    watch: Callable[[], RunWatcher]
    on_plan: Callable[[Plan], object] | None = None

    def planned(self, plan: Plan) -> None:
        """What will be done is known."""
        if self.on_plan is not None:
            self.on_plan(plan)


@dataclass(frozen=True, slots=True, repr=False)
class RunOutcome:
    """How it ended.

    Args:
        plan: What was to be done.
        summary: What ran.
        failed: Rows without a result.
        gates: Evaluation → what its gates say together, and their rows.
        missing: Rows that have no whole answer and aren't asked for again, a line each.
        was_stopped: Whether somebody asked to stop.
        is_open: Whether the same call would go on with what is left.
    """

    plan: Plan
    summary: RunSummary
    failed: Sequence[FailedRows]
    gates: Mapping[str, tuple[OverallVerdict, pl.DataFrame]]
    missing: Sequence[str]
    was_stopped: bool
    is_open: bool

    def __repr__(self) -> str:
        """What ran, what failed, what gates say, and what waits for batches, a line each."""
        n_failed = sum(rows.n_failed for rows in self.failed)
        runs = f"{count_text(self.summary.n_runs, 'run')}, {count_text(n_failed, 'row')} without a result"
        gates = [f"{name}: {overall.verdict.value}, {overall.note}" for name, (overall, _) in self.gates.items()]
        waiting = [*self.summary.batches, *waiting_lines(self.summary.waiting)]
        return "\n".join([runs, *gates, *waiting, *self.unfinished])

    @property
    def unfinished(self) -> tuple[str, ...]:
        """What crashed and what was not run, a line each."""
        crashed = [
            f"failed {run.what} (run {run.run_id}): {run.message}" for run in self.summary.failed if not run.refused
        ]
        not_run = [*self.summary.skipped, *(refused.evaluation for refused in self.plan.refused)]
        return (*crashed, *([f"not run: {', '.join(not_run)}"] if not_run else []))


def bring_up_to_date(
    engine_room: EngineRoom,
    settings: Settings,
    chosen: Mapping[str, Any],
    spending: Spending,
    listener: Listener,
    *,
    wait: bool = False,
    queue: bool = False,
) -> RunOutcome:
    """Run what is stale, missing or formerly failed, and nothing else.

    Args:
        engine_room: Project, warehouse, budget.
        settings: Where the project's Dagster instance lies, and what assets and jobs are called there.
        chosen: Which evaluations, models and prompts, as `make_plan` takes them.
        spending: What may be reused and asked again.
        listener: Told how it goes.
        wait: For batches that are under way, and run what they bring; for the queue.
        queue: Hand cells to the instance's run queue, for any machine to take.

    Raises:
        ConfigError: A name is unknown, or of each chosen evaluation a file can't be used.
    """
    summary, made = RunSummary(), _plan_without_dagster(engine_room, settings, chosen, spending)
    if made is None or not made.is_empty:
        summary, made = _planned_and_run(
            engine_room, settings, chosen, spending, listener, made, wait=wait, queue=queue
        )
    else:
        listener.planned(made)
    cells = [planned.cell for planned in made.cells]
    reader = StalenessReader(engine_room.project, engine_room.versions, engine_room.warehouse)
    is_open = bool(summary.skipped or summary.waiting or summary.queued) or any(
        not failed.refused for failed in summary.failed
    )
    return RunOutcome(
        plan=made,
        summary=summary,
        failed=failed_rows(engine_room.warehouse, cells),
        gates=_gates(engine_room, cells),
        missing=[f"{cell.key}: {line}" for cell in made.stale_cells for line in reader.missing(cell)],
        was_stopped=engine_room.stop.is_set(),
        is_open=is_open or any(reader.failures(cell) for cell in made.stale_cells),
    )


def _plan_without_dagster(
    engine_room: EngineRoom, settings: Settings, chosen: Mapping[str, Any], spending: Spending
) -> Plan | None:
    """The plan, if Dagster need not be asked for it: importing it takes longer than a plan of nothing."""
    seen = remembered(dagster_home(settings.home), engine_room.state_dir, names_of(settings))
    if seen is None:
        return None
    missing = unseen(seen, engine_room.project)
    return make_plan(engine_room, missing_in_dagster=missing, spending=spending, **chosen)


def _planned_and_run(
    engine_room: EngineRoom,
    settings: Settings,
    chosen: Mapping[str, Any],
    spending: Spending,
    listener: Listener,
    made: Plan | None,
    *,
    wait: bool,
    queue: bool,
) -> tuple[RunSummary, Plan]:
    """Run the plan; without one, plan first with what Dagster has seen."""
    from eval_assets.automation.instance import open_instance

    names = names_of(settings)
    with open_instance(settings.home) as instance, listener.watch() as watcher:
        plan = made or _plan_with(instance, engine_room, names, chosen, spending)
        listener.planned(plan)
        engine_room.on_progress = watcher.update
        summary = RunSummary()
        if not plan.is_empty:
            summary = _run(instance, engine_room, names, plan, spending, watcher, wait=wait, queue=queue)
        ask(dagster_home(settings.home), engine_room.state_dir, instance, names)
    return summary, plan


def _plan_with(
    instance: "dg.DagsterInstance",
    engine_room: EngineRoom,
    names: Names,
    chosen: Mapping[str, Any],
    spending: Spending,
) -> Plan:
    from eval_assets.plan_runs import plan_with_instance

    return plan_with_instance(engine_room, instance, names, **chosen, spending=spending)


def _run(
    instance: "dg.DagsterInstance",
    engine_room: EngineRoom,
    names: Names,
    plan: Plan,
    spending: Spending,
    watcher: RunWatcher,
    *,
    wait: bool,
    queue: bool,
) -> RunSummary:
    from eval_assets.automation.stopping import stopping
    from eval_assets.plan_runs import run_plan
    from eval_assets.queueing import queue_plan, until_done

    execute = queue_plan if queue else partial(run_plan, wait=wait)
    with stopping(engine_room, watcher.stop):
        summary = execute(engine_room, plan, spending=spending, instance=instance, on_start=watcher.start, names=names)
        return until_done(instance, summary, engine_room.stop) if queue and wait else summary


def _gates(engine_room: EngineRoom, cells: Sequence[Cell]) -> dict[str, tuple[OverallVerdict, pl.DataFrame]]:
    """What gates said at the last comparison of the planned evaluations that have been compared."""
    found = {}
    for name in dict.fromkeys(cell.evaluation for cell in cells):
        results = engine_room.warehouse.scan("gate_results", {"evaluation": name}).collect()
        found[name] = (overall_verdict(results), results)
    return found
