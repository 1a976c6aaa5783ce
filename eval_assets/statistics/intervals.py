"""Confidence intervals for the mean of one candidate's scores, proportions included.

Every interval names its method; where the data allow none, its ends are None and the method says why.
What is bounded by resampling is in `resampling`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from eval_assets.errors import UnpairedScoresError, UnscoredRowsError
from eval_assets.statistics.quantiles import normal_quantile, t_quantile
from eval_assets.statistics.spread import FEWEST_UNITS, cluster_codes, effective_size, error_of_mean

IntervalKind = Literal["auto", "t"]
Bound = Callable[[float], "Interval"]


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a quantity lies, in its own units.

    Args:
        low: Lower end; None where no interval exists.
        high: Upper end; None exactly when `low` is.
        method: How it was computed, or `none: <why>`.
        confidence: Coverage aimed at, between 0 and 1.
    """

    low: float | None
    high: float | None
    method: str
    confidence: float

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends, or None where no interval exists."""
        return None if self.low is None or self.high is None else (self.low, self.high)


def no_interval(reason: str, confidence: float) -> Interval:
    """State that the data allow no interval, and why."""
    return Interval(None, None, f"none: {reason}", confidence)


def wilson_interval(n_passed: float, n: float, *, confidence: float) -> Interval:
    """Bound a proportion by inverting the score test: right on average for every n, short.

    Args:
        n_passed: Number of ones among the scores.
        n: Number of scores, above 0; an effective number need not be whole.
        confidence: Coverage, strictly between 0 and 1.

    Returns:
        The interval as a share, within [0, 1]. A single end can miss more often than half of 1 - confidence near 0
        and 1; `exact_interval` never does.

    Source:
        Wilson 1927; recommended by Brown, Cai and DasGupta 2001, https://doi.org/10.1214/ss/1009213286.

    >>> wilson_interval(8, 10, confidence=0.95)  # doctest: +ELLIPSIS
    Interval(low=0.490..., high=0.943..., method='wilson', confidence=0.95)
    """
    z = normal_quantile((1 + confidence) / 2)
    share, added = n_passed / n, z**2 / n
    centre = (share + added / 2) / (1 + added)
    reach = float(np.sqrt(added * (share * (1 - share) + added / 4))) / (1 + added)
    return Interval(max(0.0, centre - reach), min(1.0, centre + reach), "wilson", confidence)


def exact_interval(n_passed: float, n: float, *, confidence: float) -> Interval:
    """Bound a proportion by inverting two binomial tests: each end misses at most (1 - confidence) / 2 of the time.

    Args:
        n_passed: Number of ones among the scores.
        n: Number of scores, above 0; an effective number need not be whole.
        confidence: Coverage, strictly between 0 and 1; the actual coverage is never below it.

    Returns:
        The interval as a share, within [0, 1].

    Source:
        Clopper and Pearson 1934, https://doi.org/10.1093/biomet/26.4.404.

    >>> # low = 0.025 ** (1 / 10)
    >>> exact_interval(10, 10, confidence=0.95)  # doctest: +ELLIPSIS
    Interval(low=0.691..., high=1.0, method='clopper-pearson', confidence=0.95)
    """
    from scipy.special import betaincinv

    missed = (1 - confidence) / 2
    low = float(betaincinv(n_passed, n - n_passed + 1, missed)) if n_passed else 0.0
    high = float(betaincinv(n_passed + 1, n - n_passed, 1 - missed)) if n_passed < n else 1.0
    return Interval(low, high, "clopper-pearson", confidence)


def constant_interval(value: float, n: int, *, lower: float, upper: float, confidence: float) -> Interval:
    """Bound the mean when all n scores are equal: other values may exist that n draws did not meet.

    Args:
        value: The score every example got.
        n: Number of independent examples (clusters, where there are some), at least 1.
        lower: Lowest possible score.
        upper: Highest possible score.
        confidence: Coverage, strictly between 0 and 1.

    Returns:
        The interval in score units. Most likely at most a share q = 1 - ((1 - confidence) / 2) ** (1 / n) of examples
        scores otherwise (3.7 / n at 95 %), and those can't be outside [lower, upper].

    >>> # q = 0.0362, and 5 - 4 q
    >>> constant_interval(5.0, 100, lower=1.0, upper=5.0, confidence=0.95)  # doctest: +ELLIPSIS
    Interval(low=4.855..., high=5.0, method='constant scores, exact', confidence=0.95)
    """
    share = 1 - ((1 - confidence) / 2) ** (1 / n)
    low, high = value - share * (value - lower), value + share * (upper - value)
    return Interval(low, high, "constant scores, exact", confidence)


def mean_interval(
    scores: NDArray[np.float64],
    *,
    confidence: float,
    clusters: NDArray[Any] | None = None,
    kind: IntervalKind = "auto",
    lower: float | None = None,
    upper: float | None = None,
    binary: bool | None = None,
    exact_rates: bool = False,
) -> Interval:
    """Bound the mean of the population the examples were drawn from, by a method that fits the scores.

    Args:
        scores: One per example, shape (n,), no NaN.
        confidence: Coverage, strictly between 0 and 1.
        clusters: Group label per score, shape (n,); each method then goes by what varies between clusters.
        kind: `auto` takes Wilson for pass rates, else t; `t` takes t for all. Wilson goes by the effective number of
            scores where there are clusters, or where an example's score is the share of its samples that passed.
        lower: Lowest possible score, if the metric has one.
        upper: Highest possible score, if the metric has one.
        binary: As `declared` in `is_binary`.
        exact_rates: Take `exact_interval` in Wilson's place, for a decision that goes by one end alone.

    Returns:
        The interval in score units, within the range. Without spread it is exact where the range is known, and absent
        where it is not: equal scores are no proof of a certain mean.

    Raises:
        UnscoredRowsError: A score is NaN.
        UnpairedScoresError: There is not one cluster label per score.

    >>> mean_interval(np.array([1.0, 2.0, 3.0, 4.0]), confidence=0.95)  # doctest: +ELLIPSIS
    Interval(low=0.445..., high=4.554..., method='t', confidence=0.95)
    >>> mean_interval(np.array([3.0]), confidence=0.95).method
    'none: one score'
    """
    refuse_unscored(scores)
    if clusters is not None and clusters.shape != scores.shape:
        raise UnpairedScoresError(
            f"expected one cluster label per score, got {clusters.size} labels for {scores.size} scores"
        )
    if scores.size == 0:
        return no_interval("no scores", confidence)
    passes = is_binary(scores, lower, upper, declared=binary)
    shares = passes or (binary is True and scores.min() >= 0 and scores.max() <= 1)
    if kind == "auto" and shares:
        return _interval_of_rate(scores, clusters, exact=exact_rates, plain=passes, confidence=confidence)
    return t_bound(scores, clusters, lower=lower, upper=upper)(confidence)


def is_binary(
    scores: NDArray[np.float64],
    lower: float | None = None,
    upper: float | None = None,
    *,
    declared: bool | None = None,
) -> bool:
    """Whether scores are wins and losses: only 0 and 1, on a metric that is not declared to reach beyond them.

    Args:
        scores: Shape (n,), no NaN.
        lower: Lowest possible score, if the metric has one.
        upper: Highest possible score, if the metric has one.
        declared: Whether the metric says that it gives 0 or 1 and nothing else. One that says it doesn't is never
            binary, so that the method stays when the scores of a run happen to be 0 and 1; None goes by the scores.

    >>> scores = np.array([0.0, 1.0])
    >>> is_binary(scores), is_binary(scores, 0, 1, declared=False), is_binary(scores / 2, 0, 1, declared=True)
    (True, False, False)
    """
    if declared is False:
        return False
    return lower in (None, 0) and upper in (None, 1) and bool(((scores == 0) | (scores == 1)).all())


def refuse_unscored(scores: NDArray[np.float64]) -> None:
    """Raise where a row without a score would be counted as if it had one."""
    unscored = int(np.isnan(scores).sum())
    if unscored:
        raise UnscoredRowsError(
            f"expected scored rows only, got {unscored} NaN among {scores.size}; drop them and report their number"
        )


def _interval_of_rate(
    scores: NDArray[np.float64], clusters: NDArray[Any] | None, *, exact: bool, plain: bool, confidence: float
) -> Interval:
    """The interval of a proportion, by the number of scores or the number of independent ones they are worth."""
    bound = exact_interval if exact else wilson_interval
    if plain and clusters is None:
        return bound(int(scores.sum()), scores.size, confidence=confidence)
    n_units = scores.size if clusters is None else cluster_codes(clusters)[1]
    if n_units < FEWEST_UNITS:
        return no_interval("one score" if clusters is None else "one cluster", confidence)
    rate = float(scores.mean())
    size = effective_size(scores, clusters, variance=rate * (1 - rate)).at(confidence)
    found = bound(rate * size, size, confidence=confidence)
    return replace(found, method=f"{found.method} on effective n")


def t_bound(
    scores: NDArray[np.float64], clusters: NDArray[Any] | None, *, lower: float | None, upper: float | None
) -> Bound:
    """Prepare the mean and t times its standard error, or what can be said without spread, for any confidence.

    Args:
        scores: Shape (n,), n at least 1, no NaN.
        clusters: Group label per score, shape (n,).
        lower: Lowest possible score, if the metric has one.
        upper: Highest possible score, if the metric has one.

    Returns:
        From a confidence to the interval.
    """
    n_independent = scores.size if clusters is None else cluster_codes(clusters)[1]
    if np.ptp(scores) == 0 and lower is not None and upper is not None:
        value, least, most = float(scores[0]), lower, upper
        return lambda confidence: constant_interval(
            value, n_independent, lower=least, upper=most, confidence=confidence
        )
    if n_independent < FEWEST_UNITS:
        return partial(no_interval, "one score" if clusters is None else "one cluster")
    error, mean = error_of_mean(scores, clusters), float(scores.mean())
    if not error:
        return partial(no_interval, "no spread")
    method, certain_error = "t" if clusters is None else "cluster-robust t", error

    def bound(confidence: float) -> Interval:
        reach = t_quantile(n_independent - 1, (1 + confidence) / 2) * certain_error
        low = mean - reach if lower is None else max(lower, mean - reach)
        high = mean + reach if upper is None else min(upper, mean + reach)
        return Interval(low, high, method, confidence)

    return bound
