"""Handing a plan to Dagster's run queue: files are read here, and its cells become runs that any machine may take."""

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from threading import Event

import dagster as dg
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.storage.tags import BACKFILL_ID_TAG, PARTITION_NAME_TAG

from eval_assets.assets.planned_code import CODE_TAG, code_now
from eval_assets.assets.stage_assets import spending_ops
from eval_assets.automation.backfill import partitions_by_asset, request_backfill
from eval_assets.automation.claims import claimed_by_backfills
from eval_assets.automation.failed_runs import FAILED, reason_of
from eval_assets.automation.refresh import left_to_others
from eval_assets.config.project import Project
from eval_assets.names import Names
from eval_assets.plan_runs import run_plan
from eval_assets.planning.plan import Plan
from eval_assets.planning.run_summary import Failed, RunSummary
from eval_assets.run_jobs import job_definitions
from eval_assets.stages.edges import files_below
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import WholeEvaluation
from eval_assets.stages.spending import Spending

BACKFILL_DAEMON = "BACKFILL"
DAEMON_SECONDS = 300
"""So old a sign of life of the daemon is none."""

SECONDS_BETWEEN_LOOKS = 2.0
UNDER_WAY = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING)


def queue_plan(
    engine_room: EngineRoom,
    plan: Plan,
    *,
    spending: Spending,
    instance: dg.DagsterInstance,
    on_start: Callable[[str], None],
    names: Names,
) -> RunSummary:
    """Read the files of a plan, and request a backfill of its cells, upstream first, one run per cell.

    Files are read in this process alone: what is computed elsewhere is computed from the tables that hold them.

    Args:
        engine_room: Project and warehouse.
        plan: What to run.
        spending: Cache policy and budget of each run.
        instance: Whose daemon hands runs out.
        on_start: Told what starts.
        names: What assets and jobs are called.

    Returns:
        How reading went. `queued` is the backfill that was requested; empty where nothing is left to compute, or other
        backfills are about to.
    """
    summary = RunSummary()
    if plan.roots:
        files = replace(plan, cells=(), joined=(), pairwise=())
        summary = run_plan(engine_room, files, spending=spending, instance=instance, on_start=on_start, names=names)
    left = left_to_others(replace(plan, roots=()), claimed_by_backfills(instance, names))
    left = _readable(engine_room.project, left, summary.unread)
    if not left.is_empty:
        summary.backfill_id = summary.queued = _request(engine_room, left, spending, instance, names)
        on_start(f"backfill {summary.queued} of Dagster's queue: it is listed under Runs → Backfills")
        if not _daemon_is_alive(instance):
            on_start(
                "no daemon of this Dagster instance was seen lately: nothing runs before `dagster-daemon run` does"
            )
    return summary


def until_done(instance: dg.DagsterInstance, summary: RunSummary, stop: Event) -> RunSummary:
    """Wait until the queued backfill is over, and note in the summary which of its runs failed.

    Args:
        instance: Whose daemon hands runs out.
        summary: Of `queue_plan`.
        stop: Set to wait no longer; what is under way goes on, and `queued` still names it.
    """
    if not summary.queued:
        return summary
    backfill = instance.get_backfill(summary.queued)
    while backfill is not None and backfill.status in UNDER_WAY:
        if stop.wait(SECONDS_BETWEEN_LOOKS):
            return summary
        backfill = instance.get_backfill(summary.queued)
    runs = instance.get_runs(dg.RunsFilter(tags={BACKFILL_ID_TAG: summary.queued}))
    for run in runs:
        if run.status in FAILED:
            what = run.tags.get(PARTITION_NAME_TAG, run.job_name)
            summary.failed.append(Failed(what, run.run_id, reason_of(instance, run.run_id), refused=False))
    summary.n_runs += len(runs)
    summary.queued = ""
    return summary


def _daemon_is_alive(instance: dg.DagsterInstance) -> bool:
    seen = instance.get_daemon_heartbeats().get(BACKFILL_DAEMON)
    return seen is not None and time.time() - seen.timestamp < DAEMON_SECONDS


def _readable(project: Project, plan: Plan, unread: Collection[tuple[str, str]]) -> Plan:
    """The plan without what is below files that could not be read."""
    gone = set(unread)
    return replace(
        plan,
        cells=tuple(planned for planned in plan.cells if not gone & files_below(project, planned.cell)),
        joined=tuple(join for join in plan.joined if not gone & files_below(project, WholeEvaluation(join.evaluation))),
    )


def _request(
    engine_room: EngineRoom, plan: Plan, spending: Spending, instance: dg.DagsterInstance, names: Names
) -> str:
    ops = spending_ops(names, (table for table, _ in plan.partitions), spending)
    return request_backfill(
        instance,
        job_definitions(engine_room.project, engine_room, names).resolve_asset_graph(),
        names,
        partitions_by_asset(plan),
        description=f"{len(plan.stale_cells)} cells, {len(plan.comparisons)} comparisons",
        tags={CODE_TAG: code_now()},
        run_config={"ops": ops} if ops else None,
    )
