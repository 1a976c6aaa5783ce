"""The columns of a table: their names as words, what stands in them, how long it is."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from eval_assets.config.datasets.formats.paths import value_at

ASKED_OR_EXPECTED = frozenset(["inputs", "input", "expectations", "expected"])
"""Words in the names of columns whose objects hold what other tables have as columns."""

Row = Mapping[str, Any]


class TableColumns:
    """The columns of a table's rows, each looked through once.

    Args:
        rows: Its rows.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.n_rows = len(rows)
        names: dict[str, None] = {}
        for row in rows:
            for name, value in row.items():
                names[name] = None
                if isinstance(value, Mapping) and not ASKED_OR_EXPECTED.isdisjoint(words(name)):
                    names.update(dict.fromkeys(f"{name}.{field}" for field in value))
        self.names = list(names)
        self._rows = rows
        self._all: dict[str, list[Any]] = {}

    def all_of(self, name: str) -> list[Any]:
        """What every row has in a column."""
        if name not in self._all:
            self._all[name] = [value_at(row, name) for row in self._rows]
        return self._all[name]

    def values(self, name: str) -> list[Any]:
        """What stands in a column where anything does."""
        return [value for value in self.all_of(name) if value not in (None, "", [], {})]

    def lengths(self, name: str) -> list[int]:
        """Characters of each text, or list of texts, in a column; none if it holds anything else."""
        values = self.values(name)
        if not all(isinstance(value, str | list) for value in values):
            return []
        return [len(value) if isinstance(value, str) else sum(len(str(item)) for item in value) for value in values]

    def filled(self, name: str) -> float:
        """The share of rows that have anything in a column."""
        return len(self.values(name)) / self.n_rows


def words(name: str) -> list[str]:
    """The words in a column's name, without accents; of a path in its last part.

    >>> words("Réponse attendue"), words("expectations.expected_response")
    (['reponse', 'attendue'], ['expected_response'])
    """
    last = name.rpartition(".")[2]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode().lower()
    return [word for word in re.split(r"[^a-z0-9_]+", re.sub(r"^_+", "", plain)) if word]
