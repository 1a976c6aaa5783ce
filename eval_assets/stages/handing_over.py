"""Rows of a dataset that somebody's Dagster asset hands over: kept in a table, from where the dataset is read."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from eval_assets.config.datasets.formats.values import plain_row
from eval_assets.config.project import Project
from eval_assets.errors import DatasetError
from eval_assets.requests.canonical_json import json_text
from eval_assets.stages.content_hash import content_sha256
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import SCHEMAS

TABLE = "handed_rows"


def is_handed_over(project: Project, dataset: str) -> bool:
    """Whether an asset hands over the rows of a dataset."""
    loaded = project.datasets.get(dataset)
    return loaded is not None and loaded.item.card.rows is not None and bool(loaded.item.card.rows.asset)


def handed_state(warehouse: Warehouse, dataset: str) -> str | None:
    """Of which state of its asset the rows of a dataset are that were handed over last; null if none were."""
    commit = warehouse.last_commit(TABLE, {"dataset": dataset})
    return None if commit is None else commit.metadata.get("state")


def hand_over(warehouse: Warehouse, dataset: str, value: object, *, asset: str, state: str = "", run_id: str) -> int:
    """Keep the rows of a dataset as an asset has them now. Returns how many there are.

    Args:
        warehouse: Where they are kept.
        dataset: The dataset.
        value: What the asset's IO manager loads.
        asset: How errors name the asset.
        state: Names the state of the asset.
        run_id: The run that hands over.

    Raises:
        DatasetError: The value is no table, or holds what JSON can't.
    """
    rows = [
        {"dataset": dataset, "position": position, "row": json_text(plain_row(row, file=asset, line=position + 1))}
        for position, row in enumerate(_rows_of(value, asset))
    ]
    version = content_sha256([row["row"] for row in rows])
    frame = pl.DataFrame([{**row, "run_id": run_id} for row in rows], schema=SCHEMAS[TABLE])
    warehouse.replace(TABLE, frame, {"dataset": dataset}, {"run_id": run_id, "data_version": version, "state": state})
    return len(rows)


def _rows_of(value: object, asset: str) -> Iterator[dict[str, Any]]:
    """The rows of whatever a table may be.

    >>> list(_rows_of(pl.DataFrame({"inputs": ["Why?"]}), "tickets"))
    [{'inputs': 'Why?'}]
    >>> list(_rows_of([{"inputs": "Why?"}], "tickets"))
    [{'inputs': 'Why?'}]
    """
    table: Any = value
    if isinstance(value, pl.LazyFrame):
        table = value.collect()
    elif type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "to_dict"):
        # Column by column, so that what is missing is null whatever the column's type.
        table = table.astype(object).where(table.notna(), None).to_dict("records")
    elif not isinstance(value, pl.DataFrame) and hasattr(value, "__arrow_c_stream__"):
        table = pl.DataFrame(value)
    if isinstance(table, pl.DataFrame):
        yield from table.iter_rows(named=True)
    elif isinstance(table, list | tuple) and all(isinstance(row, Mapping) for row in table):
        yield from (dict(row) for row in table)
    else:
        raise DatasetError(
            f"asset {asset}: expected its IO manager to load a table (a polars, pandas or Arrow frame, or a list of "
            f"dicts), got {type(value).__name__}; or say in the dataset's card where its rows lie: "
            "`rows: {delta: …}`, `{parquet: …}` or `{sql: …}`"
        )
