"""Intervals for the difference between two candidates on the same examples: absolute, of pass rates, relative."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.statistics.intervals import Bound, Interval, no_interval, t_bound
from eval_assets.statistics.spread import FEWEST_UNITS, EffectiveSize, cluster_codes, effective_size, standard_error

LEAST_LEVEL = 1e-12  # p-values of equivalence are not told apart below it
PRECISION = 1.0001  # nor closer to each other than this factor


def difference_interval(
    differences: NDArray[np.float64],
    *,
    confidence: float,
    binary: bool,
    clusters: NDArray[Any] | None = None,
    lower: float | None = None,
    upper: float | None = None,
) -> Interval:
    """Bound a mean difference, as `difference_bound` does for any confidence.

    >>> difference_interval(np.array([0.5, 0.3, 0.1]), confidence=0.95, binary=False).method
    't'
    """
    return difference_bound(differences, binary=binary, clusters=clusters, lower=lower, upper=upper)(confidence)


def difference_bound(
    differences: NDArray[np.float64],
    *,
    binary: bool,
    clusters: NDArray[Any] | None = None,
    lower: float | None = None,
    upper: float | None = None,
) -> Bound:
    """Prepare the interval of a mean difference: Bonett-Price for 0/1 scores, else t; both go by clusters.

    Args:
        differences: Candidate minus baseline, shape (n_pairs,), no NaN.
        binary: Whether they are differences of 0/1 scores.
        clusters: Group label per pair, shape (n_pairs,).
        lower: Lowest possible score of the metric, if there is one.
        upper: Highest possible score of the metric, if there is one.

    Returns:
        From a confidence, strictly between 0 and 1, to the interval in score units.
    """
    if differences.size == 0:
        return partial(no_interval, "no scores")
    if binary and (clusters is None or cluster_codes(clusters)[1] >= FEWEST_UNITS):
        n_pairs = differences.size
        share_won, share_lost = float((differences > 0).sum()) / n_pairs, float((differences < 0).sum()) / n_pairs
        size = EffectiveSize(n_pairs) if clusters is None else effective_size(differences, clusters)
        kind = "" if clusters is None else " on effective n"

        def bound(confidence: float) -> Interval:
            n = size.at(confidence)
            found = paired_proportion_interval(share_won * n, share_lost * n, n, confidence=confidence)
            return replace(found, method=f"{found.method}{kind}")

        return bound
    reach = None if lower is None or upper is None else upper - lower
    return t_bound(differences, clusters, lower=None if reach is None else -reach, upper=reach)


def paired_proportion_interval(n_wins: float, n_losses: float, n_pairs: float, *, confidence: float) -> Interval:
    """Bound the difference of two pass rates on the same examples.

    Args:
        n_wins: Pairs that only the candidate passed.
        n_losses: Pairs that only the baseline passed.
        n_pairs: All pairs, above 0; an effective number need not be whole.
        confidence: Coverage, strictly between 0 and 1.

    Returns:
        The interval of candidate minus baseline, within [-1, 1]; it keeps a width where no pair is discordant.

    Source:
        Bonett and Price 2012, adjusted Wald, https://doi.org/10.3102/1076998611411915.

    >>> paired_proportion_interval(0, 0, 98, confidence=0.95)  # 1.96 sqrt(0.02 / 100)  # doctest: +ELLIPSIS
    Interval(low=-0.0277..., high=0.0277..., method='bonett-price', confidence=0.95)
    """
    from scipy.special import ndtri

    share_won, share_lost = (n_wins + 1) / (n_pairs + 2), (n_losses + 1) / (n_pairs + 2)
    centre = share_won - share_lost
    reach = float(ndtri((1 + confidence) / 2) * np.sqrt((share_won + share_lost - centre**2) / (n_pairs + 2)))
    return Interval(max(-1.0, centre - reach), min(1.0, centre + reach), "bonett-price", confidence)


def equivalence_p_value(bound: Bound, *, margin: float, confidence: float) -> float:
    """Test whether a difference is smaller than a margin: the level at which its interval just lies within.

    That is twice the p-value of each of the two one-sided tests, so that a difference of exactly the margin comes out
    below 0.05 in at most 1 of 40 tables.

    Args:
        bound: From `difference_bound`.
        margin: Largest difference that doesn't matter, in score units, above 0.
        confidence: Levels above 1 - confidence are of no interest: there the p-value is 1.

    Returns:
        The p-value, to four digits, at least 1e-12.

    Source:
        Schuirmann 1987, two one-sided tests, https://doi.org/10.1007/BF01068419.

    >>> differences = np.array([0.01, -0.01, 0.02, -0.02] * 4)  # sd 0.01633 of 16: t = 0.02 / 0.00408 = 4.9
    >>> bound = difference_bound(differences, binary=False)
    >>> equivalence_p_value(bound, margin=0.02, confidence=0.95)  # doctest: +ELLIPSIS
    0.00019...
    """

    def is_within(level: float) -> bool:
        ends = bound(1 - level).ends
        return ends is not None and -margin < ends[0] and ends[1] < margin

    low, high = LEAST_LEVEL, 1 - confidence
    if not is_within(high):
        return 1.0
    while high > low * PRECISION:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if is_within(middle) else (middle, high)
    return high


def score_p_value_of_equivalence(
    differences: NDArray[np.float64], clusters: NDArray[Any] | None, *, margin: float, confidence: float
) -> float:
    """Test the same of two pass rates by their score statistic, whose error stays below its level in the far tails.

    Many comparisons go by levels far out, where the interval of two pass rates errs up to four times as often as it
    says while few pairs are discordant; this test never does.

    Args:
        differences: Of 0/1 scores, candidate minus baseline, shape (n_pairs,), no NaN.
        clusters: Group label per pair, shape (n_pairs,); the pairs then count as the effective number.
        margin: Above 0; every difference is smaller than one of 1 or more.
        confidence: Of the table, for the effective number.

    Returns:
        Twice the larger of the two one-sided p-values, at most 1.

    Source:
        Tango 1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B.

    >>> differences = np.repeat([1.0, -1.0, 0.0], [2, 2, 196])  # z = -10 / sqrt(200 * 0.0580) = -2.936
    >>> score_p_value_of_equivalence(differences, None, margin=0.05, confidence=0.95)  # doctest: +ELLIPSIS
    0.0033...
    """
    from scipy.special import ndtr

    if margin >= 1:
        return 0.0
    n = float(differences.size)
    if clusters is not None:
        if cluster_codes(clusters)[1] < FEWEST_UNITS:
            return 1.0
        n = effective_size(differences, clusters).at(confidence)
    won, lost = n * float((differences > 0).mean()), n * float((differences < 0).mean())

    def one_sided(more: float, fewer: float) -> float:
        """That `more` exceeds `fewer` by the margin or beyond it."""
        b, c = (2 * n - more + fewer) * margin - more - fewer, -fewer * margin * (1 - margin)
        share_of_fewer = (np.sqrt(b**2 - 8 * n * c) - b) / (4 * n)
        error = np.sqrt(n * (2 * share_of_fewer + margin * (1 - margin)))
        return float(ndtr((more - fewer - n * margin) / error))

    return min(1.0, 2 * max(one_sided(won, lost), one_sided(lost, won)))


def relative_drop_interval(
    baseline: NDArray[np.float64],
    drops: NDArray[np.float64],
    *,
    absolute: Interval,
    confidence: float,
    clusters: NDArray[Any] | None = None,
) -> Interval:
    """Bound mean(drops) / |mean(baseline)|, counting the uncertainty of both means.

    Args:
        baseline: Scores of the baseline, shape (n_pairs,), no NaN.
        drops: How much worse the candidate scored on the same examples, shape (n_pairs,), no NaN.
        absolute: Interval of mean(drops), used where the drops have no spread of their own.
        confidence: Coverage, strictly between 0 and 1.
        clusters: Group label per pair, shape (n_pairs,).

    Returns:
        The interval as a share of the baseline's mean: 0.1 is a tenth lost. Absent when the baseline's mean can't be
        told from zero, since no share of it is bounded then.

    Source:
        Fieller 1954, https://doi.org/10.1111/j.2517-6161.1954.tb00159.x.

    >>> drops = np.array([0.1, 0.2, 0.0, 0.1, 0.1])
    >>> absolute = Interval(0.0122, 0.1878, "t", 0.95)  # 0.1 ± 2.776 sqrt(0.005 / 5)
    >>> relative_drop_interval(np.full(5, 2.0), drops, absolute=absolute, confidence=0.95)  # doctest: +ELLIPSIS
    Interval(low=0.0061..., high=0.0938..., method='fieller', confidence=0.95)
    """
    from scipy.special import stdtrit

    n_independent = baseline.size if clusters is None else cluster_codes(clusters)[1]
    if n_independent <= 1:
        return no_interval("one score", confidence)
    # Var(sum) - Var(difference) = 4 Cov, with the standard error that knows about clusters.
    error_of_drop, degrees = standard_error(drops, clusters)
    error_of_base, _ = standard_error(baseline, clusters)
    covariance = (standard_error(drops + baseline, clusters)[0] ** 2 - error_of_drop**2 - error_of_base**2) / 2
    base, drop, t = float(baseline.mean()), float(drops.mean()), float(stdtrit(degrees, (1 + confidence) / 2))
    a, b, c = base**2 - (t * error_of_base) ** 2, drop * base - t**2 * covariance, drop**2 - (t * error_of_drop) ** 2
    if a <= 0:
        return no_interval("the baseline's mean can't be told from zero", confidence)
    if np.ptp(drops) == 0:
        if absolute.low is None or absolute.high is None:
            return absolute
        return Interval(absolute.low / abs(base), absolute.high / abs(base), f"{absolute.method}, scaled", confidence)
    reach = float(np.sqrt(max(0.0, b**2 - a * c)))
    ends = sorted(np.sign(base) * (b + side * reach) / a for side in (-1, 1))
    return Interval(float(ends[0]), float(ends[1]), "fieller", confidence)
