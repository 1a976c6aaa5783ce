"""Running a plan through Dagster inside this process: every run, and the whole as a backfill, appears in the UI."""

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import dagster as dg

from eval_assets.assets.file_reading import reading_config
from eval_assets.assets.stage_assets import BACKFILL_TAG, spending_ops
from eval_assets.automation.backfill import close_backfill, missing_in_dagster, partitions_by_asset, record_backfill
from eval_assets.automation.failed_runs import first_failure
from eval_assets.automation.home import PROCESSES
from eval_assets.automation.leftovers import alive, end_what_the_dead_left
from eval_assets.automation.uncaptured import uncaptured
from eval_assets.config.project import Project
from eval_assets.names import COMPARE, EVALUATE_CELL, READ_FILES, Names
from eval_assets.planning.plan import Plan, RootPlan, make_plan
from eval_assets.planning.run_summary import Failed, RunSummary
from eval_assets.providers.batches.desk import BatchDesk, Look, progress_text
from eval_assets.providers.batches.gathering import Gathering
from eval_assets.run_jobs import TABLES, job_definitions
from eval_assets.stages.asking_ahead import AskingAhead
from eval_assets.stages.edges import file_of, files_below
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell, Place, WholeEvaluation
from eval_assets.stages.place_asking import Asked, lanes_asked
from eval_assets.stages.spending import Spending

INTERRUPTED = "DagsterExecutionInterruptedError"
NEEDED_LATER = ("scipy.special", "scipy.sparse.csgraph")
"""What the first comparison needs: importing it takes a second, in which models are waited for anyway."""

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def plan_with_instance(engine_room: EngineRoom, instance: dg.DagsterInstance, names: Names, **choice: Any) -> Plan:
    """`make_plan`, with the partitions that this instance has never seen; ends what killed processes left in it."""
    end_what_the_dead_left(instance, engine_room.state_dir / PROCESSES)
    missing = missing_in_dagster(instance, engine_room.project, names)
    return make_plan(engine_room, missing_in_dagster=missing, **choice)


def run_plan(
    engine_room: EngineRoom,
    plan: Plan,
    *,
    spending: Spending,
    instance: dg.DagsterInstance,
    on_start: Callable[[str], None],
    names: Names,
    wait: bool = False,
) -> RunSummary:
    """Materialize everything a plan names, upstream first, one run per partition.

    A cell whose run fails doesn't stop the others; a file that can't be read stops the cells below it.

    Args:
        engine_room: Shared by all runs, so that they share servers, budget and stored replies.
        plan: What to run.
        spending: Cache policy and budget.
        instance: Where runs are recorded.
        on_start: Told what starts.
        names: What assets and jobs are called.
        wait: For batches, and run what they bring; else the summary says what waits.
    """
    batch = uuid.uuid4().hex[:8]
    repository = job_definitions(engine_room.project, engine_room, names).get_repository_def()
    summary, sent_before = RunSummary(backfill_id=batch), engine_room.n_sent
    with alive(instance, engine_room.state_dir / PROCESSES, batch), uncaptured(instance):
        backfill = record_backfill(
            instance,
            repository.asset_graph,
            names,
            partitions_by_asset(plan),
            backfill_id=batch,
            description="eval-assets run",
            tags={"eval_assets/run": batch},
        )
        runs = _Runs(engine_room, repository, names, instance, batch, on_start, summary)
        _execute_all(engine_room, plan, spending, runs, wait=wait)
        close_backfill(instance, backfill, succeeded=not summary.failed and not summary.skipped)
    summary.n_sent = engine_room.n_sent - sent_before
    return summary


