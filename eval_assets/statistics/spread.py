"""How far a mean would move under other examples drawn the same way: standard errors, and what clusters cost."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-12  # a standard error below this share of the largest score is rounding, not spread
FEWEST_UNITS = 2  # of one draw nothing tells how far others would lie
NORMAL_KURTOSIS = 3.0
DENSE = 4  # whole labels below this many times their number are counted, not sorted


def cluster_codes(clusters: NDArray[Any]) -> tuple[NDArray[np.int64], int]:
    """Number the clusters.

    Args:
        clusters: Group label per score, shape (n,), of any type that sorts.

    Returns:
        The number of each score's cluster, shape (n,), from 0, and how many clusters there are.

    >>> cluster_codes(np.array(["b", "a", "b"]))
    (array([1, 0, 1]), 2)
    """
    if clusters.dtype.kind == "i" and clusters.size and clusters.min() >= 0 and clusters.max() < DENSE * clusters.size:
        used = np.bincount(clusters) > 0
        return (np.cumsum(used) - 1)[clusters], int(used.sum())
    labels, codes = np.unique(clusters, return_inverse=True)
    return codes.astype(np.int64), labels.size


def repeated(clusters: NDArray[Any] | None) -> NDArray[Any] | None:
    """Give the labels where any two scores share one; None where each stands alone, as without labels.

    >>> repeated(np.array([3, 1, 2])) is None, repeated(np.array([3, 1, 3]))
    (True, array([3, 1, 3]))
    """
    return None if clusters is None or cluster_codes(clusters)[1] == clusters.size else clusters


def joint_clusters(first: NDArray[Any] | None, second: NDArray[Any] | None) -> NDArray[Any] | None:
    """Join two groupings of the same examples: those that either of them puts together depend on each other.

    Args:
        first: Group label per example, shape (n,); None where each stands alone.
        second: Likewise.

    Returns:
        Labels of the joint groups, shape (n,); None where each example stands alone in both.

    >>> joint_clusters(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]))  # 0 and 1 by the first, 1 and 2 by the second
    array([0, 0, 0, 1])
    """
    if first is None or second is None or first is second or np.array_equal(first, second):
        return second if first is None else first
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    (codes, n_first), (others, n_second) = cluster_codes(first), cluster_codes(second)
    size = n_first + n_second
    edges = coo_array((np.ones(codes.size), (codes, others + n_first)), shape=(size, size))
    return cluster_codes(connected_components(edges, directed=False)[1][codes].astype(np.int64))[0]


def standard_error(scores: NDArray[np.float64], clusters: NDArray[Any] | None = None) -> tuple[float, int]:
    """Measure how far a mean would move under other examples drawn the same way.

    Args:
        scores: Shape (n,), n at least 2, no NaN.
        clusters: Label of the group each score belongs to, shape (n,); scores of one group may depend on each other.

    Returns:
        The standard error in score units, and its degrees of freedom: n - 1, or the number of clusters less one. With
        clusters it is CR1, the one of ordinary least squares with cluster covariance.

    Source:
        Liang and Zeger 1986; Cameron and Miller 2015, https://doi.org/10.3368/jhr.50.2.317.

    >>> # sqrt((5 / 3) / 4)
    >>> standard_error(np.array([1.0, 2.0, 3.0, 4.0]))  # doctest: +ELLIPSIS
    (0.645..., 3)
    """
    sums = residual_sums(scores, clusters)
    n_units = sums.size
    if n_units < FEWEST_UNITS:
        return float("nan"), 0
    return float(np.sqrt(n_units / (n_units - 1) * (sums @ sums)) / scores.size), n_units - 1


def error_of_mean(scores: NDArray[np.float64], clusters: NDArray[Any] | None = None) -> float | None:
    """Give the standard error that is shown and that intervals are made of.

    Clusters whose sums happen to be equal leave nothing between them, though their scores differ: then it is the error
    of independent scores, since 0 would say that the mean is certain.

    Args:
        scores: Shape (n,), no NaN.
        clusters: As in `standard_error`.

    Returns:
        In score units; 0 only where all scores are equal, None for fewer than two scores or clusters.

    >>> error_of_mean(np.array([0.0, 1.0, 1.0, 0.0]), np.array([0, 0, 1, 1]))  # sqrt(1 / 3 / 4)  # doctest: +ELLIPSIS
    0.288...
    """
    if scores.size == 0:
        return None
    error, degrees = standard_error(scores, clusters)
    if degrees == 0:
        return None
    if error <= TOLERANCE * float(np.abs(scores).max()):
        return 0.0 if clusters is None else error_of_mean(scores)
    return error


@dataclass(frozen=True, slots=True)
class EffectiveSize:
    """The independent draws that would leave a mean as uncertain as the scores at hand.

    Args:
        size: Variance of a single draw, over the squared error of the mean.
        degrees: Degrees of freedom of the error; None where nothing had to be estimated.
    """

    size: float
    degrees: float | None = None

    def at(self, confidence: float) -> float:
        """Give the size less what it costs at this confidence that the error is an estimate: times (z / t) ** 2."""
        from scipy.special import ndtri, stdtrit

        if self.degrees is None:
            return self.size
        middle = (1 + confidence) / 2
        return self.size * float(ndtri(middle) / stdtrit(self.degrees, middle)) ** 2


def effective_size(
    scores: NDArray[np.float64], clusters: NDArray[Any] | None, *, variance: float | None = None
) -> EffectiveSize:
    """Count the independent draws that would leave the mean as uncertain as these scores do.

    Args:
        scores: Shape (n,), no NaN.
        clusters: As in `standard_error`, at least two of them; None for independent examples.
        variance: Of a single draw; by default that of the scores. For shares of samples that passed it is rate *
            (1 - rate), the variance of one pass.

    Returns:
        The size, with clusters at most n. The degrees of freedom fall where few clusters hold most of the spread, as
        near a pass rate of 1: they are those of the number of clusters that would spread as unevenly were their sums
        normal. Without any spread the size is the number of clusters (or examples).

    Source:
        Korn and Graubard 1998, Survey Methodology 24, 193-201.

    >>> clusters = np.repeat(np.arange(50), 2)  # 45 clusters pass twice and 5 never: 50 draws, of which 1 for the mean
    >>> effective_size(np.repeat([1.0, 0.0], [90, 10]), clusters)  # doctest: +ELLIPSIS
    EffectiveSize(size=49..., degrees=18...)
    """
    sums = residual_sums(scores, clusters)
    spread = float(sums @ sums)
    if spread <= TOLERANCE:
        return EffectiveSize(scores.size if np.ptp(scores) > 0 else sums.size)
    error, degrees = standard_error(scores, clusters)
    uneven = NORMAL_KURTOSIS * spread**2 / float((sums**4).sum())
    size = (float(scores.var()) if variance is None else variance) / error**2
    return EffectiveSize(size if clusters is None else min(size, scores.size), float(np.clip(uneven, 1, degrees)))


def residual_sums(scores: NDArray[np.float64], clusters: NDArray[Any] | None) -> NDArray[np.float64]:
    """Add up each cluster's distances from the mean; without clusters every score is a unit of its own."""
    residuals = scores - scores.mean() if np.ptp(scores) > 0 else np.zeros(scores.size)  # 0.1 + 0.1 + 0.1 is not 0.3
    if clusters is None:
        return residuals
    return np.bincount(cluster_codes(clusters)[0], weights=residuals).astype(np.float64)
