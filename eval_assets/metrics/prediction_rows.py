"""A batch of predictions as metrics see it: decoded columns, and views of the texts that metrics share."""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.metrics.targets import Targets, acceptable, target_value
from eval_assets.requests.extra_columns import extra_columns
from eval_assets.tables.cell_tables import LATER_COLUMNS

T = TypeVar("T")


class Rows:
    """Predictions that are about to be scored, column by column.

    Args:
        frame: Rows of `predictions`, all with an output.
        scores: Label of a metric scored before → its scores of these rows.
    """

    def __init__(self, frame: pl.DataFrame, scores: dict[str, list[float | None]] | None = None) -> None:
        self.frame = frame
        self.scores = scores or {}
        self._shared: dict[Any, Any] = {}

    def __len__(self) -> int:
        return self.frame.height

    def column(self, name: str) -> list[Any]:
        """Give a column of `predictions` as it is stored."""
        if name not in self._shared:
            self._shared[name] = self.frame[name].to_list()
        return cast("list[Any]", self._shared[name])

    def value(self, name: str) -> list[Any]:
        """Give a column: of `predictions`, earlier scores, what the candidate returned, or the example as it is.

        A column that none of them has is null. Inputs and targets are the example's alone. Calls and trajectories of
        predictions give way to columns of the example.
        """
        if name in self.scores:
            return self.scores[name]
        if name in {"output", "predictions"}:
            return self.outputs
        if name in LATER_COLUMNS and name in self.frame.columns:
            pairs = zip(self.column(name), self._examples, strict=True)
            return [_example(example).get(name, value) for value, example in pairs]
        if name in self.frame.columns and name not in {"inputs", "targets", "context", "example", "extra"}:
            return self.column(name)
        texts = self.column(name) if name in {"inputs", "targets", "context"} else [None] * len(self)
        columns = zip(self.extra, self._examples, texts, strict=True)
        return [extra.get(name, _example(example).get(name, text)) for extra, example, text in columns]

    @cached_property
    def extra(self) -> list[dict[str, Any]]:
        """What the candidate returned beside each output, by name."""
        cells = self.column("extra") if "extra" in self.frame.columns else [None] * len(self)
        return list(map(extra_columns, cells))

    @cached_property
    def outputs(self) -> list[str]:
        """What the model answered."""
        return self.column("output")

    @cached_property
    def target_values(self) -> list[Any]:
        """The targets of each row as the dataset has them."""
        return list(map(target_value, self.column("targets"), self._examples))

    @cached_property
    def acceptable(self) -> list[Targets]:
        """What the output of each row may be."""
        return list(map(acceptable, self.target_values))

    @cached_property
    def targets(self) -> list[tuple[str, ...]]:
        """The acceptable texts of each row; none where its targets are objects, or there are none."""
        return [targets.texts for targets in self.acceptable]

    @cached_property
    def pairs(self) -> tuple[list[int], list[str]]:
        """Every acceptable target as a pair with its row: row numbers, targets."""
        rows = [row for row, targets in enumerate(self.targets) for _ in targets]
        return rows, [target for targets in self.targets for target in targets]

    def best(self, pair_scores: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Reduce the scores of `pairs` to the best of each row; every row has a target."""
        rows, _ = self.pairs
        scores = np.asarray(pair_scores, dtype=np.float64)
        if len(rows) == len(self):
            return scores
        return np.maximum.reduceat(scores, np.searchsorted(rows, np.arange(len(self))))

    def shared(self, key: Any, compute: Callable[[], T]) -> T:
        """Compute something about these rows once, whichever metrics ask for it."""
        if key not in self._shared:
            self._shared[key] = compute()
        return cast("T", self._shared[key])

    def example(self, row: int) -> dict[str, Any]:
        """Give every column of a row's example; empty where the table keeps none."""
        return _example(self._examples[row])

    @property
    def _examples(self) -> list[str | None]:
        return self.column("example") if "example" in self.frame.columns else [None] * len(self)


def _example(text: str | None) -> dict[str, Any]:
    return json.loads(text) if text else {}
