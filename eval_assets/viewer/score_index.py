"""The numbers of an evaluation in memory: all its examples in dataset order, and a column per candidate and metric.

What is chosen by them is in `grid_selection`.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.statistics.comparison.paired import DECIMALS
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.cell_numbers import SCORE, cell_numbers
from eval_assets.viewer.column_rows import ColumnRows

Numbers = NDArray[np.float64]
Marks = NDArray[np.bool_]

MOST_CELLS = 400
"""Cells whose numbers are kept, of any evaluations: those looked at last."""


@dataclass(frozen=True, slots=True)
class IndexedCandidate:
    """One candidate's numbers, each of shape (n_examples,); NaN where it has none.

    Args:
        positions: Where its rows stand in the dataset it was computed on; -1 where it has none.
        outcomes: Of its samples the first that is not `ok`; null where it has no row.
        lengths: Of the outputs, in characters.
        latencies: In seconds.
        n_samples: 0 where it has no row.
        n_failed: Of the samples.
        digests: Equal where first outputs are equal.
        rows: Equal where it answered the same row of the dataset, whatever its place.
        is_flaky: Whether samples of the example score differently.
        scores: Metric or judge → mean over the samples.
    """

    positions: NDArray[np.int64]
    outcomes: pl.Series
    lengths: Numbers
    latencies: Numbers
    n_samples: NDArray[np.int64]
    n_failed: NDArray[np.int64]
    digests: NDArray[np.uint64]
    rows: NDArray[np.uint64]
    is_flaky: Marks
    scores: Mapping[str, Numbers]


@dataclass(frozen=True, slots=True)
class ScoreIndex:
    """All examples that any candidate of the evaluation answered, in dataset order.

    Args:
        version: Equal as long as no cell has changed.
        example_ids: Shape (n_examples,).
        candidates: Column → its numbers; one that was never computed is left out.
        columns: Column → where its rows lie: the evaluation's candidates, and what is shown besides.
    """

    version: tuple[Any, ...]
    example_ids: pl.Series
    candidates: Mapping[str, IndexedCandidate]
    columns: Mapping[str, ColumnRows]

    @property
    def own(self) -> list[str]:
        """The evaluation's candidates that were computed."""
        return [name for name in self.candidates if self.columns[name].is_own]

    @property
    def n_examples(self) -> int:
        """How many."""
        return self.example_ids.len()

    def scores(self, candidate: str, metric: str | None) -> Numbers:
        """A candidate's scores by a metric; NaN throughout where it has none."""
        known = self.candidates.get(candidate)
        found = None if known is None or metric is None else known.scores.get(metric)
        return np.full(self.n_examples, np.nan) if found is None else found

    def positions(self, candidate: str) -> NDArray[np.int64]:
        """Where a candidate's rows stand in the dataset; -1 where it has none."""
        known = self.candidates.get(candidate)
        return np.full(self.n_examples, -1, dtype=np.int64) if known is None else known.positions

    def improvements(self, candidate: str, baseline: str, metric: str | None, *, greater_is_better: bool) -> Numbers:
        """How much better a candidate scored than another on each example, whatever the metric's direction.

        NaN where the two answered another row, or were scored otherwise: that difference would not be theirs.
        """
        sign = 1.0 if greater_is_better else -1.0
        difference = self.scores(candidate, metric) - self.scores(baseline, metric)
        return np.where(self.are_comparable(candidate, baseline, metric), np.round(sign * difference, DECIMALS), np.nan)

    def are_comparable(self, candidate: str, baseline: str, metric: str | None) -> Marks:
        """Where two columns answered the same row, and were scored alike."""
        return ~self.is_other_row(candidate, baseline) & self.is_scored_alike(candidate, baseline, metric)

    def is_other_row(self, candidate: str, baseline: str) -> Marks:
        """Where two columns answered different rows of one id; nowhere between the evaluation's own candidates."""
        one, other = self.candidates.get(candidate), self.candidates.get(baseline)
        if one is None or other is None or self._are_own(candidate, baseline):
            return np.zeros(self.n_examples, dtype=bool)
        found: Marks = (one.rows != other.rows) & (one.n_samples > 0) & (other.n_samples > 0)
        return found

    def is_scored_alike(self, candidate: str, baseline: str, metric: str | None) -> bool:
        """Whether scores of two columns by a metric were made by the same metric or judge, in the same version."""
        if self._are_own(candidate, baseline):
            return True
        one, other = (self.columns[name].scoring.get(metric or "") for name in (candidate, baseline))
        return one is not None and one == other

    def _are_own(self, *names: str) -> bool:
        return all(self.columns[name].is_own for name in names)

    def rows_of(self, example_ids: pl.Series) -> Marks:
        """Which examples are among these."""
        return self.example_ids.is_in(example_ids.implode()).to_numpy()


