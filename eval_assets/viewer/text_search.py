"""Examples in whose texts something is found, and those of a slice: what the index doesn't hold, read from tables."""

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any

import numpy as np
import polars as pl

from eval_assets.reports.computed.scores import example_groups
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.column_rows import ColumnRows
from eval_assets.viewer.score_index import Marks, ScoreIndex

OF_PREDICTIONS = {
    "inputs": ("inputs", "targets"),
    "outputs": ("output", "tool_calls", "error"),
    "messages": ("messages",),
}
OF_SCORES = {"heuristic_metrics": ("reason",), "judge_scores": ("reason", "justification")}
OF_EVERY_DATASET = ("example_id", "inputs", "targets", "context")
MOST_KEPT = 20
"""Searches whose examples are kept, so that turning a page doesn't search again."""


class TextMarks:
    """Finds examples by text, and keeps what was found as long as the index is what it was."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], Marks] = OrderedDict()
        self._lock = Lock()

    def found(
        self,
        warehouse: Warehouse,
        index: ScoreIndex,
        columns: Sequence[str],
        *,
        query: str,
        where: str,
    ) -> Marks:
        """Examples of which a text holds the query, case ignored.

        Args:
            warehouse: Where the texts are.
            index: Of the evaluation.
            columns: Those whose texts are looked through.
            query: Not a pattern: every character means itself.
            where: `inputs`, `outputs`, `reasons`, `messages`, or `all`, which is the first three.
        """

        def search() -> Marks:
            marks = np.zeros(index.n_examples, dtype=bool)
            for rows in _texts(warehouse, index, columns, where):
                names = [name for name in rows.collect_schema().names() if name != "example_id"]
                hits = rows.filter(
                    pl.any_horizontal(pl.col(names).str.contains(_pattern(query)).fill_null(value=False))
                )
                marks |= index.rows_of(hits.select("example_id").collect(engine="streaming")["example_id"])
            return marks

        return self._remembered((index.version, tuple(columns), query, where), search)

    def sliced(self, warehouse: Warehouse, index: ScoreIndex, column: str, value: str) -> Marks:
        """Examples whose column has a value, as aggregates by slice read it."""

        def read() -> Marks:
            values = slice_values(warehouse, index, column)
            return (values == value).fill_null(value=False).to_numpy()

        return self._remembered((index.version, column, value), read)

    def _remembered(self, key: tuple[Any, ...], make: Callable[[], Marks]) -> Marks:
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return made


def slice_values(warehouse: Warehouse, index: ScoreIndex, column: str) -> pl.Series:
    """What each example of the index has in a column, as text; null where it has nothing."""
    found = pl.DataFrame(schema={"example_id": pl.String(), column: pl.String()})
    for cell in _covering(index, index.own):
        rows = cell.scan(warehouse, "predictions").select("example_id", "example").collect()
        found = pl.concat([found, example_groups(rows, cluster=None, slices=[column]).examples])
    found = found.unique("example_id", keep="first", maintain_order=True)
    ids = index.example_ids.alias("example_id").to_frame()
    return ids.join(found, on="example_id", how="left", maintain_order="left")[column]


def dataset_columns(warehouse: Warehouse, index: ScoreIndex) -> tuple[str, ...]:
    """Columns that examples have besides those that every dataset has, as the first of them tells."""
    if not index.own:
        return ()
    column = index.columns[index.own[0]]
    first = column.scan(warehouse, "predictions").select("example").head(1).collect()
    names = [name for text in first["example"] for name in json.loads(text)]
    return tuple(name for name in names if name not in OF_EVERY_DATASET)


def _texts(warehouse: Warehouse, index: ScoreIndex, columns: Sequence[str], where: str) -> Iterator[pl.LazyFrame]:
    """The rows to be looked through, each with `example_id` and texts."""
    wanted = ("inputs", "outputs", "reasons") if where == "all" else (where,)
    for kind in ("inputs", "outputs", "messages"):
        if kind in wanted:
            cells = _covering(index, columns) if kind == "inputs" else _cells(index, columns)
            for cell in cells:
                yield cell.scan(warehouse, "predictions").select("example_id", *OF_PREDICTIONS[kind])
    if "reasons" in wanted:
        for table, texts in OF_SCORES.items():
            for cell in _cells(index, columns):
                yield cell.scan(warehouse, table).select("example_id", *texts)


def _covering(index: ScoreIndex, columns: Sequence[str]) -> list[ColumnRows]:
    """Columns that have every example between them: one, unless some have rows that others lack."""
    for name in (name for name in columns if index.columns[name].is_own):
        known = index.candidates.get(name)
        if known is not None and (known.n_samples > 0).all():
            return _cells(index, [name])
    return _cells(index, columns)


def _cells(index: ScoreIndex, columns: Sequence[str]) -> list[ColumnRows]:
    return [index.columns[name] for name in columns]


def _pattern(query: str) -> str:
    return f"(?i){re.escape(query)}"
