"""What a partition is made from: upstream partitions as they lie, their data versions, rows of those versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from eval_assets.stages.graph import parse_cell
from eval_assets.storage.snapshots import Snapshot, partition_name
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import PARTITIONED_BY


def partition_of(table: str, key: str) -> dict[str, str]:
    """Values of the Delta partition columns for an asset's partition.

    >>> partition_of("judges", "fluency"), partition_of("predictions", "e:m@p")["prompt"]
    ({'judge': 'fluency'}, 'p')
    """
    columns = PARTITIONED_BY[table]
    return parse_cell(key).partition if len(columns) > 1 else {columns[0]: key}


@dataclass(frozen=True, slots=True)
class StoredInputs:
    """Upstream partitions as they lay at one moment, whatever is written next.

    Args:
        versions: Upstream partition, as `table/key`, → its data version; those that were never computed are left out.
        snapshots: Table → the version that is read.
    """

    versions: Mapping[str, str]
    snapshots: Mapping[str, Snapshot]

    def scan(self, table: str, partition: Mapping[str, str]) -> pl.LazyFrame:
        """Rows that `versions` speaks of."""
        return self.snapshots[table].scan(partition)


def stored_inputs(warehouse: Warehouse, upstream: Mapping[str, Sequence[str]]) -> StoredInputs:
    """What lies in the warehouse of upstream partitions.

    Args:
        warehouse: Where they lie.
        upstream: Table → partition keys.
    """
    snapshots = {table: warehouse.snapshot(table) for table in upstream}
    versions: dict[str, str] = {}
    for table, keys in upstream.items():
        commits = snapshots[table].last_commits() if keys else {}
        for key in keys:
            commit = commits.get(partition_name(partition_of(table, key)))
            if commit is not None:
                versions[f"{table}/{key}"] = commit.metadata["data_version"]
    return StoredInputs(versions, snapshots)
