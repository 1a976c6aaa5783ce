"""Runs and events in the files in which Dagster keeps them by default, at a fraction of the computing.

Dagster makes a SQLAlchemy engine for each statement, which forgets what it compiled, and builds the database of each
run by looking through all migrations. Here an engine is kept, and all new databases are copies of the first.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sql
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from sqlalchemy.pool import NullPool

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
        return sql.create_engine(self._conn_string, poolclass=NullPool)

    @contextmanager
    def connect(self) -> Iterator[sql.Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection


class _Events(SqliteEventLogStorage):
    """One engine for the databases of all runs: which of them is opened is decided at each connection."""

    _shard = ""
    _held_shard = ""
    _held: sqlite3.Connection | None = None
    _empty: bytes | None = None
    """A database without events."""

    @cached_property
    def _engine(self) -> sql.Engine:
        def opened() -> sqlite3.Connection:
            return sqlite3.connect(self.path_for_shard(self._shard), timeout=SQLITE_BUSY_TIMEOUT_SECONDS)

        return sql.create_engine("sqlite://", creator=opened, poolclass=NullPool)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sql.Connection]:
        with self._db_lock:
            self._shard = shard
            if shard not in self._initialized_dbs:
                self._make(Path(self.path_for_shard(shard)))
                self._initialized_dbs.add(shard)
            if shard not in (INDEX_SHARD_NAME, self._held_shard):
                self._hold(shard)
            with self._engine.connect() as connection, connection.begin():
                yield connection

    def _hold(self, shard: str) -> None:
        """Keep the database of the run under way open: the last connection to close waits for a copy of its log."""
        if self._held is not None:
            self._held.close()
        path, self._held_shard = self.path_for_shard(shard), shard
        self._held = sqlite3.connect(path, timeout=SQLITE_BUSY_TIMEOUT_SECONDS, check_same_thread=False)
        self._held.execute("SELECT 1 FROM sqlite_master").fetchone()

    def dispose(self) -> None:
        if self._held is not None:
            self._held.close()
        super().dispose()

    def _make(self, database: Path) -> None:
        """Make the database of a run, unless it is there."""
        if database.exists() or self._empty is None:
            is_new = not database.exists()
            self._initdb(self._engine)
            if is_new:
                self._empty = database.read_bytes()
            return
        ready = database.with_suffix(f".{os.getpid()}.new")
        ready.write_bytes(self._empty)
        with suppress(FileExistsError):  # another process was faster
            os.link(ready, database)
        ready.unlink()
