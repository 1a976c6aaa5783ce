"""A batch of predictions as metrics see it: decoded columns, and views of the texts that metrics share."""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

T = TypeVar("T")

COLUMNS = ("output", "targets", "context", "inputs", "example")
"""Text columns of `predictions` that metrics read; numbers such as `latency_seconds` come on request."""


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
        """Give a column of the example as the dataset has it, a column of `predictions`, or earlier scores.

        A column that neither has is null.
        """
        if name in self.scores:
            return self.scores[name]
        if name in {"output", "predictions"}:
            return self.outputs
        if name in {"inputs", "targets", "context"}:
            pairs = zip(self.column(name), self._examples, strict=True)
            return [_example(example).get(name, text) for text, example in pairs]
        if name in self.frame.columns and name != "example":
            return self.column(name)
        return [_example(text).get(name) for text in self._examples]

    @cached_property
    def outputs(self) -> list[str]:
        """What the model answered."""
        return self.column("output")

    @cached_property
    def targets(self) -> list[tuple[str, ...]]:
        """The acceptable targets of each row as texts; empty where the dataset lists none."""
        return [
            acceptable_texts(_decoded(text, example, "targets")) if text[:1] in {"[", "{"} else (text,)
            for text, example in zip(self.column("targets"), self._examples, strict=True)
        ]

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


def acceptable_texts(value: Any) -> tuple[str, ...]:
    """List the texts that count as the target.

    Args:
        value: The targets of an example: a text, another JSON value, or a list of acceptable ones.

    >>> acceptable_texts(["December 1972", 1972])
    ('December 1972', '1972')
    """
    if isinstance(value, list):
        return tuple(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value)
    return (value,) if isinstance(value, str) else (json.dumps(value, ensure_ascii=False),)


def _decoded(text: str | None, example: str | None, name: str) -> Any:
    """Give a column its original type: its JSON text in a table may have been a list or an object."""
    if text is None or text[:1] not in {"[", "{"}:
        return text
    return _example(example).get(name, text)


def lists_nothing(text: str | None, example: str | None) -> bool:
    """Tell whether the targets of an example are an empty list, and not the text `[]`.

    >>> lists_nothing("[]", '{"targets": []}'), lists_nothing("[]", '{"targets": "[]"}')
    (True, False)
    """
    return text == "[]" and _example(example).get("targets", []) == []


def _example(text: str | None) -> dict[str, Any]:
    return json.loads(text) if text else {}
