"""Maintenance of all tables, safe beside runs and when killed: each step is a commit, or removes what nobody reads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from eval_assets.errors import OvertakenError
from eval_assets.storage.committing import WRITER, insist
from eval_assets.storage.integrity.data_files import NamedTable
from eval_assets.storage.locks import exclusive
from eval_assets.storage.snapshots import damage_said
from eval_assets.storage.upkeep.kept_versions import kept_versions, version_at
from eval_assets.storage.upkeep.log_trimming import trim_log
from eval_assets.storage.warehouse import KEPT_DAYS, KEPT_DAYS_OF, Warehouse, remembering
from eval_assets.tables.schemas import PARTITIONED_BY, SCHEMAS

FILE_BYTES = 16 * 2**20
"""Files are joined up to this size: a look-up reads a file's keys at least."""

MANY_FILES = 8


@dataclass(frozen=True, slots=True)
class Freed:
    """What maintenance did to one table.

    Args:
        table: Its name.
        n_joined: Small files that were joined into larger ones.
        n_files: Data files removed.
        n_entries: Entries and checkpoints of the log removed.
        bytes_before: Its size on disk; null in an object store.
        bytes_after: The same afterwards; larger than before where joined files are still kept.
    """

    table: str
    n_joined: int = 0
    n_files: int = 0
    n_entries: int = 0
    bytes_before: int | None = None
    bytes_after: int | None = None


def days_kept(days: int | None = None, of_tables: Mapping[str, int] | None = None) -> dict[str, int]:
    """Table → days for which versions that were replaced stay readable.

    Args:
        days: For all tables; null: `KEPT_DAYS`, or `KEPT_DAYS_OF`.
        of_tables: For single ones.
    """
    defaults = {table: KEPT_DAYS_OF.get(table, KEPT_DAYS) if days is None else days for table in SCHEMAS}
    return {**defaults, **(of_tables or {})}


def maintain(
    warehouse: Warehouse, state_dir: Path, kept_days: Mapping[str, int], *, on_wait: Callable[[str], None] | None = None
) -> Iterator[Freed]:
    """Join small files, sum up commits, write checkpoints, and remove files and entries that nobody may ask for.

    What stays readable: every version of the last days, and those that anything the tables hold now was made from.

    Args:
        warehouse: The tables.
        state_dir: Local folder for the lock: one maintenance at a time.
        kept_days: Days for each table, at least one, since runs under way read what was there when they began.
        on_wait: Told in one sentence when another maintenance is under way.

    Returns:
        What was done to each table that exists, one by one.
    """
    with exclusive(state_dir / "maintenance.lock", label="maintenance", on_wait=on_wait):
        kept = kept_versions(warehouse)
        for table in SCHEMAS:
            if warehouse.exists(table):
                yield _maintain(warehouse, table, kept_days[table], kept.get(table, set()))


def _maintain(warehouse: Warehouse, table: str, days: int, kept: set[int]) -> Freed:
    folder = Path(warehouse.uri(table))
    bytes_before = bytes_below(folder) if warehouse.is_local else None
    with damage_said(table, str(folder)):
        n_joined = _join_small_files(table, warehouse.delta_table(table))
        opened = warehouse.delta_table(table)
        _remember_removed_files(table, opened, days)
        n_files = _vacuum(opened, days, kept)
        n_summed_up = warehouse.sum_up(table)
        warehouse.delta_table(table).create_checkpoint()
    n_entries = 0
    if warehouse.is_local:
        first = version_at(warehouse, table, datetime.now(UTC) - timedelta(days=days))
        n_entries = trim_log(folder / "_delta_log", needed_from=min({first, *kept}), n_summed_up=n_summed_up)
    return Freed(table, n_joined, n_files, n_entries, bytes_before, bytes_below(folder) if warehouse.is_local else None)


def _join_small_files(table: str, opened: NamedTable) -> int:
    """Join the files of each partition that has many; what is replaced meanwhile is left to the next time."""
    columns = PARTITIONED_BY[table][:1]
    n_joined = 0
    for values in {tuple(partition[column] for column in columns) for partition in opened.partitions()}:
        where = [(column, "=", str(value)) for column, value in zip(columns, values, strict=True)]
        if len(opened.file_uris(file_pruning_predicate=where or None)) >= MANY_FILES:
            with suppress(OvertakenError):
                n_joined += insist(table, partial(_join, opened, where), attempts=1)
    return n_joined


def _join(opened: NamedTable, where: Sequence[tuple[str, str, str]]) -> int:
    joined = opened.optimize.compact(
        list(where) or None, target_size=FILE_BYTES, writer_properties=WRITER, max_concurrent_tasks=1
    )
    return int(joined["numFilesRemoved"])


def _remember_removed_files(table: str, opened: NamedTable, days: int) -> None:
    """Have checkpoints name removed files for as long as those are kept; Delta forgets them after a week."""
    wanted = remembering(days)
    if not wanted.items() <= opened.metadata().configuration.items():
        insist(table, lambda: opened.alter.set_table_properties(wanted))


def _vacuum(opened: NamedTable, days: int, kept: set[int]) -> int:
    """Remove data files of versions that aren't kept, and those that killed writers left; without any no commit."""
    opened.update_incremental()
    vacuum = partial(
        opened.vacuum, days * 24, enforce_retention_duration=False, full=True, keep_versions=sorted(kept) or None
    )
    return len(vacuum(dry_run=False)) if vacuum(dry_run=True) else 0


def bytes_below(folder: Path) -> int:
    """What the files of a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