@dataclass(frozen=True, slots=True)
class _Runs:
    """The runs of one batch, one after the other; how each went is noted in the summary."""

    engine_room: EngineRoom
    repository: dg.RepositoryDefinition
    names: Names
    instance: dg.DagsterInstance
    batch: str
    on_start: Callable[[str], None]
    summary: RunSummary

    def read(self, roots: Sequence[RootPlan]) -> set[tuple[str, str]]:
        """Read files, all in one run; those that could not be read."""
        if not roots:
            return set()
        files = {f"{root.table}/{root.name}": (root.table, root.name) for root in roots}
        self.on_start(f"{READ_FILES}[{', '.join(files)}]")
        result = self._execute(READ_FILES, reading_config(self.names, [*files]))
        events = result.get_asset_materialization_events()
        keys = ((event.asset_key, event.partition or "") for event in events if event.asset_key is not None)
        tables = ((self.names.table_of(key), partition) for key, partition in keys)
        read = {(table, file_of(table, partition)) for table, partition in tables if table is not None}
        said = _said_of_files(result)
        for place, root in files.items():
            if root not in read:
                message = said.get(place) or _reason(result)
                cause = message.partition(":")[0] if place in said else _cause(result)
                failed = Failed(f"{READ_FILES}[{place}]", result.run_id, message, refused=False, cause=cause)
                self.summary.failed.append(failed)
        return set(files.values()) - read

    def compute(self, job: str, partition_key: str, tables: Collection[str], spending: Spending, run_id: str) -> None:
        """Compute tables of one cell, or of an evaluation as a whole, in a run of this id."""
        what = f"{job}[{partition_key}]"
        self.on_start(what)
        ops = spending_ops(self.names, tables, spending)
        # Cutting a job to all of its assets takes as long as cutting it to some.
        chosen = None if set(tables) == set(TABLES[job]) else self.names.keys(tables)
        result = self._execute(
            job, {"ops": ops} if ops else {}, run_id=run_id, partition_key=partition_key, asset_selection=chosen
        )
        if not result.success:
            refused = bool(_refusals(result))
            failed = Failed(what, result.run_id, _reason(result), refused=refused, cause=_cause(result))
            self.summary.failed.append(failed)

    def _execute(self, job: str, run_config: Mapping[str, Any], **target: Any) -> dg.ExecuteInProcessResult:
        result = self.repository.get_job(self.names.of(job)).execute_in_process(
            instance=self.instance,
            tags={BACKFILL_TAG: self.batch},
            run_config={**QUIET, **run_config},
            raise_on_error=False,
            **target,
        )
        self.summary.n_runs += 1
        for event in result.all_events:
            if event.is_step_success and event.node_name:
                seconds = self.summary.seconds.get(event.node_name, 0.0)
                self.summary.seconds[event.node_name] = seconds + event.step_success_data.duration_ms / 1000
        if _was_interrupted(result):
            self.engine_room.stop.set()
        return result


class _Agenda:
    """The places of a plan, cells first: what is asked and written there, and by which run.

    Args:
        project: The files as they stand.
        plan: What to run.
        unread: Table and name of files that could not be read: what is below them stays as it is.
    """

    def __init__(self, project: Project, plan: Plan, unread: Collection[tuple[str, str]]) -> None:
        cells = {planned.cell: planned for planned in plan.cells if planned.is_stale}
        joins = {WholeEvaluation(join.evaluation): join for join in plan.joined}
        self.cells, self.joins = list(cells), list(joins)
        self.tables: dict[Place, Collection[str]] = {place: cells[place].tables for place in self.cells}
        self.tables |= {place: joins[place].tables for place in self.joins}
        self.run_ids = {place: str(uuid.uuid4()) for place in self.tables}
        self._n_sent: dict[Place, int] = {cell: cells[cell].work.generate + cells[cell].work.judge for cell in cells}
        self._n_sent |= {WholeEvaluation(planned.evaluation): planned.judge for planned in plan.pairwise}
        # A join is as urgent as the last of its cells.
        self._ranks: dict[Place, int] = {}
        for rank, cell in enumerate(cells):
            self._ranks[cell] = self._ranks[WholeEvaluation(cell.evaluation)] = rank
        self._project, self._unread = project, set(unread)

    def is_blocked(self, place: Place) -> bool:
        """Whether a file below a place could not be read."""
        return bool(self._unread & files_below(self._project, place))

    def to_ask(self, places: Iterable[Place]) -> list[Asked]:
        """Those of the places where requests will be sent."""
        return [self.asked(place) for place in places if self._n_sent.get(place) and not self.is_blocked(place)]

    def asked(self, place: Place) -> Asked:
        """What is asked there, though the plan counts its requests to other places."""
        return Asked(place, self.tables[place], self.run_ids[place], self._ranks.get(place, 0))


