"""Rows of a table that are at hand column by column."""

from collections.abc import Mapping
from typing import Any

import polars as pl


def frame_of_columns(schema: Mapping[str, pl.DataType], columns: Mapping[str, Any], n_rows: int) -> pl.DataFrame:
    """A frame with the columns of a table.

    Args:
        schema: Of the table.
        columns: Each column's list of values, or one value that all rows have.
        n_rows: How many rows there are.

    >>> frame_of_columns({"a": pl.Int64(), "b": pl.String()}, {"a": [1, 2], "b": "x"}, 2).rows()
    [(1, 'x'), (2, 'x')]
    """
    return pl.DataFrame([_series(name, columns[name], kind, n_rows) for name, kind in schema.items()])


def row_of_columns(schema: Mapping[str, pl.DataType], columns: Mapping[str, Any]) -> dict[str, Any]:
    """The first row; arguments as of `frame_of_columns`.

    >>> row_of_columns({"a": pl.Int64(), "b": pl.String()}, {"a": [1, 2], "b": "x"})
    {'a': 1, 'b': 'x'}
    """
    return {name: columns[name][0] if isinstance(columns[name], list) else columns[name] for name in schema}


def _series(name: str, values: Any, kind: pl.DataType, n_rows: int) -> pl.Series:
    if isinstance(values, list) and values.count(None) < n_rows:
        return pl.Series(name, values, dtype=kind)
    same = None if isinstance(values, list) else values
    return pl.Series(name, [same], dtype=kind).new_from_index(0, n_rows)
