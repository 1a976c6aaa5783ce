"""Running a plan through Dagster inside this process: every run, and the whole as a backfill, appears in the UI."""

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from eval_assets.assets.stage_assets import BACKFILL_TAG
from eval_assets.automation.backfill import close_backfill, missing_in_dagster, partitions_by_asset, record_backfill
from eval_assets.automation.leftovers import alive, end_what_the_dead_left
from eval_assets.config.settings import Settings
from eval_assets.definitions import COMPARE, EVALUATE_CELL, build_definitions
from eval_assets.partitions import reading_key
from eval_assets.planning.plan import Plan, make_plan
from eval_assets.stages.edges import files_below
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.spending import Spending
from eval_assets.stages.stage_table import STAGES

INTERRUPTED = "DagsterExecutionInterruptedError"
PROCESSES = "processes"
Execute = Callable[..., bool]
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class Failed:
    """One run that failed; `refused` by a blocking check of what it computed, which the same run would meet again.

    `cause` is the class of the error that ended it, empty where none did.
    """

    what: str
    run_id: str
    message: str
    refused: bool
    cause: str = ""


@dataclass
class RunSummary:
    """What a run of a plan did; `seconds` per asset."""

    n_runs: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def plan_with_instance(engine_room: EngineRoom, instance: dg.DagsterInstance, **choice: Any) -> Plan:
    """`make_plan`, with the partitions that this instance has never seen; ends what killed processes left in it."""
    end_what_the_dead_left(instance, engine_room.state_dir / PROCESSES)
    return make_plan(engine_room, missing_in_dagster=missing_in_dagster(instance, engine_room.project), **choice)


def run_plan(
    engine_room: EngineRoom,
    plan: Plan,
    settings: Settings,
    *,
    spending: Spending,
    instance: dg.DagsterInstance,
    on_start: Callable[[str], None],
) -> RunSummary:
    """Materialize everything a plan names, upstream first, one run per partition.

    A cell whose run fails doesn't stop the others; a file that can't be read stops the cells below it.

    Args:
        engine_room: Shared by all runs, so that they share servers, budget and stored replies.
        plan: What to run.
        settings: Of the project.
        spending: Cache policy and budget.
        instance: Where runs are recorded.
        on_start: Told what starts.
    """
    batch = uuid.uuid4().hex[:8]
    repository = build_definitions(engine_room.project, engine_room, settings).get_repository_def()
    summary = RunSummary()
    with alive(instance, engine_room.state_dir / PROCESSES, batch):
        backfill = record_backfill(
            instance,
            repository.asset_graph,
            partitions_by_asset(plan),
            backfill_id=batch,
            description="eval-assets run",
            tags={"eval_assets/run": batch},
        )
        execute = _executor(engine_room, repository, instance, batch, on_start, summary)
        _execute_all(engine_room, plan, spending, execute, summary)
        close_backfill(instance, backfill, succeeded=not summary.failed and not summary.skipped)
    return summary


def _executor(
    engine_room: EngineRoom,
    repository: dg.RepositoryDefinition,
    instance: dg.DagsterInstance,
    batch: str,
    on_start: Callable[[str], None],
    summary: RunSummary,
) -> Execute:
    """What runs one job over one partition and notes in the summary how it went; true if it succeeded."""

    def execute(job: str, partition_key: str, tables: Collection[str], spending: Spending, name: str = "") -> bool:
        what = f"{job}[{name or partition_key}]"
        on_start(what)
        paid = [table for table in tables if STAGES[table].pays]
        ops = {table: {"config": spending.choices} for table in paid} if spending.choices else {}
        result = repository.get_job(job).execute_in_process(
            partition_key=partition_key,
            instance=instance,
            asset_selection=[dg.AssetKey(table) for table in tables],
            tags={BACKFILL_TAG: batch},
            run_config={**QUIET, **({"ops": ops} if ops else {})},
            raise_on_error=False,
        )
        summary.n_runs += 1
        for event in result.all_events:
            if event.is_step_success and event.node_name:
                seconds = summary.seconds.get(event.node_name, 0.0)
                summary.seconds[event.node_name] = seconds + event.step_success_data.duration_ms / 1000
        if _was_interrupted(result):
            engine_room.stop.set()
        if not result.success:
            refused = bool(_refusals(result))
            summary.failed.append(Failed(what, result.run_id, _reason(result), refused=refused, cause=_cause(result)))
        return result.success

    return execute


def _execute_all(
    engine_room: EngineRoom, plan: Plan, spending: Spending, execute: Execute, summary: RunSummary
) -> None:
    """Run what the plan names, upstream first."""
    project, unread = engine_room.project, set()
    for root in plan.roots:
        key = reading_key(root.table, root.name)
        if not execute(f"read_{root.table}", key, (root.table,), Spending(), root.name):
            unread.add((root.table, root.name))
    for planned in plan.cells:
        if not planned.is_stale:
            continue
        if engine_room.stop.is_set() or unread & files_below(project, planned.cell):
            summary.skipped.append(planned.cell.key)
            continue
        execute(EVALUATE_CELL, planned.cell.key, planned.tables, spending)
    for join in plan.joined:
        if engine_room.stop.is_set() or ("evaluations", join.evaluation) in unread:
            summary.skipped.append(join.evaluation)
            continue
        execute(COMPARE, join.evaluation, join.tables, spending)


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
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data and failure.user_failure_data.description:
                return failure.user_failure_data.description
            if failure.error:
                return (failure.error.cause or failure.error).message.strip()
    return "the run failed; its page in the UI says why"
