"""Handing a plan to Dagster's run queue: files are read here, and its cells become runs that any machine may take."""

from collections.abc import Callable, Collection
from dataclasses import replace

import dagster as dg

from eval_assets.assets.planned_code import CODE_TAG, code_now
from eval_assets.assets.stage_assets import spending_ops
from eval_assets.automation.backfill import partitions_by_asset, request_backfill
from eval_assets.config.project import Project
from eval_assets.names import Names
from eval_assets.plan_runs import run_plan
from eval_assets.planning.plan import Plan
from eval_assets.planning.run_summary import RunSummary
from eval_assets.run_jobs import job_definitions
from eval_assets.stages.edges import files_below
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import WholeEvaluation
from eval_assets.stages.spending import Spending


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
        How reading went. `backfill_id` is the one requested; empty where nothing is left to compute.
    """
    summary = RunSummary()
    if plan.roots:
        files = replace(plan, cells=(), joined=(), pairwise=())
        summary = run_plan(engine_room, files, spending=spending, instance=instance, on_start=on_start, names=names)
    left = _readable(engine_room.project, replace(plan, roots=()), summary.unread)
    summary.backfill_id = "" if left.is_empty else _request(engine_room, left, spending, instance, names)
    if summary.backfill_id:
        on_start(f"backfill {summary.backfill_id} of Dagster's queue; it is listed under Runs → Backfills")
    return summary


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
