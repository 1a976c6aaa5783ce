"""Runs and events in the files in which Dagster keeps them by default, at a fraction of the computing.

Dagster makes a SQLAlchemy engine for each statement, which forgets what it compiled, and builds the database of each
run by looking through all migrations. Here an engine is kept, and all new databases are copies of the first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sql
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from eval_assets.automation.run_events import RunEvents, opened

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
        self._event_log_storage = RunEvents(str(history / "runs"))
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
        return sql.create_engine(self._conn_string, creator=partial(opened, _path_in(self._conn_string)))

    @contextmanager
    def connect(self) -> Iterator[sql.Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection


def _path_in(address: str) -> str:
    return str(sql.make_url(address).database)
