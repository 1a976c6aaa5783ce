"""Events of runs in the files in which Dagster keeps them by default: what every step writes and asks for, said in SQL.

Dagster puts a statement together anew for whatever it writes or reads, which takes some thirty times as long as the
database needs for it. What isn't asked for in every run is left to it.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sql
from dagster._core.event_api import EventRecordsFilter
from dagster._core.events import EVENT_TYPE_TO_PIPELINE_RUN_STATUS, DagsterEventType
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster_shared.serdes import deserialize_value
from sqlalchemy.pool import NullPool, StaticPool

MATERIALIZATION, PLANNED = DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_MATERIALIZATION_PLANNED
CHECK, CHECK_PLANNED = DagsterEventType.ASSET_CHECK_EVALUATION, DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
OF_STEPS = {
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.LOGS_CAPTURED,
    DagsterEventType.RESOURCE_INIT_STARTED,
    DagsterEventType.RESOURCE_INIT_SUCCESS,
    DagsterEventType.STEP_START,
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.STEP_SUCCESS,
}
"""These stand in the database of their run alone."""
INDEXED = {*EVENT_TYPE_TO_PIPELINE_RUN_STATUS, MATERIALIZATION, PLANNED, CHECK, CHECK_PLANNED}
"""These stand in the index, too."""

ADD_EVENT = """
INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
VALUES (:run_id, :event, :dagster_event_type, :timestamp, :step_key, :asset_key, :partition)
"""
ADD_TAG = """
INSERT INTO asset_event_tags (event_id, asset_key, key, value, event_timestamp)
VALUES (:id, :asset_key, :tag, :value, :timestamp)
"""
NOTE_PLANNED = """
INSERT INTO asset_keys (asset_key, last_run_id, last_materialization_timestamp)
VALUES (:asset_key, :run_id, :timestamp)
ON CONFLICT (asset_key) DO UPDATE SET
    last_run_id = excluded.last_run_id, last_materialization_timestamp = excluded.last_materialization_timestamp
"""
NOTE_MATERIALIZATION = """
INSERT INTO asset_keys (asset_key, last_materialization, last_run_id, last_materialization_timestamp)
VALUES (:asset_key, :record, :run_id, :timestamp)
ON CONFLICT (asset_key) DO UPDATE SET
    last_materialization = excluded.last_materialization, last_run_id = excluded.last_run_id,
    last_materialization_timestamp = excluded.last_materialization_timestamp
"""
RECORD_BEGINS = '{"__class__": "EventLogRecord", '
RECORD = '{{"__class__": "EventLogRecord", "event_log_entry": {event}, "storage_id": {id}}}'
"""The last materialization of an asset, as Dagster writes it."""
NOTE_CHECK = """
UPDATE asset_check_executions
SET execution_status = :status, evaluation_event = :event, evaluation_event_timestamp = :timestamp,
    evaluation_event_storage_id = :id, materialization_event_storage_id = :materialization
WHERE asset_key = :asset_key AND check_name = :check_name AND run_id = :run_id AND partition IS :partition
"""
ADD_CHECK = """
INSERT INTO asset_check_executions (asset_key, check_name, partition, run_id, execution_status, evaluation_event,
    evaluation_event_timestamp, evaluation_event_storage_id)
