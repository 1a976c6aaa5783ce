"""One example: its columns under our names, and what is wrong with them. Reading rows from files is in `rows`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eval_assets.config.datasets.dataset import OUR_COLUMNS, Dataset
from eval_assets.config.datasets.formats.paths import value_at, without
from eval_assets.config.problems import Problem, nearest
from eval_assets.requests.canonical_json import json_sha256, json_text
from eval_assets.requests.exchange import HIDDEN

EXPECTED_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "inputs": ((str, dict, list), "text, an object or a list"),
    "context": ((str, list), "text or a list of texts"),
    "targets": ((str, int, float, bool, list, dict), "text, a number or a list"),
}

MADE_ID_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Example:
    """One row of an eval dataset.

    Args:
        example_id: Unique in its dataset.
        position: Place in the row file, from 0; rows that are blank throughout count.
        columns: Every column under our names: `inputs`, and where present `targets`, `context` and any other.
        sha256: Hash of the canonical form of `columns` and `example_id`.
        stored: The columns as the table cell holds them that they were read from; null for those of a file.
    """

    example_id: str
    position: int
    columns: Mapping[str, Any]
    sha256: str
    stored: str | None = None

    @property
    def shown(self) -> dict[str, Any]:
        """What prompts and callables may see of it: everything but the targets it is scored against."""
        return {name: value for name, value in self.columns.items() if name != HIDDEN}

    @property
    def cell(self) -> str:
        """The columns as a table cell holds them: JSON."""
        return json_text(self.columns) if self.stored is None else self.stored


def example_sha256(example_id: str, columns: Mapping[str, Any]) -> str:
    """Content hash of one example, independent of its place in the file."""
    return json_sha256([example_id, columns], compact=False)


def example_columns(row: Mapping[str, Any], dataset: Dataset) -> dict[str, Any]:
    """The columns of a row that have a value, under our names.

    A mapped column hides one that has our name itself. A field that is mapped out of an object is gone from there, so
    that targets aren't shown to models by another way.
    """
    mapped = {getattr(dataset.card.columns, ours): ours for ours in OUR_COLUMNS}
    mapping = {theirs: ours for theirs, ours in mapped.items() if theirs is not None}
    hidden: set[str] = set()
    by_path: dict[str, Any] = {}
    rest: Mapping[str, Any] = row
    for theirs, ours in mapping.items():
        if theirs != ours and (value := value_at(row, theirs)) is not None:
            hidden.add(ours)
            if theirs not in row:
                by_path[ours] = value
                rest = without(rest, theirs)
    columns = {
        mapping.get(name, name): value
        for name, value in rest.items()
        if value is not None and (name in mapping or name not in hidden)
    }
    return {**columns, **by_path} if by_path else columns


def made_id(columns: Mapping[str, Any], made: Counter[str]) -> str:
    """An id for an example of a file without ids: told from what it asks, so that it stays where rows come and go.

    Args:
        columns: Its columns under our names.
        made: How often each was made so far; a question asked again gets a number after it.

    >>> made = Counter()
    >>> [made_id({"inputs": "Why?", "targets": targets}, made) for targets in ("So.", "No.")]
    ['1b33c25b80', '1b33c25b80-2']
    """
    asked = json_sha256({name: columns.get(name) for name in ("inputs", "context")})[:MADE_ID_LENGTH]
    made[asked] += 1
    return asked if made[asked] == 1 else f"{asked}-{made[asked]}"


def id_text(value: Any) -> str | None:
    """An id as text, whatever file it comes from: 7, 7.0 and "7" are one id; null if the value can't be one.

    >>> id_text(7), id_text(7.0), id_text("7"), id_text(7.5)
    ('7', '7', '7', None)
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str | int) else None


def column_problems(
    row: Mapping[str, Any], columns: dict[str, Any], dataset: Dataset, *, file: str, line: int
) -> list[Problem]:
    """What is wrong with the columns we know; an id that is a number becomes text."""
    theirs = {ours: getattr(dataset.card.columns, ours) for ours in OUR_COLUMNS}
    problems = [
        absent(row, theirs[ours], "map other names in the card's `columns`", file=file, line=line)
        for ours in ("example_id", "inputs")
        if columns.get(ours) in (None, "", [], {})
    ]
    if "example_id" in columns:
        identifier = id_text(columns["example_id"])
        if identifier is None:
            problems.append(Problem(file, f"expected text, got {columns['example_id']!r}", line, theirs["example_id"]))
        else:
            columns["example_id"] = identifier
    for ours, (types, expected) in EXPECTED_TYPES.items():
        value = columns.get(ours)
        if value is not None and (not isinstance(value, types) or (ours == "inputs" and isinstance(value, bool))):
            problems.append(
                Problem(file, f"expected {expected}, got {type(value).__name__} {value!r:.80}", line, theirs[ours])
            )
    return problems


def absent(row: Mapping[str, Any], column: str, remedy: str, *, file: str, line: int) -> Problem:
    """Say that a row has nothing in a column, or not even the column."""
    if column in row:
        return Problem(file, f"expected a value, got {row[column]!r}", line, column)
    return Problem(file, "the column is absent", line, column, f"{nearest(column, row)}; {remedy}")
