"""Runs and events in the files in which Dagster keeps them by default, at a fraction of the computing.

Dagster makes a SQLAlchemy engine for each statement, which forgets what it compiled, and builds the database of each
run by looking through all migrations. Here an engine is kept, and all new databases are copies of the first.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sql
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from sqlalchemy.pool import NullPool, StaticPool

SETTINGS = f"""
# The default storage, in the same files, without making an engine for each statement and a database for each run.
storage:
  custom:
    module: {__name__}
    class: RunHistory
    config:
      base_dir:
        env: DAGSTER_HOME
"""
"""What the `dagster.yaml` of an instance says of it; a folder that is opened without `DAGSTER_HOME` can't say so."""


class RunHistory(DagsterSqliteStorage):
    """The storage of new instances; other programs may open the same folder with Dagster's own."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self.base_dir = base_dir
        history = Path(base_dir) / "history"
        self._run_storage = _Runs.from_local(str(history))
        self._event_log_storage = _Events(str(history / "runs"))
        self._schedule_storage = SqliteScheduleStorage.from_local(str(Path(base_dir) / "schedules"))
        self._inst_data = inst_data
        DagsterStorage.__init__(self)  # type: ignore[no-untyped-call,arg-type]

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:
        """The storage in the folder that the settings say."""
        return cls.from_local(inst_data=inst_data, **config_value)


class _Runs(SqliteRunStorage):
    @cached_property
    def _engine(self) -> sql.Engine:
        return sql.create_engine(self._conn_string, creator=partial(_opened, _path_in(self._conn_string)))

    @contextmanager
    def connect(self) -> Iterator[sql.Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection


class _Events(SqliteEventLogStorage):
    """Keeps the index and the database of the run under way open: closing the last connection copies a whole log."""

    _empty: bytes | None = None
    """A database without events."""

    @cached_property
    def _engines(self) -> dict[str, sql.Engine]:
        return {}

    @cached_property
    def _compiled(self) -> dict[Any, Any]:
        return {}

    @cached_property
    def _tables(self) -> set[str]:
        return set()

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; Dagster asks before each event of a check, and no version removes one."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sql.Connection]:
        with self._db_lock:
            engine = self._engines.get(shard) or self._open(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _open(self, shard: str) -> sql.Engine:
        for former in [name for name in self._engines if name != INDEX_SHARD_NAME]:
            self._engines.pop(former).dispose()
        path = self.path_for_shard(shard)
        if shard not in self._initialized_dbs:
            self._make(Path(path))
            self._initialized_dbs.add(shard)
        pooled = sql.create_engine("sqlite://", creator=partial(_opened, path), poolclass=StaticPool)
        engine = self._engines[shard] = pooled.execution_options(compiled_cache=self._compiled)
        return engine

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        super().dispose()

    def _make(self, database: Path) -> None:
        """Make the database of a run, unless it is there."""
        if database.exists() or self._empty is None:
            is_new = not database.exists()
            # Closed at once, so that no part of it is in a log.
            self._initdb(sql.create_engine("sqlite://", creator=partial(_opened, str(database)), poolclass=NullPool))
            if is_new:
                self._empty = database.read_bytes()
            return
        ready = database.with_suffix(f".{os.getpid()}.new")
        ready.write_bytes(self._empty)
        with suppress(FileExistsError):  # another process was faster
            os.link(ready, database)
        ready.unlink()


def _opened(path: str) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time; a commit waits for the disk only where the log is copied."""
    connection = sqlite3.connect(path, timeout=SQLITE_BUSY_TIMEOUT_SECONDS, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _path_in(address: str) -> str:
    return str(sql.make_url(address).database)