VALUES (:asset_key, :check_name, :partition, :run_id, :status, :event, :timestamp, :id)
"""
COLUMNS = ("id", "asset_key", "last_materialization", "last_run_id", "asset_details", "cached_status_data")
ASSETS = f"""
SELECT {", ".join(COLUMNS)} FROM asset_keys
WHERE asset_key IN (SELECT value FROM json_each(?))
AND (wipe_timestamp IS NULL OR last_materialization_timestamp > wipe_timestamp)
ORDER BY asset_key
"""  # noqa: S608
WIPED = "SELECT 1 FROM asset_keys WHERE asset_key = ? AND asset_details IS NOT NULL"
LATEST_TAGS = """
SELECT latest.partition, asset_event_tags.key, asset_event_tags.value
FROM (
    SELECT partition, MAX(id) AS id FROM event_logs
    WHERE asset_key = ? AND dagster_event_type = ? AND partition IN (SELECT value FROM json_each(?))
    GROUP BY partition
) AS latest
JOIN asset_event_tags ON asset_event_tags.event_id = latest.id
WHERE asset_event_tags.key IN (SELECT value FROM json_each(?))
"""
LATEST_EVENT = """
SELECT id, event FROM event_logs WHERE asset_key = ? AND dagster_event_type = ? AND partition = ?
ORDER BY id DESC LIMIT 1
"""


class RunEvents(SqliteEventLogStorage):
    """Keeps the index and the database of the run under way open: closing the last connection copies a whole log."""

    _empty: bytes | None = None
    """A database without events."""

    @cached_property
    def _engines(self) -> dict[str, tuple[sqlite3.Connection, sql.Engine]]:
        return {}

    @cached_property
    def _compiled(self) -> dict[Any, Any]:
        return {}

    @cached_property
    def _columns(self) -> set[str]:
        return set()

    @cached_property
    def _last(self) -> dict[str, tuple[str, dg.EventLogRecord]]:
        """Asset → its last materialization, written and read: every step below looks at it."""
        return {}

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Keep an event."""
        kind = event.dagster_event_type if event.is_dagster_event else None
        if not event.run_id or kind not in OF_STEPS | INDEXED:
            super().store_event(event)
            return
        row = {**self._event_to_row(event), "timestamp": _written(event.timestamp)}
        with self._file(event.run_id) as database:
            database.execute(ADD_EVENT, row)
        if kind in OF_STEPS:
            return
        with self._file(INDEX_SHARD_NAME) as index:
            row["id"] = index.execute(ADD_EVENT, row).lastrowid
            if kind == MATERIALIZATION:
                tags = self._tags_for_asset_event(event).items()
                index.executemany(ADD_TAG, [{**row, "tag": tag, "value": value} for tag, value in tags])
                index.execute(NOTE_MATERIALIZATION, {**row, "record": RECORD.format_map(row)})
            elif kind == PLANNED:
                index.execute(NOTE_PLANNED, row)
            elif kind == CHECK_PLANNED:
                index.executemany(ADD_CHECK, _planned(event, row))
            elif kind == CHECK:
                n_planned = index.execute(NOTE_CHECK, _checked(event, row)).rowcount
        if kind == CHECK and n_planned != 1:  # nobody planned it, or it was planned twice
            self._update_asset_check_evaluation(event, row["id"])

    def get_latest_tags_by_partition(
        self,
        asset_key: dg.AssetKey,
        event_type: DagsterEventType,
        tag_keys: Sequence[str],
        asset_partitions: Sequence[str] | None = None,
        before_cursor: int | None = None,
        after_cursor: int | None = None,
    ) -> Mapping[str, Mapping[str, str]]:
        """Partition → tags of its latest event."""
        if asset_partitions is None or before_cursor or after_cursor or self._is_wiped(asset_key):
            return super().get_latest_tags_by_partition(
                asset_key, event_type, tag_keys, asset_partitions, before_cursor, after_cursor
            )
        found: dict[str, dict[str, str]] = {}
        partitions, tags = json.dumps([*asset_partitions]), json.dumps([*tag_keys])
        for partition, tag, value in self._read(LATEST_TAGS, asset_key.to_string(), event_type.value, partitions, tags):
            found.setdefault(partition, {})[tag] = value
        return found

    def has_asset_key_col(self, column_name: str) -> bool:
        """Whether the table of assets has a column; no version removes one."""
        if column_name not in self._columns and super().has_asset_key_col(column_name):
            self._columns.add(column_name)
        return column_name in self._columns

    def _get_event_records(
        self,
        event_records_filter: EventRecordsFilter,
        limit: int | None = None,
        ascending: bool = False,  # noqa: FBT001, FBT002  as Dagster declares it
    ) -> Sequence[dg.EventLogRecord]:
        kind, asset, partitions, *further = event_records_filter
        if (
            asset is None
            or partitions is None
            or len(partitions) != 1
            or (limit, ascending) != (1, False)
            or any(further)
            or self._is_wiped(asset)
        ):
            return super()._get_event_records(event_records_filter, limit, ascending)
        rows = self._read(LATEST_EVENT, asset.to_string(), kind.value, partitions[0])
        return [dg.EventLogRecord(number, deserialize_value(text, dg.EventLogEntry)) for number, text in rows]

    def _fetch_asset_rows(self, asset_keys: Sequence[dg.AssetKey] | None = None, **chosen: Any) -> Sequence[Any]:
        if asset_keys is None or chosen:
            return super()._fetch_asset_rows(asset_keys, **chosen)
        rows = self._read(ASSETS, json.dumps([key.to_string() for key in asset_keys]))
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]

    def _get_latest_materialization_records(
        self, raw_asset_rows: Sequence[Mapping[str, Any]]
    ) -> Mapping[dg.AssetKey, dg.EventLogRecord | None]:
        if any(row["asset_details"] or not _is_record(row["last_materialization"]) for row in raw_asset_rows):
            return super()._get_latest_materialization_records(raw_asset_rows)
        for row in raw_asset_rows:
            name, text = row["asset_key"], row["last_materialization"]
            if name not in self._last or self._last[name][0] != text:
                self._last[name] = text, deserialize_value(text, dg.EventLogRecord)
        names = [row["asset_key"] for row in raw_asset_rows]
        return {key: self._last[name][1] for name in names if (key := dg.AssetKey.from_db_string(name)) is not None}

    def _is_wiped(self, asset: dg.AssetKey) -> bool:
        """Whether events of an asset may stand in the index that don't count any more."""
        return bool(self._read(WIPED, asset.to_string()))

    def _read(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        with self._file(INDEX_SHARD_NAME) as index:
            return index.execute(statement, values).fetchall()

    @contextmanager
    def _file(self, shard: str) -> Iterator[sqlite3.Connection]:
        """A database; what is done to it counts as a whole or not at all."""
        with self._db_lock:
            connection, _ = self._engines.get(shard) or self._open(shard)
            with connection:
                yield connection

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sql.Connection]:
        with self._db_lock:
            _, engine = self._engines.get(shard) or self._open(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _open(self, shard: str) -> tuple[sqlite3.Connection, sql.Engine]:
        for former in [name for name in self._engines if name != INDEX_SHARD_NAME]:
            self._close(former)
        path = self.path_for_shard(shard)
        if shard not in self._initialized_dbs:
            self._make(Path(path))
            self._initialized_dbs.add(shard)
        connection = opened(path)
        pooled = sql.create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
        found = self._engines[shard] = connection, pooled.execution_options(compiled_cache=self._compiled)
        return found

    def dispose(self) -> None:
        """Close what is open."""
        for shard in [*self._engines]:
            self._close(shard)
        super().dispose()

    def _close(self, shard: str) -> None:
        connection, engine = self._engines.pop(shard)
        engine.dispose()
        connection.close()

    def _make(self, database: Path) -> None:
        """Make the database of a run, unless it is there."""
        if database.exists() or self._empty is None:
            is_new = not database.exists()
            # Closed at once, so that no part of it is in a log.
            self._initdb(sql.create_engine("sqlite://", creator=partial(opened, str(database)), poolclass=NullPool))
            if is_new:
                self._empty = database.read_bytes()
            return
        ready = database.with_suffix(f".{os.getpid()}.new")
        ready.write_bytes(self._empty)
        with suppress(FileExistsError):  # another process was faster
            os.link(ready, database)
        ready.unlink()


def opened(path: str) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time; a commit waits for the disk only where the log is copied."""
    connection = sqlite3.connect(path, timeout=SQLITE_BUSY_TIMEOUT_SECONDS, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _planned(event: dg.EventLogEntry, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A check that will be evaluated, for each partition."""
    planned = event.get_dagster_event().asset_check_planned_data
    subset = planned.partitions_subset
    check = {
        **row,
        "asset_key": planned.asset_key.to_string(),
        "check_name": planned.check_name,
        "status": AssetCheckExecutionRecordStatus.PLANNED.value,
    }
    return [{**check, "partition": key} for key in ([None] if subset is None else subset.get_partition_keys())]


def _checked(event: dg.EventLogEntry, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a check found."""
    found, status = event.get_dagster_event().asset_check_evaluation_data, AssetCheckExecutionRecordStatus
    target = found.target_materialization_data
    return {
        **row,
        "asset_key": found.asset_key.to_string(),
        "check_name": found.check_name,
        "partition": found.partition,
        "status": (status.SUCCEEDED if found.passed else status.FAILED).value,
        "materialization": None if target is None else target.storage_id,
    }


def _is_record(text: str | None) -> bool:
    return text is not None and text.startswith(RECORD_BEGINS)


def _written(timestamp: float) -> str:
    """A moment as SQLAlchemy writes it.

    >>> _written(0.25)
    '1970-01-01 00:00:00.250000'
    """
    return datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
