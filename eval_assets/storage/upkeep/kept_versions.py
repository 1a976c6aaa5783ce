"""Versions of tables that what they hold now was made from: whoever compares or traces may ask for their rows."""

import json
from collections import defaultdict
from datetime import datetime

from eval_assets.config.candidate import Candidate, cell_key
from eval_assets.storage.former_rows import looked_back_at
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import inputs_recorded
from eval_assets.tables.columns import CELL
from eval_assets.tables.input_tables import DATASET_TABLES
from eval_assets.tables.schemas import SCHEMAS


def kept_versions(warehouse: Warehouse) -> dict[str, set[int]]:
    """Table → former versions whose rows a partition of any table was made from.

    A dataset's table stands for its documents and labels too. A partition that was made from rows that lie there still
    needs no former version.
    """
    made_from = {
        (upstream, data_version)
        for table in SCHEMAS
        for commit in warehouse.last_commits(table).values()
        for upstream, data_version in (*inputs_recorded(commit).items(), *looked_back_at(commit))
    }
    made_from |= _released(warehouse)
    wanted: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for upstream, data_version in made_from:
        table, _, key = upstream.partition("/")
        for each in DATASET_TABLES if table in DATASET_TABLES else (table,):
            wanted[each].add((key, data_version))
    return {table: _former(warehouse, table, asked) for table, asked in wanted.items() if table in SCHEMAS}


def _released(warehouse: Warehouse) -> set[tuple[str, str]]:
    """Rows of the state of each candidate that was released last: partition, as `table/key`, and data version."""
    newest = warehouse.scan("releases").sort("released_at").unique(list(CELL), keep="last").collect()
    return {
        (f"{table}/{cell_key(row)}", data_version)
        for row in newest.iter_rows(named=True)
        for table, data_version in json.loads(row["versions"]).items()
    }


def version_at(warehouse: Warehouse, table: str, moment: datetime) -> int:
    """The version that was the latest one at a moment; the first one if none was there yet."""
    milliseconds = moment.timestamp() * 1000
    for commit in warehouse.history(table):
        if float(commit.metadata.get("timestamp", "inf")) <= milliseconds:
            return commit.version
    return 0


def _former(warehouse: Warehouse, table: str, wanted: set[tuple[str, str]]) -> set[int]:
    """The newest version of each wanted partition with the wanted data version, unless it is that partition now."""
    latest = {commit.version for commit in warehouse.last_commits(table).values()}
    left, found = set(wanted), set()
    for commit in warehouse.history(table):
        if not left:
            break
        key = (_key_of(commit.metadata.get("partition", "")), commit.metadata.get("data_version", ""))
        if key in left:
            left.remove(key)
            found.add(commit.version)
    return found - latest


def _key_of(partition: str) -> str:
    """A partition as its asset calls it.

    >>> _key_of("evaluation=e/model=m/prompt=p"), _key_of("dataset=qa")
    ('e:m@p', 'qa')
    """
    values = [part.partition("=")[2] for part in partition.split("/")]
    return f"{values[0]}:{Candidate.of(*values[1:])}" if len(values) == len(CELL) else values[0]
