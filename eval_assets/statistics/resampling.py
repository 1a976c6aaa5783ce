"""Intervals by the bootstrap: whole examples are drawn again, seeded, and the statistic is computed on each draw."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from eval_assets.statistics.intervals import Interval, no_interval, refuse_unscored

NUMBERS_AT_ONCE = 250_000
"""Drawn at a time: 2 MB."""

STANDARD_ERRORS = 16
"""How far from its place among the scores a quantile of a resample is looked for before all scores are looked at."""


def bootstrap_quantile_interval(
    scores: NDArray[np.float64], quantile: float, *, confidence: float, n_resamples: int, seed: int
) -> Interval:
    """Bound a quantile (linear interpolation) by resampling whole examples.

    Args:
        scores: One per example, shape (n,), no NaN.
        quantile: Which one, between 0 and 1: 0.5 is the median.
        confidence: Coverage, strictly between 0 and 1.
        n_resamples: Number of bootstrap resamples.
        seed: One table and one seed give one interval.

    Returns:
        The percentile interval in score units; absent for fewer than two scores or none that differ.

    Source:
        Efron 1979, https://doi.org/10.1214/aos/1176344552.

    >>> scores = np.arange(101, dtype=np.float64)
    >>> bootstrap_quantile_interval(scores, 0.5, confidence=0.95, n_resamples=2000, seed=0).method
    'bootstrap percentile'
    """
    intervals = bootstrap_quantile_intervals(
        [scores], quantile, confidence=confidence, n_resamples=n_resamples, seed=seed
    )
    return intervals[0]


def bootstrap_quantile_intervals(
    columns: Sequence[NDArray[np.float64]], quantile: float, *, confidence: float, n_resamples: int, seed: int
) -> list[Interval]:
    """Bound the same quantile of several columns of scores; those of one length share what is drawn.

    Args:
        columns: Each as in `bootstrap_quantile_interval`.
        quantile: As there.
        confidence: As there.
        n_resamples: As there.
        seed: As there: each interval is the one that its column gets alone.

    Returns:
        One interval per column, in their order.

    >>> ends = np.arange(101.0), np.arange(50.0)
    >>> together = bootstrap_quantile_intervals(ends, 0.9, confidence=0.95, n_resamples=100, seed=0)
    >>> together[1] == bootstrap_quantile_interval(ends[1], 0.9, confidence=0.95, n_resamples=100, seed=0)
    True
    """
    intervals: dict[int, Interval] = {}
    places: dict[int, list[tuple[int, _QuantilePlace]]] = {}
    for number, scores in enumerate(columns):
        refuse_unscored(scores)
        if scores.size <= 1:
            intervals[number] = no_interval("one score" if scores.size else "no scores", confidence)
        elif np.ptp(scores) == 0:
            intervals[number] = no_interval("no spread", confidence)
        else:
            places.setdefault(scores.size, []).append((number, _QuantilePlace(scores, quantile)))
    for size, alike in places.items():
        counted = _drawn_counts(size, n_resamples=n_resamples, seed=seed)
        found = np.array([[place.found_in(counts) for _, place in alike] for counts in counted])
        for at, (number, place) in enumerate(alike):
            intervals[number] = percentile_interval(place.quantiles(found[:, at]), confidence=confidence)
    return [intervals[number] for number in range(len(columns))]


class _QuantilePlace:
    """Where a quantile lies among the scores, and in a resample of them.

    Of a resample two order statistics are asked for: counting how often each score was drawn finds them unsorted. They
    lie close to those of the scores themselves, so that nearly always the counts of few scores have to be added up.
    """

    def __init__(self, scores: NDArray[np.float64], quantile: float) -> None:
        n = scores.size
        place = quantile * (n - 1)
        below = int(place)
        self._share = place - below
        self._ranks = np.array([below, min(below + 1, n - 1)])
        self._order = np.argsort(scores)
        self._ascending = scores[self._order]
        reach = STANDARD_ERRORS * int(np.sqrt(n) / 2 + 1)
        self._first = max(below - reach, 0) if 2 * below > n else 0
        self._near = self._order[self._first :] if self._first else self._order[: below + reach]

    def found_in(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places, among the ascending scores, of the two that the quantile of a resample lies between."""
        first, reached = self._first, counts[self._near].cumsum()
        before = counts.size - reached[-1] if first else 0
        if before > self._ranks[0] or before + reached[-1] <= self._ranks[1]:
            first, before, reached = 0, 0, counts[self._order].cumsum()
        return first + np.searchsorted(reached, self._ranks - before, side="right")

    def quantiles(self, found: NDArray[np.int64]) -> NDArray[np.float64]:
        """The quantile of each resample, from what was found in it."""
        lower, upper = self._ascending[found].T
        return _between(lower, upper, self._share)


def _between(lower: NDArray[np.float64], upper: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """The way from one to the other, rounded as `np.quantile` rounds it."""
    return lower + (upper - lower) * share if 2 * share < 1 else upper - (upper - lower) * (1 - share)


def percentile_interval(resampled: NDArray[np.float64], *, confidence: float, n_units: int | None = None) -> Interval:
    """Read an interval off the bootstrap distribution of a statistic.

    Args:
        resampled: The statistic on each resample, shape (n_resamples,); NaN where a resample leaves it undefined.
        confidence: Coverage, strictly between 0 and 1.
        n_units: Number of examples that were resampled, at least 2. With it the percentiles lie as much further out as
            a t interval is wider than a normal one with the variance over n: resamples of few examples spread too
            little.

    Returns:
        The middle `confidence` of the distribution; absent when more than a twentieth of the resamples is undefined.

    Source:
        Hesterberg 2015, https://doi.org/10.1080/00031305.2015.1089789, for the wider percentiles.

    >>> percentile_interval(np.arange(1001.0), confidence=0.95)  # doctest: +ELLIPSIS
    Interval(low=25.0..., high=975.0, method='bootstrap percentile', confidence=0.95)
    >>> percentile_interval(np.arange(1001.0), confidence=0.95, n_units=20).low  # doctest: +ELLIPSIS
    15.8...
    """
    defined = resampled[np.isfinite(resampled)]
    if defined.size < 0.95 * resampled.size:
        return no_interval("undefined on too many resamples", confidence)
    missed = (1 - confidence) / 2
    if n_units is not None:
        from scipy.special import ndtr, stdtrit

        missed = float(ndtr(stdtrit(n_units - 1, missed) * np.sqrt(n_units / (n_units - 1))))
    low, high = np.quantile(defined, [missed, 1 - missed])
    return Interval(float(low), float(high), "bootstrap percentile", confidence)


def resampled_counts(n: int, *, n_resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each of n examples is drawn when n are drawn with replacement, once per resample.

    Args:
        n: Number of examples, at least 1.
        n_resamples: Number of bootstrap resamples.
        seed: One seed gives one sequence.

    Yields:
        Counts of shape (n,) that sum to n.

    >>> [counts.sum() for counts in resampled_counts(5, n_resamples=2, seed=0)]
    [np.float64(5.0), np.float64(5.0)]
    """
    for counts in _drawn_counts(n, n_resamples=n_resamples, seed=seed):
        yield counts.astype(np.float64)


def _drawn_counts(n: int, *, n_resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    rows_at_once = max(1, NUMBERS_AT_ONCE // n)
    for first in range(0, n_resamples, rows_at_once):
        for drawn in generator.integers(n, size=(min(rows_at_once, n_resamples - first), n)):
            yield np.bincount(drawn, minlength=n)
