"""One version of one table, and the commits that led to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl
from deltalake.exceptions import DeltaError

from eval_assets.storage.integrity.data_files import LOCAL, NamedTable
from eval_assets.storage.integrity.remedies import damaged
from eval_assets.tables.schemas import PARTITIONED_BY, SCHEMAS

RECENT_COMMITS = 50
PLAIN_READER = 1
"""What a table asks of its readers as delta-rs makes it; later protocols mark rows as deleted apart from the files."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One version of one table, with what was recorded when it was written."""

    table: str
    uri: str
    version: int
    metadata: Mapping[str, str]


History = Callable[[int | None], Iterator[Commit]]
"""Gives the commits of a table, newest first; at least as many as asked for, or all."""


Latest = Callable[[], tuple[int, dict[str, Commit]]]
"""Gives the latest version of the table, and partition → its newest commit then."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of one table: what is read from it belongs together, whatever is written meanwhile.

    Args:
        table: Its name.
        uri: Where it lies.
        opened: The version; null if the table was never written.
        history: Its commits, later ones too.
        latest: The newest of them for each partition.
    """

    table: str
    uri: str
    opened: NamedTable | None
    history: History
    latest: Latest

    def scan(self, partition: Mapping[str, str] | None = None) -> pl.LazyFrame:
        """Rows of the table, or of one partition of it; columns that the version doesn't have yet are null."""
        columns = SCHEMAS[self.table]
        if self.opened is None:
            return pl.LazyFrame(schema=columns)
        if partition and tuple(partition) == PARTITIONED_BY[self.table] and self.is_plain:
            return self.scan_files(self.files(partition), partition)
        with damage_said(self.table, self.uri):
            lazy = pl.scan_delta(self.opened)
            present = lazy.collect_schema()
        for column, value in (partition or {}).items():
            lazy = lazy.filter(pl.col(column) == value)
        absent = [name for name in columns if name not in present]
        return lazy.with_columns(pl.lit(None, dtype=columns[name]).alias(name) for name in absent).select(list(columns))

    @property
    def is_plain(self) -> bool:
        """Whether its rows are what its files hold: four times as fast to read without asking the log again."""
        return self.opened is not None and self.opened.protocol().min_reader_version == PLAIN_READER

    def files(self, partition: Mapping[str, str]) -> list[str]:
        """The files that hold the rows of a partition."""
        if self.opened is None:
            return []
        with damage_said(self.table, self.uri):
            return self.opened.file_uris(
                file_pruning_predicate=[(column, "=", value) for column, value in partition.items()]
            )

    def scan_files(self, files: Sequence[str], partition: Mapping[str, str]) -> pl.LazyFrame:
        """Rows of some of the files of a partition."""
        columns = SCHEMAS[self.table]
        if self.opened is None or not files:
            return pl.LazyFrame(schema=columns)
        lazy = pl.scan_parquet(
            [file.removeprefix(LOCAL) for file in files],
            glob=False,
            hive_partitioning=False,
            schema={name: dtype for name, dtype in columns.items() if name not in partition},
            missing_columns="insert",
            extra_columns="ignore",
            storage_options=self.opened._storage_options,  # noqa: SLF001  as `pl.scan_delta` takes them
        )
        return lazy.with_columns(pl.lit(value).alias(name) for name, value in partition.items()).select(list(columns))

    def last_commits(self) -> dict[str, Commit]:
        """The newest commit of every partition up to this version, by `partition_name`."""
        newest = self._newest()
        return newest_of_each(self._commits(None)) if newest is None else newest

    def last_commit(self, partition: Mapping[str, str]) -> Commit | None:
        """The newest commit up to this version that replaced a partition; null if none did."""
        newest, name = self._newest(), partition_name(partition)
        return newest_with(self._commits, "partition", name) if newest is None else newest.get(name)

    def _newest(self) -> dict[str, Commit] | None:
        """The newest commits of the table by partition, if this is its latest version."""
        version, latest = self.latest()
        return latest if self.opened is not None and self.opened.version() == version else None

    def _commits(self, limit: int | None) -> Iterator[Commit]:
        if self.opened is not None:
            version = self.opened.version()
            yield from (commit for commit in self.history(limit) if commit.version <= version)


def newest_of_each(commits: Iterable[Commit]) -> dict[str, Commit]:
    """Partition → the first of these commits that replaced it."""
    newest: dict[str, Commit] = {}
    for commit in commits:
        if "partition" in commit.metadata:
            newest.setdefault(commit.metadata["partition"], commit)
    return newest


def newest_with(history: History, key: str, value: str) -> Commit | None:
    """The newest commit that recorded a value; null if none did. Most are found among the recent ones."""
    for limit in (RECENT_COMMITS, None):
        for commit in history(limit):
            if commit.metadata.get(key) == value:
                return commit
    return None


def partition_name(partition: Mapping[str, str]) -> str:
    """How a partition is called in commit metadata.

    >>> partition_name({"evaluation": "e", "model": "m", "prompt": "p"})
    'evaluation=e/model=m/prompt=p'
    """
    return "/".join(f"{column}={value}" for column, value in partition.items())


@contextmanager
def damage_said(table: str, uri: str) -> Iterator[None]:
    """Say in one sentence which table can't be read, and what helps."""
    try:
        yield
    except (DeltaError, OSError, pl.exceptions.PolarsError) as error:
        raise damaged(table, uri, error) from error
