"""What a stage of a whole evaluation is made from: upstream partitions with the data versions they have now."""

from collections.abc import Mapping, Sequence

from eval_assets.cells.graph import CELL_TABLES, parse_cell
from eval_assets.storage.schemas import PARTITIONED_BY
from eval_assets.storage.warehouse import Warehouse, partition_name


def partition_of(table: str, key: str) -> dict[str, str]:
    """Values of the Delta partition columns for an asset's partition.

    >>> partition_of("judges", "fluency"), partition_of("predictions", "e:m@p")["prompt"]
    ({'judge': 'fluency'}, 'p')
    """
    return parse_cell(key).partition if table in CELL_TABLES else {PARTITIONED_BY[table][0]: key}


def stored_inputs(warehouse: Warehouse, upstream: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Upstream partition, as `table/key`, → its data version; those that were never computed are left out.

    Args:
        warehouse: Where they lie.
        upstream: Table → partition keys.
    """
    found: dict[str, str] = {}
    for table, keys in upstream.items():
        commits = warehouse.last_commits(table) if keys else {}
        for key in keys:
            commit = commits.get(partition_name(partition_of(table, key)))
            if commit is not None:
                found[f"{table}/{key}"] = commit.metadata["data_version"]
    return found
