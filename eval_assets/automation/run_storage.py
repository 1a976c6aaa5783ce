"""Old runs in the Dagster instance: removed with their events and logs, except those that say how things are."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from eval_assets.automation.instance import DATABASES
from eval_assets.names import Names
from eval_assets.stages.stage_table import STAGES
from eval_assets.storage.upkeep.table_upkeep import bytes_below

FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
IDS_AT_ONCE = 500
BUSY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Trimmed:
    """How many runs were removed, and what the instance's folder took before and takes now."""

    n_runs: int
    bytes_before: int
    bytes_after: int


def trim_runs(instance: dg.DagsterInstance, kept_days: int, names: Names) -> Trimmed:
    """Remove runs that ended long ago, unless a partition's latest materialization is theirs.

    Args:
        instance: Of the project, or one that it shares with others.
        kept_days: Days for which every run stays.
        names: Under a prefix only runs of the project's jobs go: the rest is somebody else's.
    """
    home = Path(instance.root_directory)
    before = bytes_below(home)
    kept = {run_id for table in STAGES for run_id in _latest_runs(instance, names.key(table))}
    ended_before = datetime.now(UTC) - timedelta(days=kept_days)
    filters = dg.RunsFilter(statuses=FINISHED, updated_before=ended_before)
    old = [record.dagster_run for record in instance.get_run_records(filters)]
    is_shared = bool(names.prefix)
    gone = [run.run_id for run in old if run.run_id not in kept and (names.has_job(run.job_name) or not is_shared)]
    for run_id in gone:
        _remove(instance, home, run_id)
    if gone:
        for database in DATABASES:
            _shrink(home / database)
    return Trimmed(len(gone), before, bytes_below(home))


def _latest_runs(instance: dg.DagsterInstance, asset: dg.AssetKey) -> Iterator[str]:
    """Runs that hold the latest materialization of a partition."""
    materialized = dg.DagsterEventType.ASSET_MATERIALIZATION
    latest = instance.event_log_storage.get_latest_storage_id_by_partition(asset, materialized)
    ids = sorted(latest.values())
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ids[start : start + IDS_AT_ONCE]
        filters = dg.AssetRecordsFilter(asset_key=asset, storage_ids=some)
        yield from (record.run_id for record in instance.fetch_materializations(filters, limit=len(some)).records)


def _remove(instance: dg.DagsterInstance, home: Path, run_id: str) -> None:
    """Remove a run, its events, the file that held them, and what its steps printed."""
    instance.delete_run(run_id)
    if isinstance(instance.event_log_storage, SqliteEventLogStorage):
        for path in Path(instance.event_log_storage.path_for_shard(run_id)).parent.glob(f"{run_id}.db*"):
            path.unlink(missing_ok=True)
    shutil.rmtree(home / "storage" / run_id, ignore_errors=True)


def _shrink(database: Path) -> None:
    """Give back what was deleted; a database that others are busy with is left to the next time."""
    if database.exists():
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