class IndexShelf:
    """Keeps the numbers of cells as long as their partitions are what they were."""

    def __init__(self) -> None:
        self._cells: OrderedDict[tuple[Any, ...], pl.DataFrame] = OrderedDict()
        self._latest: tuple[tuple[Any, ...], ScoreIndex] | None = None
        self._lock = Lock()

    def index(self, warehouse: Warehouse, columns: Iterable[ColumnRows]) -> ScoreIndex:
        """The index of some columns as the tables are now; only cells that were written since are read.

        Args:
            warehouse: The tables.
            columns: All candidates of an evaluation, and what is shown besides them.
        """
        with self._lock:
            stamped = [(column, column.stamp(warehouse)) for column in columns]
            wanted = tuple((column.name, *column.cell.values(), stamp) for column, stamp in stamped)
            if self._latest is None or self._latest[0] != wanted:
                frames = {
                    column.name: self._cell(warehouse, column, stamp)
                    for column, stamp in stamped
                    if stamp[0] is not None
                }
                self._latest = (wanted, _aligned(wanted, frames, {column.name: column for column, _ in stamped}))
            return self._latest[1]

    def _cell(self, warehouse: Warehouse, column: ColumnRows, stamp: tuple[Any, ...]) -> pl.DataFrame:
        key = (*column.cell.values(), stamp)
        if key not in self._cells:
            self._cells[key] = cell_numbers(warehouse, column)
        self._cells.move_to_end(key)
        while len(self._cells) > MOST_CELLS:
            self._cells.popitem(last=False)
        return self._cells[key]


def _aligned(
    version: tuple[Any, ...], frames: Mapping[str, pl.DataFrame], columns: Mapping[str, ColumnRows]
) -> ScoreIndex:
    places = pl.DataFrame(schema={"example_id": pl.String(), "position": pl.Int64()})
    for frame in (frame for name, frame in frames.items() if columns[name].is_own):
        both = pl.concat([places, frame.select("example_id", "position")])
        places = both.unique("example_id", keep="first", maintain_order=True)
    places = places.sort("position", "example_id")
    ids = places.select("example_id")
    found = {
        name: _candidate(ids.join(frame, on="example_id", how="left", maintain_order="left"))
        for name, frame in frames.items()
    }
    return ScoreIndex(version, places["example_id"], found, columns)


def _candidate(rows: pl.DataFrame) -> IndexedCandidate:
    numbers = {name: rows[name].to_numpy() for name in ("length", "latency_seconds")}
    return IndexedCandidate(
        positions=rows["position"].fill_null(-1).to_numpy(),
        outcomes=rows["outcome"].cast(pl.Categorical()),
        lengths=numbers["length"],
        latencies=numbers["latency_seconds"],
        n_samples=rows["n_samples"].fill_null(0).cast(pl.Int64()).to_numpy(),
        n_failed=rows["n_failed"].fill_null(0).cast(pl.Int64()).to_numpy(),
        digests=rows["digest"].fill_null(0).to_numpy(),
        rows=rows["row"].fill_null(0).to_numpy(),
        is_flaky=rows["is_flaky"].fill_null(value=False).to_numpy(),
        scores={
            name.removeprefix(SCORE): rows[name].cast(pl.Float64()).to_numpy()
            for name in rows.columns
            if name.startswith(SCORE)
        },
    )