def _execute_all(engine_room: EngineRoom, plan: Plan, spending: Spending, runs: _Runs, *, wait: bool) -> None:
    """Run what the plan names, in as many rounds as batches take that are waited for."""
    runs.summary.unread = runs.read(plan.roots)
    agenda = _Agenda(engine_room.project, plan, runs.summary.unread)
    lanes = lanes_asked(engine_room.project, agenda.tables)
    desk = BatchDesk(engine_room.store, engine_room.open_batches, engine_room.stop, runs.on_start)
    left = _Left([*agenda.cells], [*agenda.joins])
    while True:
        desk.bring_in(lanes)
        gathering = Gathering()
        # The lanes are held until what was gathered is remembered: nobody else gathers or sends it.
        with engine_room.store.taking_together(lanes):
            with closing(AskingAhead(engine_room, replace(spending, batch=runs.batch), gathering)) as ahead:
                left = _execute_round(engine_room, agenda, left, spending, runs, ahead)
            refused = {} if engine_room.stop.is_set() else desk.submit(gathering)
        if refused or not wait or not left.waiting or not desk.wait(lanes):
            break
    runs.summary.waiting = {place.key: n for place, n in left.waiting.items() if n}
    runs.summary.batches = [progress_text(Look(record, None)) for record in desk.under_way(lanes)]
    not_submitted = {f"to submit a batch of {name}": error for name, error in refused.items()}
    for what, why in {**not_submitted, **{place.key: why for place, why in left.refused.items()}}.items():
        failed = Failed(what, runs.batch, str(why), refused=False, cause=type(why).__name__)
        runs.summary.failed.append(failed)


@dataclass(slots=True)
class _Left:
    """What of a plan still is to be computed.

    Args:
        cells: In the order of the plan.
        joins: Likewise.
        waiting: Of these, those that were asked and wait for batches → for how many requests.
        refused: Those that a budget stopped → what it says.
    """

    cells: list[Place]
    joins: list[Place]
    waiting: dict[Place, int] = field(default_factory=dict)
    refused: dict[Place, BaseException] = field(default_factory=dict)


def _execute_round(
    engine_room: EngineRoom, agenda: _Agenda, left: _Left, spending: Spending, runs: _Runs, ahead: AskingAhead
) -> _Left:
    """Run what can be, upstream first: each cell once all of it was asked, and joins once their cells ran.

    Returns:
        What waits for batches, and the joins above it.
    """
    later = _Left([], [])
    waiting, to_join = [*left.cells], [*left.joins]
    if first := agenda.to_ask(waiting):
        ahead.begin(first)
        ahead.let_first_through()
        for module in NEEDED_LATER:
            import_module(module)
    while True:
        unfinished = {place.evaluation for place in (*waiting, *later.cells)}
        ready = [place for place in to_join if place.evaluation not in unfinished]
        to_join = [place for place in to_join if place.evaluation in unfinished]
        ahead.begin(agenda.to_ask(ready))
        waiting = [*ready, *waiting]
        if not waiting:
            later.joins += to_join
            return later
        place = ahead.first_done(waiting)
        waiting.remove(place)
        if engine_room.stop.is_set() or agenda.is_blocked(place):
            runs.summary.skipped.append(place.key)
            continue
        if later.waiting and not ahead.was_asked(place):
            # Its requests are those of other places, which may wait.
            ahead.begin([agenda.asked(place)])
            waiting.append(place)
            continue
        n_waiting, refused = ahead.n_waiting(place), ahead.refused(place)
        if n_waiting or refused is not None:
            (later.cells if isinstance(place, Cell) else later.joins).append(place)
            later.waiting[place] = n_waiting
            if refused is not None:
                later.refused[place] = refused
            continue
        job = EVALUATE_CELL if isinstance(place, Cell) else COMPARE
        runs.compute(job, place.key, agenda.tables[place], spending, agenda.run_ids[place])


def _said_of_files(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """File, as `table/name` → why it could not be read."""
    failures = (event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure)
    return {place: str(said.value) for failure in failures if failure for place, said in failure.metadata.items()}


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether Ctrl-C reached Dagster, which catches it while a step runs."""
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    return any(error is not None and error.cls_name == INTERRUPTED for error in errors)


def _refusals(result: dg.ExecuteInProcessResult) -> list[str]:
    """What blocking checks say against what a run computed."""
    return [
        f"{check.check_name} of {check.asset_key.to_user_string()}: {check.description}"
        for check in result.get_asset_check_evaluations()
        if check.blocking and not check.passed
    ]


def _cause(result: dg.ExecuteInProcessResult) -> str:
    """Class of the error of the first step that failed: of ours where ours was said plainly."""
    errors = (event.step_failure_data.error for event in result.all_events if event.is_step_failure)
    first = next((error for error in errors if error is not None), None)
    return "" if first is None else str((first.cause or first).cls_name)


def _reason(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed: what its blocking checks say, else the error of the first step that failed."""
    if refusals := _refusals(result):
        return "; ".join(refusals)
    if _was_interrupted(result):
        return "stopped"
    return first_failure(result.all_events) or "the run failed; its page in the UI says why"
