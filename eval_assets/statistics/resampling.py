"""Intervals by the bootstrap: whole examples are drawn again, seeded, and the statistic is computed on each draw."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from eval_assets.statistics.intervals import Interval, no_interval, refuse_unscored


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
    refuse_unscored(scores)
    if scores.size <= 1:
        return no_interval("one score" if scores.size else "no scores", confidence)
    if np.ptp(scores) == 0:
        return no_interval("no spread", confidence)
    order = np.argsort(scores)
    ascending = scores[order]
    place = quantile * (scores.size - 1)
    below = int(place)
    ranks = np.array([below, min(below + 1, scores.size - 1)])
    generator = np.random.default_rng(seed)
    rows_at_once = max(1, 2_000_000 // scores.size)  # 16 MB a block
    # Of a resample two order statistics are asked for: counting how often each score was drawn finds them unsorted.
    found = [
        np.searchsorted(np.bincount(drawn, minlength=scores.size)[order].cumsum(), ranks, side="right")
        for rows in np.diff([*range(0, n_resamples, rows_at_once), n_resamples])
        for drawn in generator.integers(scores.size, size=(rows, scores.size))
    ]
    lower, upper = ascending[np.array(found)].T
    return percentile_interval(_between(lower, upper, place - below), confidence=confidence)


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
    from scipy.special import ndtr, stdtrit

    defined = resampled[np.isfinite(resampled)]
    if defined.size < 0.95 * resampled.size:
        return no_interval("undefined on too many resamples", confidence)
    missed = (1 - confidence) / 2
    if n_units is not None:
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
    generator = np.random.default_rng(seed)
    for _ in range(n_resamples):
        yield np.bincount(generator.integers(n, size=n), minlength=n).astype(np.float64)
