"""The data that `ea.evaluate` is given: rows of a frame, a list, a file or a dataset of the project."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from eval_assets.config.datasets.dataset import OUR_COLUMNS
from eval_assets.config.datasets.examples import example_columns, id_text, made_id
from eval_assets.config.datasets.formats.paths import value_at
from eval_assets.config.datasets.formats.values import plain_row
from eval_assets.config.datasets.row_files import READABLE_SUFFIXES, file_rows, is_blank
from eval_assets.config.datasets.row_places import rows_place
from eval_assets.config.problems import nearest
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError, DatasetError

FrameKind = Literal["polars", "pandas"]

FROM_MLFLOW = {"targets": "expectations.expected_response"}
"""Our column → where MLflow's rows have it."""

USUAL_NAMES = {
    "inputs": ("input", "question", "questions", "query", "prompt", "request", "text", "article"),
    "targets": ("target", "answer", "answers", "expected", "expected_output", "ground_truth", "reference", "label"),
    "context": ("contexts", "document", "passage", "retrieved_context"),
}
"""Our column → names that others have for it: what a message proposes."""


@dataclass(frozen=True)
class GivenRows:
    """Rows as they were given.

    Args:
        rows: Under their own names, each with an id under `id_column`; null for a row that is blank throughout.
        columns: Our column → theirs, where the names differ.
        id_column: The column with the ids; `example_id` where they were numbered here.
        origin: What was given: the frame itself, to answer in its kind, or null.
        dataset: The dataset of the project that was named, if one was.
        label: A short name of what was given.
    """

    rows: Sequence[Mapping[str, Any] | None]
    columns: Mapping[str, str]
    id_column: str
    origin: Any = field(repr=False)
    dataset: str | None
    label: str

    @cached_property
    def names(self) -> list[str]:
        """Every column that some row has a value in."""
        return list(dict.fromkeys(name for row in self.rows if row for name, value in row.items() if value is not None))

    @cached_property
    def ids(self) -> list[str | None]:
        """The id of each row."""
        return [None if row is None else id_text(value_at(row, self.id_column)) for row in self.rows]

    def has(self, ours: str) -> bool:
        """Whether some row has a value in the column that is one of ours."""
        return self.holds(self.columns.get(ours, ours))

    def holds(self, theirs: str) -> bool:
        """Whether some row has a value in a column of theirs."""
        return any(row is not None and value_at(row, theirs) is not None for row in self.rows)


def given_rows(data: Any, columns: Mapping[str, str] | None, project: Project) -> GivenRows:
    """Read what was given.

    Args:
        data: A pandas or polars frame, a list of mappings, the path of a file of rows, or the name of a dataset.
        columns: Our column → theirs.
        project: Where datasets are looked up.

    Raises:
        ConfigError: It is none of these, has no rows, or lacks a column that is needed.
    """
    if isinstance(data, str) and data in project.datasets:
        if columns:
            raise ConfigError(f"columns: dataset {data!r} maps its columns in its card; leave the argument out")
        return _of_dataset(data, project)
    rows, origin, label = _read(data, project)
    if not any(rows):
        raise DatasetError(f"data: expected at least one row, got none in {label}")
    found = GivenRows(rows, {}, "example_id", origin, None, label)
    mapping = _mapping(found, columns or {})
    found = replace(found, columns=mapping, id_column=mapping.get("example_id", "example_id"))
    if not found.has("inputs"):
        raise ConfigError(_without_inputs(found))
    found = _with_ids(found)
    _refuse_repeated(found)
    return found


def _of_dataset(name: str, project: Project) -> GivenRows:
    dataset = project.dataset(name)
    rows = [None if is_blank(row) else row for _, row in rows_place(dataset, project.datasets_dir).read()]
    mapped = dataset.card.columns
    if mapped.example_id is None:
        made: Counter[str] = Counter()
        rows = [row and {"example_id": made_id(example_columns(row, dataset), made), **row} for row in rows]
    named = {ours: getattr(mapped, ours) or ours for ours in OUR_COLUMNS}
    columns = {ours: theirs for ours, theirs in named.items() if theirs != ours}
    return GivenRows(rows, columns, named["example_id"], None, name, name)


