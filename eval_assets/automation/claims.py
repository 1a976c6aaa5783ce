"""Partitions that a run is about to write, as Dagster knows them: its automation, and another `refresh`, leave them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

from eval_assets.automation.leftovers import UNFINISHED
from eval_assets.names import Names

Claims = dict[tuple[str, str], str]
"""Table and key of a partition → the run or backfill that is about to write it."""


def claim(run: dg.DagsterRun, instance: dg.DagsterInstance, names: Names, chosen: Mapping[str, Sequence[str]]) -> None:
    """Say of partitions that this run is about to write them; it ends with the run, or with their materialization.

    Args:
        run: The run.
        instance: Where it is recorded.
        names: What the assets of tables are called.
        chosen: Table → partitions.
    """
    for table, keys in chosen.items():
        for key in keys:
            planned = AssetMaterializationPlannedData(names.key(table), partition=key)
            event = DagsterEvent.build_asset_materialization_planned_event(run.job_name, run.job_name, planned)
            instance.report_dagster_event(event, run.run_id)


def claimed_by_others(instance: dg.DagsterInstance, names: Names, tables: Iterable[str], run_id: str) -> Claims:
    """What other runs that wait or run are about to write, and backfills that the daemon is working on.

    Args:
        instance: Where they are recorded.
        names: What the assets of tables are called.
        tables: Tables to look at.
        run_id: The run that asks.
    """
    attempts = {
        (table, key): attempt
        for table in tables
        for key, (attempt, _) in open_attempts(instance, names.key(table)).items()
        if attempt != run_id
    }
    runs = sorted(set(attempts.values()))
    waiting = (
        {run.run_id for run in instance.get_runs(dg.RunsFilter(run_ids=runs, statuses=UNFINISHED))} if runs else {}
    )
    return claimed_by_backfills(instance, names) | {
        place: attempt for place, attempt in attempts.items() if attempt in waiting
    }


def claimed_by_backfills(instance: dg.DagsterInstance, names: Names) -> Claims:
    """What of this project is left to do of the backfills that the daemon is working on."""
    claims: Claims = {}
    for backfill in instance.get_backfills(filters=BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])):
        data = backfill.asset_backfill_data
        if data is not None:
            left = data.target_subset - data.materialized_subset - data.failed_and_downstream_subset
            for key, partition in left.iterate_asset_partitions():
                table = names.table_of(key)
                if table is not None:
                    claims[table, str(partition)] = backfill.backfill_id
    return claims


def open_attempts(instance: dg.DagsterInstance, asset: dg.AssetKey) -> Mapping[str, tuple[str, Any]]:
    """Partition → the run that planned it last and has not written it."""
    storage = instance.event_log_storage
    return storage.get_latest_asset_partition_materialization_attempts_without_materializations(asset)
