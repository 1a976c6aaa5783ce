"""Backfills over exactly the partitions of a plan, and what the instance has seen; Dagster's own modules stay here."""

import time
import uuid
from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.selector import (
    PartitionRangeSelector,
    PartitionsByAssetSelector,
    PartitionsSelector,
)
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from eval_assets.automation.home import unseen
from eval_assets.config.project import Project
from eval_assets.names import Names
from eval_assets.planning.plan import Plan
from eval_assets.stages.evaluation_parts import part_key
from eval_assets.stages.graph import evaluation_name
from eval_assets.stages.stage_table import OF_CELLS, STAGES

TITLE = "refresh"


def partitions_by_asset(plan: Plan) -> dict[str, list[str]]:
    """Asset → partitions that the plan runs."""
    chosen: dict[str, list[str]] = {}
    for root in plan.roots:
        keys = _first_parts(plan, root.name) if root.table == "evaluations" else [root.name]
        chosen.setdefault(root.table, []).extend(keys)
    for table, key in plan.partitions:
        chosen.setdefault(table, []).append(key)
    return chosen


def _first_parts(plan: Plan, evaluation: str) -> list[str]:
    """Parts of an evaluation to read, each of which reads them all: everything else the plan runs waits for one."""
    of_evaluation = (table for table, key in plan.partitions if evaluation_name(key) == evaluation)
    tables = dict.fromkeys(table for table in of_evaluation if STAGES[table].reads is not None)
    firsts = [table for table in tables if not tables.keys() & STAGES[table].inputs.keys()]
    return [part_key(evaluation, table) for table in firsts or OF_CELLS[:1]]


def request_backfill(
    instance: dg.DagsterInstance,
    graph: BaseAssetGraph,  # type: ignore[type-arg]
    names: Names,
    chosen: Mapping[str, list[str]],
    *,
    description: str,
    tags: Mapping[str, str],
    run_config: Mapping[str, object] | None = None,
) -> str:
    """Ask the daemon to run the chosen partitions, upstream first, one run per cell. Returns the backfill's id."""
    new_id = uuid.uuid4().hex[:8]
    backfill = _backfill(
        instance, graph, names, chosen, backfill_id=new_id, description=description, tags=tags, run_config=run_config
    )
    instance.add_backfill(backfill)
    return backfill.backfill_id


def record_backfill(
    instance: dg.DagsterInstance,
    graph: BaseAssetGraph,  # type: ignore[type-arg]
    names: Names,
    chosen: Mapping[str, list[str]],
    *,
    backfill_id: str,
    description: str,
    tags: Mapping[str, str],
) -> PartitionBackfill:
    """Show a run of this process as a backfill in the UI, which the daemon leaves alone; `close_backfill` ends it."""
    backfill = _backfill(
        instance, graph, names, chosen, backfill_id=backfill_id, description=description, tags=tags, run_config=None
    )
    closed: PartitionBackfill = backfill.with_status(BulkActionStatus.COMPLETED)  # type: ignore[no-untyped-call]
    instance.add_backfill(closed)
    return closed


def close_backfill(instance: dg.DagsterInstance, backfill: PartitionBackfill, *, succeeded: bool) -> None:
    """Say how a recorded backfill ended."""
    status = BulkActionStatus.COMPLETED_SUCCESS if succeeded else BulkActionStatus.COMPLETED_FAILED
    ended = backfill.with_status(status)  # type: ignore[no-untyped-call]
    instance.update_backfill(ended.with_end_timestamp(time.time()))


def missing_in_dagster(instance: dg.DagsterInstance, project: Project, names: Names) -> frozenset[str]:
    """Asset partitions, as `table/key`, that this instance has never seen materialized."""
    seen = {table: instance.get_materialized_partitions(names.key(table)) for table in STAGES}
    return unseen(seen, project)


def _backfill(
    instance: dg.DagsterInstance,
    graph: BaseAssetGraph,  # type: ignore[type-arg]
    names: Names,
    chosen: Mapping[str, list[str]],
    *,
    backfill_id: str,
    description: str,
    tags: Mapping[str, str],
    run_config: Mapping[str, object] | None,
) -> PartitionBackfill:
    backfill: PartitionBackfill = PartitionBackfill.from_partitions_by_assets(
        backfill_id=backfill_id,
        asset_graph=graph,
        backfill_timestamp=time.time(),
        tags=dict(tags),
        dynamic_partitions_store=instance,
        partitions_by_assets=[
            PartitionsByAssetSelector(asset_key=names.key(table), partitions=_selector(keys))
            for table, keys in chosen.items()
        ],
        title=names.of(TITLE),
        description=description,
        run_config=run_config,
    )
    return backfill


def _selector(keys: list[str]) -> PartitionsSelector:
    return PartitionsSelector([PartitionRangeSelector(key, key) for key in keys])
