"""What the columns themselves settle: an expectation that no row breaks. Of any other Great Expectations is asked.

It takes seconds and 150 MB to import, and rows are nearly always as expected. A screen may take a row for one that
breaks an expectation, never the other way round.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from eval_assets.quality.expectations import Expectation

Arguments = Mapping[str, Any]
Screen = Callable[[pl.DataFrame, Arguments], pl.Series]


def _present(rows: pl.DataFrame, arguments: Arguments) -> pl.Series:
    column: str = arguments["column"]
    return rows[column].drop_nulls()


def _outside(rows: pl.DataFrame, arguments: Arguments) -> pl.Series:
    # A score that is no number is above every bound here, and none at all for Great Expectations.
    return ~_present(rows, arguments).is_between(arguments["min_value"], arguments["max_value"])


def _unmatched(rows: pl.DataFrame, arguments: Arguments) -> pl.Series:
    found = re.compile(arguments["regex"]).search
    return pl.Series([found(text) is None for text in _present(rows, arguments)], dtype=pl.Boolean)


SCREENS: Mapping[str, Screen] = {
    "ExpectColumnValuesToNotBeNull": lambda rows, arguments: rows[arguments["column"]].is_null(),
    "ExpectColumnValuesToBeNull": lambda rows, arguments: rows[arguments["column"]].is_not_null(),
    "ExpectColumnValuesToBeUnique": lambda rows, arguments: _present(rows, arguments).is_duplicated(),
    "ExpectColumnValuesToBeInSet": lambda rows, arguments: ~_present(rows, arguments).is_in(arguments["value_set"]),
    "ExpectColumnValuesToBeBetween": _outside,
    "ExpectColumnValuesToMatchRegex": _unmatched,
    "ExpectColumnPairValuesToBeEqual": lambda rows, arguments: rows[arguments["column_A"]].ne_missing(
        rows[arguments["column_B"]]
    ),
}
"""Type of an expectation → whether each of the rows that it looks at, or of those with a value, may break it."""


def rows_as_expected(frame: pl.DataFrame, expectation: Expectation) -> int | None:
    """How many rows an expectation looks at, where all of them are as expected; null where that isn't settled.

    Args:
        frame: The rows, with more than those that the expectation looks at.
        expectation: What is expected of them.

    >>> rows = pl.DataFrame({"score": [0.5, None], "is_ok": [True, False]})
    >>> rows_as_expected(rows, Expectation("ExpectColumnValuesToNotBeNull", {"column": "score"}, ("is_ok", True)))
    1
    >>> rows_as_expected(rows, Expectation("ExpectColumnValuesToNotBeNull", {"column": "score"}))
    """
    screen = SCREENS.get(expectation.type)
    read = {value for name, value in expectation.arguments.items() if name.startswith("column")}
    if screen is None or not read <= set(frame.columns):
        return None
    rows = frame
    if expectation.where is not None:
        column, value = expectation.where
        rows = frame.filter(pl.col(column) == value)
    return None if screen(rows, expectation.arguments).any() else rows.height
