"""Rows of Delta tables: of somebody's, and of the one in which Dagster assets leave theirs."""

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from eval_assets.config.settings import storage_options_from
from eval_assets.errors import DatasetError


def delta_version(uri: str) -> int | None:
    """The latest version of a table; null if there is none."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        return DeltaTable(uri, storage_options=storage_options_from()).version()
    except (DeltaError, OSError):
        return None


def delta_rows(uri: str, id_column: str | None, *, shown: str) -> Iterator[dict[str, Any]]:
    """The rows of a table, in the order of their ids, or of all they hold: a table has no order of its own.

    Raises:
        DatasetError: There is no table, or it can't be read.
    """
    rows = _read(uri, "SELECT * FROM rows", shown)
    if id_column in rows.columns:
        yield from rows.sort(pl.col(id_column).cast(pl.String, strict=False)).iter_rows(named=True)
    else:
        yield from sorted(rows.iter_rows(named=True), key=repr)


def handed_rows(uri: str, dataset: str) -> Iterator[dict[str, Any]]:
    """The rows that an asset handed over, in its order.

    Args:
        uri: The table of what was handed over.
        dataset: The dataset.

    Raises:
        DatasetError: Nothing was handed over yet.
    """
    asked = f"SELECT position, row FROM rows WHERE dataset = '{dataset}' ORDER BY position"  # noqa: S608  a slug
    rows = pl.DataFrame() if delta_version(uri) is None else _read(uri, asked, "handed rows")
    if rows.is_empty():
        raise DatasetError(
            f"dataset {dataset}: expected rows that its Dagster asset handed over, there are none yet; materialize the "
            f"partition {dataset!r} of eval_datasets in the code location that names the asset in `upstream`"
        )
    yield from map(json.loads, rows["row"])


def _read(uri: str, asked: str, shown: str) -> pl.DataFrame:
    from deltalake import DeltaTable, QueryBuilder
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        table = DeltaTable(uri, storage_options=storage_options_from())
        # polars takes the percent signs that delta-rs puts into local paths for part of their names.
        found = QueryBuilder().register("rows", table).execute(asked).read_all()
    except TableNotFoundError as error:
        raise DatasetError(f"{shown}: expected a Delta table, there is none; write it first") from error
    except (DeltaError, OSError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise DatasetError(f"{shown}: expected a Delta table that can be read, got: {first}") from error
    return pl.DataFrame(found)
