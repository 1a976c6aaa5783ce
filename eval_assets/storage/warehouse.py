"""Delta tables under one root, local or in object storage: create, replace a partition, append, read, look back.

Which columns a table has is in `schemas`; what rows mean is the business of whoever writes them.
"""

import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from eval_assets.errors import StorageError
from eval_assets.storage.committing import (
    COMMIT_ATTEMPTS,
    WRITER,
    Frames,
    arrow_table_of,
    insist,
    properties_of,
    stream_of,
)
from eval_assets.storage.integrity.data_files import NamedTable, refuse_damaged_files, refuse_damaged_log
from eval_assets.storage.integrity.remedies import damaged
from eval_assets.storage.integrity.roots import refuse_unusable
from eval_assets.storage.open_tables import OpenTable
from eval_assets.tables.schemas import PARTITIONED_BY, SCHEMAS

RECENT_COMMITS = 50
TABLE_PROPERTIES = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.checkpointInterval": "10",  # opening a table replays what came after its last checkpoint
}


@dataclass(frozen=True, slots=True)
class Commit:
    """One version of one table, with what was recorded when it was written."""

    table: str
    uri: str
    version: int
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Warehouse:
    """All Delta tables of a project.

    Args:
        root: A local folder or an object store URL (`s3://`, `gs://`, `abfss://`).
        storage_options: Credentials and endpoints for object stores, as delta-rs names them.

    Raises:
        StorageError: No table can be kept in a folder of that name; from any method, a table is damaged.
    """

    root: str
    storage_options: Mapping[str, str] = field(default_factory=dict)
    _opened: threading.local = field(default_factory=threading.local, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.is_local:
            refuse_unusable(self.root)

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder of this machine."""
        return "://" not in self.root

    def uri(self, table: str) -> str:
        """Address of a table."""
        return f"{self.root.rstrip('/')}/{table}"

    def exists(self, table: str) -> bool:
        """Whether the table was ever created."""
        with self._reading(table):
            found = DeltaTable.is_deltatable(self.uri(table), storage_options=dict(self.storage_options))
        if not found:
            self._opened.__dict__.pop(table, None)
            if self.is_local:
                refuse_damaged_log(table, Path(self.uri(table)))
        return found

    def create(self, table: str) -> None:
        """Create an empty table unless it exists; safe to call from many processes at once."""
        if self.exists(table):
            return
        if self.is_local:
            Path(self.uri(table)).mkdir(parents=True, exist_ok=True)
        schema = arrow_table_of(pl.DataFrame(schema=SCHEMAS[table])).schema
        insist(
            table,
            lambda: DeltaTable.create(
                self.uri(table),
                schema=schema,
                partition_by=list(PARTITIONED_BY[table]),
                mode="ignore",
                configuration=TABLE_PROPERTIES,
                storage_options=dict(self.storage_options),
            ),
        )

    def replace(
        self,
        table: str,
        frames: Frames,
        partition: Mapping[str, str],
        metadata: Mapping[str, str] | None = None,
        *,
        since: "Snapshot | None" = None,
    ) -> Commit:
        """Replace exactly one partition in one commit.

        Args:
            table: A table of `schemas`.
            frames: The partition's rows, or a function that yields them frame by frame: then one frame is in memory at
                a time, and the function is called again if the commit has to be repeated.
            partition: Value of each partition column.
            metadata: Recorded with the commit (`run_id`, `data_version`, versions of the inputs).
            since: What the rows were made from, if that is the partition itself.

        Raises:
            OvertakenError: Another writer has changed the partition since.
            StorageFullError: The disk is full; the former rows stay.
            StorageError: The store refused the write, or other writers kept winning.
        """
        if tuple(partition) != PARTITIONED_BY[table]:
            raise StorageError(
                f"expected a value for each of {PARTITIONED_BY[table]} of table {table!r}, got {dict(partition)!r}"
            )
        self.create(table)
        recorded = {**(metadata or {}), "partition": partition_name(partition)}
        how = {"mode": "overwrite", "predicate": predicate_of(partition)}
        version = None if since is None or since.opened is None else since.opened.version()
        return self._write(table, frames, how, recorded, version)

    def append(self, table: str, frame: pl.DataFrame, metadata: Mapping[str, str] | None = None) -> Commit:
        """Add rows in one commit; raises as `replace` does."""
        self.create(table)
        return self._write(table, frame, {"mode": "append"}, dict(metadata or {}))

    def delete(self, table: str, condition: str, metadata: Mapping[str, str] | None = None) -> int:
        """Delete the rows for which an SQL condition holds; older versions keep them. Returns how many."""
        if not self.exists(table):
            return 0
        properties = properties_of(metadata or {})
        metrics = insist(table, lambda: self._at(table).delete(condition, commit_properties=properties))
        return int(metrics.get("num_deleted_rows") or 0)

    def scan(
        self, table: str, partition: Mapping[str, str] | None = None, *, version: int | None = None
    ) -> pl.LazyFrame:
        """Read a table, or one partition of it, now or at an earlier version; empty if it was never written."""
        if not self.exists(table):
            return pl.LazyFrame(schema=SCHEMAS[table])
        with self._reading(table):
            if version is None:
                opened = self._open(table).snapshot()
            else:
                opened = self._at(table, version)
                self._refuse_damage(table, opened, set())
        return self._rows_of(table, opened, partition or {})

    def snapshot(self, table: str) -> "Snapshot":
        """The latest version of a table: its rows and its commits, whatever is written meanwhile."""
        if not self.exists(table):
            return Snapshot(self, table, None)
        with self._reading(table):
            return Snapshot(self, table, self._open(table).snapshot())

    def version(self, table: str) -> int | None:
        """Latest version of a table; null if it was never written."""
        if not self.exists(table):
            return None
        with self._reading(table):
            return self._open(table).version()

    def history(self, table: str, limit: int | None = None) -> Iterator[Commit]:
        """Commits of a table, newest first, with what their writers recorded."""
        if not self.exists(table):
            return
        with self._reading(table):
            newest, entries = self._open(table).entries(limit)
        for age, entry in enumerate(entries[:limit]):
            recorded = {key: str(value) for key, value in entry.items() if key != "version"}
            yield Commit(table, self.uri(table), newest - age, recorded)

    def last_commit(self, table: str, partition: Mapping[str, str]) -> Commit | None:
        """The newest commit that replaced this partition; null if none did."""
        wanted = partition_name(partition)
        for limit in (RECENT_COMMITS, None):
            for commit in self.history(table, limit):
                if commit.metadata.get("partition") == wanted:
                    return commit
        return None

    def last_commits(self, table: str) -> dict[str, Commit]:
        """The newest commit of every partition of a table, by `partition_name`."""
        return newest_of_each(self.history(table))

    def _open(self, table: str) -> OpenTable:
        """The table as this thread holds it open."""
        opened: dict[str, OpenTable] = self._opened.__dict__
        if table not in opened:
            if self.is_local:
                refuse_damaged_log(table, Path(self.uri(table)))
            sound: set[str] = set()
            found = OpenTable(
                self.uri(table), self.storage_options, lambda version: self._refuse_damage(table, version, sound)
            )
            self._refuse_other_columns(table, found.opened)
            opened[table] = found
        return opened[table]

    def _at(self, table: str, version: int | None = None) -> NamedTable:
        return NamedTable(self.uri(table), version=version, storage_options=dict(self.storage_options))

    def _refuse_damage(self, table: str, opened: NamedTable, sound: set[str]) -> None:
        """Refuse a version with damaged files; those known to be sound are not looked at again."""
        if self.is_local:
            refuse_damaged_files(table, opened, sound)

    def _refuse_other_columns(self, table: str, opened: NamedTable) -> None:
        """Refuse a table that another program, or another release, made of other columns."""
        present = pl.scan_delta(opened).collect_schema()
        for column, dtype in SCHEMAS[table].items():
            if present.get(column, dtype) != dtype:
                other = f"expected {dtype} in the column {column!r}, got {present[column]}"
                raise damaged(table, self.uri(table), other)
        if lost := set(PARTITIONED_BY[table]) - set(present):
            raise damaged(table, self.uri(table), f"expected the columns {sorted(lost)}, they are not there")

    def _rows_of(self, table: str, opened: NamedTable, partition: Mapping[str, str]) -> pl.LazyFrame:
        """Rows of an opened version; columns it doesn't have yet are null."""
        with self._reading(table):
            lazy = pl.scan_delta(opened)
            present = lazy.collect_schema()
        for column, value in partition.items():
            lazy = lazy.filter(pl.col(column) == value)
        return lazy.with_columns(
            pl.lit(None, dtype=dtype).alias(column) for column, dtype in SCHEMAS[table].items() if column not in present
        ).select(list(SCHEMAS[table]))

    @contextmanager
    def _reading(self, table: str) -> Iterator[None]:
        """Say in one sentence which table can't be read, and what helps."""
        try:
            yield
        except (DeltaError, OSError, pl.exceptions.PolarsError) as error:
            raise damaged(table, self.uri(table), error) from error

    def _write(
        self, table: str, frames: Frames, how: Mapping[str, Any], recorded: dict[str, str], version: int | None = None
    ) -> Commit:
        recorded["commit_id"] = uuid.uuid4().hex
        insist(
            table,
            lambda: write_deltalake(
                self.uri(table) if version is None else self._at(table, version),
                stream_of(table, frames),
                schema_mode="merge",
                storage_options=dict(self.storage_options),
                commit_properties=properties_of(recorded),
                writer_properties=WRITER,
                **how,
            ),
            attempts=COMMIT_ATTEMPTS if version is None else 1,
        )
        # Other writers may have committed since: the version is the one that carries our id.
        for limit in (RECENT_COMMITS, None):
            for commit in self.history(table, limit):
                if commit.metadata.get("commit_id") == recorded["commit_id"]:
                    return commit
        lost = f"table {self.uri(table)!r} lost the commit {recorded['commit_id']}"
        raise StorageError(f"{lost}; was it recreated meanwhile?")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of one table: what is read from it belongs together.

    Args:
        warehouse: Where the table lies.
        table: Its name.
        opened: The version; null if the table was never written.
    """

    warehouse: Warehouse
    table: str
    opened: NamedTable | None

    def scan(self, partition: Mapping[str, str] | None = None) -> pl.LazyFrame:
        """Rows of the table, or of one partition of it."""
        if self.opened is None:
            return pl.LazyFrame(schema=SCHEMAS[self.table])
        return self.warehouse._rows_of(self.table, self.opened, partition or {})  # noqa: SLF001  its other half

    def last_commits(self) -> dict[str, Commit]:
        """The newest commit of every partition up to this version, by `partition_name`."""
        if self.opened is None:
            return {}
        version = self.opened.version()
        return newest_of_each(commit for commit in self.warehouse.history(self.table) if commit.version <= version)

    def last_commit(self, partition: Mapping[str, str]) -> Commit | None:
        """The newest commit up to this version that replaced a partition; null if none did."""
        if self.opened is None:
            return None
        wanted, version = partition_name(partition), self.opened.version()
        for limit in (RECENT_COMMITS, None):
            for commit in self.warehouse.history(self.table, limit):
                if commit.version <= version and commit.metadata.get("partition") == wanted:
                    return commit
        return None


def newest_of_each(commits: Iterable[Commit]) -> dict[str, Commit]:
    """Partition → the first of these commits that replaced it."""
    newest: dict[str, Commit] = {}
    for commit in commits:
        if "partition" in commit.metadata:
            newest.setdefault(commit.metadata["partition"], commit)
    return newest


def predicate_of(partition: Mapping[str, str]) -> str:
    """SQL condition for one partition.

    >>> predicate_of({"model": "o'brien", "prompt": "p"})
    "(model = 'o''brien' AND prompt = 'p')"
    """
    return f"({' AND '.join(f'{column} = {literal(value)}' for column, value in partition.items())})"


def literal(text: str) -> str:
    """A text as SQL writes it, quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


def partition_name(partition: Mapping[str, str]) -> str:
    """How a partition is called in commit metadata.

    >>> partition_name({"evaluation": "e", "model": "m", "prompt": "p"})
    'evaluation=e/model=m/prompt=p'
    """
    return "/".join(f"{column}={value}" for column, value in partition.items())
