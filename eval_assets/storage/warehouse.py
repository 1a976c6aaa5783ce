"""Delta tables under one root, local or in object storage: create, replace a partition, append, read, look back.

Which columns a table has is in `tables`; what is read of one version is in `snapshots`.
"""

import contextlib
import os
import tempfile
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import DeltaError

from eval_assets.errors import StorageError
from eval_assets.storage.batches import own_folder
from eval_assets.storage.commit_ledger import fills_summary
from eval_assets.storage.committing import (
    WRITER,
    Frames,
    arrow_schema_of,
    insist,
    predicate_of,
    properties_of,
    stream_of,
)
from eval_assets.storage.integrity.data_files import (
    NamedTable,
    files_added,
    refuse_damaged_files,
    refuse_damaged_log,
    refuse_unusable,
)
from eval_assets.storage.integrity.remedies import damaged
from eval_assets.storage.open_tables import OpenTable
from eval_assets.storage.remote.conditional_writes import prove_conditional_writes
from eval_assets.storage.remote.mirror import Mirror
from eval_assets.storage.remote.object_store import Objects
from eval_assets.storage.snapshots import Commit, Snapshot, damage_said, newest_with, partition_name
from eval_assets.tables.schemas import PARTITIONED_BY, SCHEMAS

TABLE_PROPERTIES = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.checkpointInterval": "10",  # opening a table replays what came after its last checkpoint
}

PUBLISHED_APART = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
"""Of a commit to the copy of a remote table's log, which may be undone: its checkpoint is made once it is published."""

KEPT_DAYS = 30
"""Days for which rows that were replaced stay readable, unless maintenance is told otherwise."""

KEPT_DAYS_OF = {"responses": 7, "runs": 7, "aggregate_history": 7}
"""Rows of these are only ever added: their former versions hold nothing that the present one doesn't."""