def _read(data: Any, project: Project) -> tuple[list[Mapping[str, Any] | None], Any, str]:
    """Rows, the frame they came in if they came in one, and what to call them."""
    kind = kind_of(data)
    if kind is not None:
        return list(_plain(_records(data, kind), "data")), data, "data"
    if isinstance(data, str | os.PathLike):
        path = Path(data)
        if path.suffix.lower() not in READABLE_SUFFIXES and not path.exists():
            raise ConfigError(
                f"data: there is no dataset {str(data)!r} in {project.datasets_dir}; "
                f"{nearest(str(data), project.names('datasets'))}; "
                f"a file of rows ends in {', '.join(READABLE_SUFFIXES)}"
            )
        return [None if is_blank(row) else row for _, row in file_rows(path, file=str(data))], None, path.stem
    if isinstance(data, Sequence) and all(isinstance(row, Mapping) for row in data):
        return list(_plain(data, "data")), None, "data"
    raise ConfigError(
        "data: expected a pandas or polars frame, a list of mappings, a path or the name of a dataset, "
        f"got {type(data).__name__} {data!r:.60}"
    )


def kind_of(data: Any) -> FrameKind | None:
    """Which library's frame something is; null for none. Imports neither."""
    kind = type(data)
    top = kind.__module__.partition(".")[0]
    if kind.__name__ == "DataFrame" and top in ("polars", "pandas"):
        return "polars" if top == "polars" else "pandas"
    return None


def _records(data: Any, kind: FrameKind) -> Iterator[Mapping[str, Any]]:
    if kind == "polars":
        yield from data.iter_rows(named=True)
        return
    names = [str(name) for name in data.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(f"data: expected each column once, got {repeated[0]!r} twice")
    ids = None if _is_numbered(data.index) or "example_id" in names else [str(value) for value in data.index]
    for number, values in enumerate(data.itertuples(index=False, name=None)):
        row = dict(zip(names, values, strict=True))
        yield row if ids is None else {"example_id": ids[number], **row}


def _is_numbered(index: Any) -> bool:
    """Whether the index of a pandas frame only numbers rows, or can't tell them apart."""
    return type(index).__name__ == "RangeIndex" or not index.is_unique or index.nlevels > 1


def _plain(rows: Any, file: str) -> Iterator[dict[str, Any] | None]:
    for number, row in enumerate(rows):
        plain = plain_row({str(name): _native(value) for name, value in row.items()}, file=file, line=number)
        yield None if is_blank(plain) else plain


def _native(value: Any) -> Any:
    """A value of numpy or pandas as Python has it."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return value
    if kind.__name__ in ("NAType", "NaTType"):
        return None
    if kind.__module__.partition(".")[0] == "numpy":
        return value.tolist()
    return value.to_list() if kind.__name__ == "Series" else value


def _mapping(found: GivenRows, columns: Mapping[str, str]) -> dict[str, str]:
    """Our column → theirs: what was said, and what MLflow's rows are known by."""
    for ours, theirs in columns.items():
        if ours not in OUR_COLUMNS:
            raise ConfigError(
                f"columns: expected our columns {', '.join(OUR_COLUMNS)} as keys, got {ours!r}; "
                f"{nearest(ours, OUR_COLUMNS)}; write {{ours: theirs}}"
            )
        if not found.holds(theirs):
            raise ConfigError(
                f"columns: no row of {found.label} has a value in {theirs!r}; {nearest(theirs, found.names)}"
            )
    known = {
        ours: theirs
        for ours, theirs in FROM_MLFLOW.items()
        if ours not in columns and not found.has(ours) and found.holds(theirs)
    }
    return {ours: theirs for ours, theirs in columns.items() if theirs != ours} | known


def _without_inputs(found: GivenRows) -> str:
    names = found.names
    usual = {ours: next((name for name in USUAL_NAMES[ours] if name in names), None) for ours in USUAL_NAMES}
    proposed = {ours: name for ours, name in usual.items() if name is not None and not found.has(ours)}
    if "inputs" not in proposed:
        proposed = {"inputs": names[0] if names else "question", **proposed}
    return (
        f"data: expected the column 'inputs', got {', '.join(map(repr, names))}; "
        f"say which column is which, such as columns={proposed!r}"
    )


def _refuse_repeated(found: GivenRows) -> None:
    seen: dict[str, int] = {}
    for number, identifier in enumerate(found.ids):
        if identifier is not None and seen.setdefault(identifier, number) != number:
            raise DatasetError(
                f"{found.label}: expected each {found.id_column} once, got {identifier!r} in row {number}, first in "
                f"row {seen[identifier]}"
            )


def _with_ids(found: GivenRows) -> GivenRows:
    """The rows with an id each: their own, where the column is there, else their number from 0."""
    if found.has("example_id"):
        return found
    rows = [
        None if row is None else {"example_id": str(number), **{k: v for k, v in row.items() if k != "example_id"}}
        for number, row in enumerate(found.rows)
    ]
    return replace(found, rows=rows, id_column="example_id")
