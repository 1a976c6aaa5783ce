"""Rows of a partition as they were: found by their data version, as long as maintenance keeps them."""

import json
from collections.abc import Iterable, Mapping

import polars as pl

from eval_assets.errors import RowsGoneError, StorageError
from eval_assets.storage.snapshots import Commit, partition_name
from eval_assets.storage.warehouse import Warehouse

LOOKS_BACK = "looks_back"


def rows_in_version(warehouse: Warehouse, table: str, partition: Mapping[str, str], data_version: str) -> pl.LazyFrame:
    """Rows of a partition in a data version; those that lie there now, if that is theirs.

    Args:
        warehouse: The tables.
        table: Its name.
        partition: Value of each partition column.
        data_version: Of the rows.

    Raises:
        RowsGoneError: Maintenance has removed them.
        StorageError: The partition never had that data version.
    """
    name = partition_name(partition)
    for commit in warehouse.history(table):  # newest first
        if commit.metadata.get("partition") != name or commit.metadata.get("data_version") != data_version:
            continue
        latest = warehouse.last_commit(table, partition)
        if latest is not None and latest.version == commit.version:
            return warehouse.scan(table, partition)
        try:
            return warehouse.rows_of_commit(commit, partition)
        except StorageError as error:
            raise RowsGoneError(
                f"the rows of {table} for {name} as they were in version {commit.version} can't be read any more: "
                "`eval-assets maintain` keeps replaced rows for 30 days (--keep-days), those that a comparison with "
                f"the state before is made from and those of released states for longer. Behind it: {error}"
            ) from error
    raise StorageError(f"expected {table} for {name} in data version {data_version}, it never had that one")


def looking_back(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Commit metadata that keeps former rows readable for as long as the commit is the newest of its partition.

    Args:
        rows: Partition, as `table/key`, and its data version.
    """
    return {LOOKS_BACK: json.dumps(sorted(set(rows)))}


def looked_back_at(commit: Commit) -> list[tuple[str, str]]:
    """What a commit keeps readable: partitions, as `table/key`, and data versions."""
    return [(place, version) for place, version in json.loads(commit.metadata.get(LOOKS_BACK, "[]"))]
