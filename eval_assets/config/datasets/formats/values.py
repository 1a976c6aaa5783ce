"""The values that rows are made of, whatever file they come from: what JSON can write, and nothing beyond bounds.

What stands for a date, a decimal or bytes is in `requests.canonical_json`.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from eval_assets.config.problems import Location, Problem, field_path
from eval_assets.errors import ConfigError, DatasetError
from eval_assets.requests.canonical_json import stand_in
from eval_assets.requests.foreign_values import whole_characters

MAX_CELL_CHARACTERS = 4_000_000
"""About a million tokens."""
MAX_DEPTH = 64


class _UnusableError(Exception):
    """Why a value can't stand in a row, and where in it."""

    def __init__(self, said: str, location: Location) -> None:
        super().__init__(said)
        self.location = location


class _Cell:
    """Makes one cell plain, counting its characters."""

    def __init__(self, *, repair: bool) -> None:
        self._repair = repair
        self._characters = 0

    def plain(self, value: Any, location: Location) -> Any:
        kind = type(value)
        if kind is str:
            return self.text(value, location)
        if value is None or kind is int or kind is bool:
            return value
        if isinstance(value, float | Decimal) and not math.isfinite(value):
            if math.isnan(value):
                return None
            raise _UnusableError(f"expected a finite number, got {value}; leave out what has no value", location)
        if kind is float:
            return value
        if len(location) > MAX_DEPTH:
            raise _UnusableError(f"expected lists and objects at most {MAX_DEPTH} levels deep", location[:1])
        return self._structure(value, location)

    def _structure(self, value: Any, location: Location) -> Any:
        if isinstance(value, list | tuple):
            return [self.plain(item, (*location, index)) for index, item in enumerate(value)]
        if isinstance(value, Mapping):
            return {self.text(name, location): self.plain(item, (*location, name)) for name, item in value.items()}
        try:
            return self.text(stand_in(value), location)
        except ConfigError as error:
            raise _UnusableError(f"{error}; leave the column out, or write it as text", location) from error

    def text(self, value: str, location: Location) -> str:
        self._characters += len(value)
        if self._characters > MAX_CELL_CHARACTERS:
            said = f"expected at most {MAX_CELL_CHARACTERS:,} characters in a cell, got more"
            raise _UnusableError(f"{said}; shorten it, or leave the column out", location[:1])
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError as error:
            if self._repair:
                return whole_characters(value)
            around = value[max(error.start - 20, 0) : error.end]
            said = f"expected whole characters, got half a surrogate pair in {around!r}, such as a cut emoji leaves"
            raise _UnusableError(f"{said}; export the text again", location) from error
        return value


def plain_row(row: Mapping[str, Any], *, file: str, line: int, repair: bool = False) -> dict[str, Any]:
    """A row with values that JSON can write: NaN is missing, dates and decimals are text, bytes the text they encode.

    Args:
        row: As a file of any kind has it.
        file: How errors name the file.
        line: Line, or number of the row.
        repair: Put the replacement character for half a surrogate pair, which is refused otherwise.

    Raises:
        DatasetError: A value has no text, isn't finite, or is larger or deeper than rows may be.

    >>> plain_row({"a": float("nan"), "b": Decimal("1.50"), "c": [b"x"]}, file="d.parquet", line=1)
    {'a': None, 'b': '1.50', 'c': ['x']}
    """
    plain: dict[str, Any] = {}
    try:
        for name, value in row.items():
            known_name = name if name.isascii() else _Cell(repair=False).text(name, (name,))
            plain[known_name] = _Cell(repair=repair).plain(value, (name,))
    except _UnusableError as error:
        place = field_path(error.location).encode("utf-8", "backslashreplace").decode()
        raise DatasetError(str(Problem(file, str(error), line, place))) from error
    return plain
