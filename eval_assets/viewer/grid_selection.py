"""Which examples a grid shows and in which order: a choice over the index alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.viewer.grid_view import GridView
from eval_assets.viewer.score_index import IndexedCandidate, Marks, Numbers, ScoreIndex


@dataclass(frozen=True, slots=True)
class Changes:
    """How often a candidate scored better and worse than the baseline, over all examples that both have a score for."""

    n_better: int
    n_worse: int
    n_pairs: int


@dataclass(frozen=True, slots=True)
class _Sight:
    """What conditions and orders are about: the columns, or one of them.

    Args:
        index: Of the evaluation.
        scores: By the view's metric, of each candidate that a condition is about.
        improved: How much better each of them scored than the baseline, which is left out.
        known: Their other numbers.
        in_view: Scores of all columns, where they can be compared with the baseline's.
        outputs: What tells the outputs of all columns apart, to the same row.
    """

    index: ScoreIndex
    scores: Sequence[Numbers]
    improved: Sequence[Numbers]
    known: Sequence[IndexedCandidate]
    in_view: Sequence[Numbers]
    outputs: Sequence[NDArray[np.uint64]]

    def any(self, marks: Sequence[Marks]) -> Marks:
        return np.logical_or.reduce(marks) if marks else np.zeros(self.index.n_examples, dtype=bool)

    def least(self, values: Sequence[Numbers]) -> Numbers:
        return np.fmin.reduce(values) if values else np.full(self.index.n_examples, np.nan)

    def greatest(self, values: Sequence[Numbers]) -> Numbers:
        return np.fmax.reduce(values) if values else np.full(self.index.n_examples, np.nan)

    def spread(self) -> Numbers:
        """Difference of the greatest and the least score of each example; NaN where no candidate has one."""
        return np.subtract(self.greatest(self.in_view), self.least(self.in_view))


_SHOWN: Mapping[str, Callable[[_Sight], Marks]] = {
    "all": lambda sight: np.ones(sight.index.n_examples, dtype=bool),
    "flips": lambda sight: sight.any([(each > 0) | (each < 0) for each in sight.improved]),
    "worse": lambda sight: sight.any([each < 0 for each in sight.improved]),
    "better": lambda sight: sight.any([each > 0 for each in sight.improved]),
    "errors": lambda sight: sight.any([each.n_failed > 0 for each in sight.known]),
    "disagreements": lambda sight: sight.spread() > 0,
    "outputs": lambda sight: sight.any([each != sight.outputs[0] for each in sight.outputs[1:]]),
    "flaky": lambda sight: sight.any([each.is_flaky for each in sight.known]),
    "unscored": lambda sight: sight.any([np.isnan(each) for each in sight.scores]),
}

_SORTED: Mapping[str, Callable[[_Sight], Numbers]] = {
    "regression": lambda sight: sight.least(sight.improved),
    "improvement": lambda sight: -sight.greatest(sight.improved),
    "lowest": lambda sight: sight.least(sight.scores),
    "highest": lambda sight: -sight.greatest(sight.scores),
    "disagreement": lambda sight: -sight.spread(),
    "longest": lambda sight: -sight.greatest([each.lengths for each in sight.known]),
    "shortest": lambda sight: sight.least([each.lengths for each in sight.known]),
    "slowest": lambda sight: -sight.greatest([each.latencies for each in sight.known]),
}
"""Order → what rows are sorted by, the least first; NaN comes last. What is not here is as in the dataset."""


def changes(index: ScoreIndex, view: GridView, candidate: str, *, greater_is_better: bool) -> Changes:
    """Count a candidate's examples, whatever the filters: the wins and losses that the comparison has too."""
    found = index.improvements(candidate, view.base, view.metric, greater_is_better=greater_is_better)
    return Changes(int((found > 0).sum()), int((found < 0).sum()), int((~np.isnan(found)).sum()))


def selected(
    index: ScoreIndex, view: GridView, *, greater_is_better: bool, also: Sequence[Marks] = ()
) -> NDArray[np.int64]:
    """Rows of the index that a view shows, in its order.

    Args:
        index: Of the evaluation.
        view: Filters and order.
        greater_is_better: Direction of the metric.
        also: Marks of shape (n_examples,) that have to hold too: what texts and slices say.
    """
    sight = _sight(index, view, greater_is_better=greater_is_better)
    shown = _SHOWN[view.show](sight)
    for marks in (*also, *_limits(sight, view)):
        shown = shown & marks
    rows = np.flatnonzero(shown)
    if view.sort not in _SORTED:
        return rows
    return rows[np.argsort(_SORTED[view.sort](sight)[rows], kind="stable")]


def _sight(index: ScoreIndex, view: GridView, *, greater_is_better: bool) -> _Sight:
    about = (view.of,) if view.of else view.columns
    known = [name for name in view.columns if name in index.candidates]
    digests = {name: index.candidates[name].digests for name in known}
    return _Sight(
        index,
        scores=[index.scores(name, view.metric) for name in about],
        improved=[
            index.improvements(name, view.base, view.metric, greater_is_better=greater_is_better)
            for name in about
            if name != view.base
        ],
        known=[each for name in about if (each := index.candidates.get(name))],
        in_view=[
            np.where(index.are_comparable(name, view.base, view.metric), index.scores(name, view.metric), np.nan)
            for name in view.columns
        ],
        outputs=[np.where(index.is_other_row(name, view.base), digests[known[0]], digests[name]) for name in known],
    )


def _limits(sight: _Sight, view: GridView) -> list[Marks]:
    """Marks of the ranges and the outcome that a view names."""
    found = []
    if view.low is not None or view.high is not None:
        found.append(sight.any([_within(each, view.low, view.high) for each in sight.scores]))
    if view.dlow is not None or view.dhigh is not None:
        found.append(sight.any([_within(each, view.dlow, view.dhigh) for each in sight.improved]))
    if view.outcome:
        same = [each.outcomes.cast(pl.String()) == view.outcome for each in sight.known]
        found.append(sight.any([each.fill_null(value=False).to_numpy() for each in same]))
    return found


def _within(values: Numbers, low: float | None, high: float | None) -> Marks:
    return (values >= (-np.inf if low is None else low)) & (values <= (np.inf if high is None else high))