def remembering(days: int) -> dict[str, str]:
    """Properties of a table whose checkpoints name removed files for so many days, which then outlive maintenance.

    >>> remembering(30)
    {'delta.deletedFileRetentionDuration': 'interval 30 days'}
    """
    return {"delta.deletedFileRetentionDuration": f"interval {days} days"}


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
    _mirrors: dict[str, Mirror] = field(default_factory=dict, init=False, repr=False, compare=False)
    _proved: list[bool] = field(default_factory=list, init=False, repr=False, compare=False)
    """Whether the store was found to have conditional writes."""

    _turn: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.is_local:
            refuse_unusable(self.root)

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder of this machine."""
        return "://" not in self.root

    @cached_property
    def objects(self) -> Objects:
        """What lies beside the tables of a remote warehouse."""
        return Objects(self.root, self.storage_options)

    def _prove_conditions(self) -> None:
        """Refuse a store that tables would lose commits in, before the first one is made."""
        with self._turn:
            if not self._proved:
                prove_conditional_writes(self.objects)
                self._proved.append(True)

    def look_anew(self, table: str) -> None:
        """Have the next look at a table of an object store be one, however short ago the last one was."""
        if (mirror := self._mirror(table)) is not None:
            mirror.look_anew()

    def uri(self, table: str) -> str:
        """Address of a table."""
        return f"{self.root.rstrip('/')}/{table}"

    def exists(self, table: str) -> bool:
        """Whether the table was ever created."""
        held: OpenTable | None = self._opened.__dict__.get(table)
        if held is not None and held.is_latest:
            return True
        if (mirror := self._mirror(table)) is not None:
            if mirror.look() >= 0:
                return True
            self._opened.__dict__.pop(table, None)
            return False
        with damage_said(table, self.uri(table)):
            found = DeltaTable.is_deltatable(self.uri(table))
        if not found:
            self._opened.__dict__.pop(table, None)
            refuse_damaged_log(table, Path(self.uri(table)))
        return found

    def create(self, table: str) -> None:
        """Create an empty table unless it exists; safe to call from many processes at once."""
        if self.exists(table):
            return
        mirror = self._mirror(table)
        folder = Path(self.uri(table)) if mirror is None else mirror.folder
        folder.mkdir(parents=True, exist_ok=True)

        def make() -> None:
            DeltaTable.create(
                str(folder),
                schema=arrow_schema_of(table),
                partition_by=list(PARTITIONED_BY[table]),
                mode="ignore",
                configuration={**TABLE_PROPERTIES, **remembering(KEPT_DAYS_OF.get(table, KEPT_DAYS))},
            )

        if mirror is None:
            insist(table, make)
        else:
            self._prove_conditions()
            insist(table, lambda: mirror.publish(make))

    def replace(
        self,
        table: str,
        frames: Frames,
        partition: Mapping[str, str],
        metadata: Mapping[str, str] | None = None,
        *,
        since: Snapshot | None = None,
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
        self.look_anew(table)
        return int(metrics.get("num_deleted_rows") or 0)

    def scan(
        self, table: str, partition: Mapping[str, str] | None = None, *, version: int | None = None
    ) -> pl.LazyFrame:
        """Read a table, or one partition of it, now or at an earlier version; empty if it was never written."""
        return self._snapshot(table, version).scan(partition)

    def rows_of_commit(self, commit: Commit, partition: Mapping[str, str]) -> pl.LazyFrame:
        """Rows that a commit replaced a partition with.

        Its own entry of a local log names their files: opening that version reads the entries of all before.
        """
        snapshot = self.snapshot(commit.table)
        is_here = self.is_local and snapshot.is_plain
        files = files_added(commit.table, Path(self.uri(commit.table)), commit.version) if is_here else None
        if files is None:
            return self.scan(commit.table, partition, version=commit.version)
        return snapshot.scan_files(files, partition)

    def small_partition(self, table: str, partition: Mapping[str, str]) -> pl.DataFrame:
        """Rows of a partition that is small and looked at often: kept in memory until the table changes."""
        return self.kept(table, partition_name(partition), lambda: self.scan(table, partition).collect())

    def kept(self, table: str, what: str, read: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """A few rows made of a table, which this thread keeps in memory until the table changes.

        Args:
            table: Its name.
            what: Tells them from others of the table.
            read: Makes them.
        """
        return read() if self.snapshot(table).opened is None else self._open(table).kept(what, read)

    def snapshot(self, table: str) -> Snapshot:
        """The latest version of a table: its rows and its commits, whatever is written meanwhile."""
        return self._snapshot(table)

    def version(self, table: str) -> int | None:
        """Latest version of a table; null if it was never written."""
        if not self.exists(table):
            return None
        with damage_said(table, self.uri(table)):
            return self._open(table).version()

    def history(self, table: str, limit: int | None = None) -> Iterator[Commit]:
        """Commits of a table, newest first, with what their writers recorded."""
        if not self.exists(table):
            return
        with damage_said(table, self.uri(table)):
            commits = self._open(table).commits(limit)
        yield from commits if limit is None else commits[:limit]

    def last_commit(self, table: str, partition: Mapping[str, str]) -> Commit | None:
        """The newest commit that replaced this partition; null if none did."""
        return self.last_commits(table).get(partition_name(partition))

    def last_commits(self, table: str) -> dict[str, Commit]:
        """The newest commit of every partition of a table, by `partition_name`."""
        return self._latest(table)[1]

    def sum_up(self, table: str) -> int:
        """Have the commits of a table summed up as far as they fill summaries. Returns how many are."""
        if not self.exists(table):
            return 0
        with damage_said(table, self.uri(table)):
            return self._open(table).sum_up()

    def delta_table(self, table: str) -> NamedTable:
        """The latest version of a table as delta-rs has it, for maintenance; it has to exist."""
        return self._at(table)

    def _latest(self, table: str) -> tuple[int, dict[str, Commit]]:
        """The latest version, and partition → its newest commit; no version of a table that was never written."""
        if not self.exists(table):
            return -1, {}
        with damage_said(table, self.uri(table)):
            return self._open(table).newest_of_each()

    def _open(self, table: str) -> OpenTable:
        """The table as this thread holds it open."""
        opened: dict[str, OpenTable] = self._opened.__dict__
        if table not in opened:
            if self.is_local:
                refuse_damaged_log(table, Path(self.uri(table)))
            sound: set[str] = set()
            found = OpenTable(
                table,
                self.uri(table),
                self.storage_options,
                lambda version: self._refuse_damage(table, version, sound),
                self._mirror(table),
            )
            self._refuse_other_columns(table, found.opened)
            opened[table] = found
        return opened[table]

    def _snapshot(self, table: str, version: int | None = None) -> Snapshot:
        opened = None
        if self.exists(table):
            with damage_said(table, self.uri(table)):
                if version is None:
                    opened = self._open(table).snapshot()
                else:
                    opened = self._at_version(table, version)
                    self._refuse_damage(table, opened, set())
        return Snapshot(table, self.uri(table), opened, partial(self.history, table), partial(self._latest, table))

    def _at(self, table: str, version: int | None = None) -> NamedTable:
        return NamedTable(self.uri(table), version=version, storage_options=dict(self.storage_options))

    def _at_version(self, table: str, version: int) -> NamedTable:
        """An earlier version; of a remote table without asking for it, as far back as its log is here."""
        if (mirror := self._mirror(table)) is not None:
            with contextlib.suppress(DeltaError):
                return mirror.opened(version)
        return self._at(table, version)

    def _mirror(self, table: str) -> Mirror | None:
        """The log of a remote table; null of a local one."""
        if self.is_local:
            return None
        with self._turn:
            if table not in self._mirrors:
                self._mirrors[table] = Mirror(self.objects, table, self._mirrored / table)
            return self._mirrors[table]

    @cached_property
    def _mirrored(self) -> Path:
        """Where logs of remote tables are, and what was read and written of their data, while this process lives."""
        stack = contextlib.ExitStack()
        weakref.finalize(self, stack.close)
        return stack.enter_context(own_folder(Path(tempfile.gettempdir()) / f"eval-assets-{os.getuid()}"))

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

    def _write(
        self, table: str, frames: Frames, how: Mapping[str, Any], recorded: dict[str, str], version: int | None = None
    ) -> Commit:
        recorded["commit_id"] = uuid.uuid4().hex
        mirror = self._mirror(table)

        def write(opened: NamedTable) -> None:
            if mirror is not None and (same := mirror.made_meanwhile(opened, recorded)) is not None:
                recorded["commit_id"] = same
                return
            write_deltalake(
                opened,
                stream_of(table, frames),
                schema_mode="merge",
                commit_properties=properties_of(recorded),
                writer_properties=WRITER,
                post_commithook_properties=None if self.is_local else PUBLISHED_APART,
                **how,
            )

        if version is None:
            insist(table, lambda: self._open(table).write(write))
        elif mirror is None:
            insist(table, lambda: write(self._at(table, version)), attempts=1)
        else:
            insist(table, lambda: mirror.publish(lambda: write(mirror.opened(version))), attempts=1)
        # Other writers may have committed since: the version is the one that carries our id, or that of the same rows.
        written = newest_with(partial(self.history, table), "commit_id", recorded["commit_id"])
        if written is None:
            lost = f"table {self.uri(table)!r} lost the commit {recorded['commit_id']}"
            raise StorageError(f"{lost}; was it recreated meanwhile?")
        if fills_summary(written.version):
            self.sum_up(table)
        return written
