"""Tests of no difference between two candidates on the same examples, and the correction of many of them.

What the difference is, is in `paired`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.statistics.binomial import binomial_cdf
from eval_assets.statistics.comparison.sign_flips import tail_of_flips
from eval_assets.statistics.spread import cluster_codes

LEAST_DIFFERENCE = 1e-12  # smaller differences are rounding


@dataclass(frozen=True, slots=True)
class TestResult:
    """A two-sided p-value and the name of the test that gave it."""

    __test__ = False  # not a test class to pytest

    test: str
    p_value: float


def mcnemar_test(n_wins: int, n_losses: int) -> TestResult:
    """Test whether two pass rates differ, from the examples only one of the candidates passed.

    Args:
        n_wins: Pairs that only the candidate passed.
        n_losses: Pairs that only the baseline passed.

    Returns:
        The exact two-sided p-value; 1 without any discordant pair.

    Source:
        McNemar 1947, https://doi.org/10.1007/BF02295996, in its exact (binomial) form.

    >>> mcnemar_test(12, 2)
    TestResult(test='exact McNemar', p_value=0.012939453125)
    """
    p_value = min(1.0, 2 * float(binomial_cdf(min(n_wins, n_losses), n_wins + n_losses, 0.5)))
    return TestResult("exact McNemar", p_value)


def sign_flip_test(differences: NDArray[np.float64], clusters: NDArray[Any] | None = None) -> TestResult:
    """Test whether the mean difference is zero by exchanging the two candidates' names, example by example.

    Args:
        differences: Candidate minus baseline, shape (n_pairs,), no NaN.
        clusters: Group label per pair, shape (n_pairs,); the names are exchanged for a whole group at once.

    Returns:
        The share of exchanges with a mean at least as far from zero, as `tail_of_flips` computes it.

    Source:
        Fisher 1935.

    >>> sign_flip_test(np.array([0.5, 0.3, 0.5, 0.6, 0.1, 0.2, 0.4, 0.2]))  # 2 / 2 ** 8
    TestResult(test='exact sign-flip', p_value=0.0078125)
    """
    kind = "sign-flip" if clusters is None else "cluster sign-flip"
    sums = sums_of_units(differences, clusters)
    units = np.abs(sums)
    p_value, is_exact = tail_of_flips(units[units > LEAST_DIFFERENCE], abs(float(sums.sum())))
    return TestResult(f"{'exact' if is_exact else 'saddlepoint'} {kind}", p_value)


def sums_of_units(differences: NDArray[np.float64], clusters: NDArray[Any] | None) -> NDArray[np.float64]:
    """Add up the differences of each cluster; without clusters every example is a unit of its own.

    Args:
        differences: Candidate minus baseline, shape (n_pairs,), no NaN.
        clusters: Group label per pair, shape (n_pairs,).

    >>> sums_of_units(np.array([1.0, 2.0, 4.0]), np.array(["a", "b", "a"])).tolist()
    [5.0, 2.0]
    """
    if clusters is None:
        return differences
    return np.bincount(cluster_codes(clusters)[0], weights=differences).astype(np.float64)


def holm_adjusted(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raise p-values so that calling all below alpha significant errs in at most alpha of such tables.

    Args:
        p_values: Every comparison of the table, shape (n_comparisons,); NaN for one that could not be tested, which is
            left out of the count.

    Returns:
        Adjusted p-values in the same order, at most 1; NaN stays NaN.

    Source:
        Holm 1979, https://www.jstor.org/stable/4615733.

    >>> holm_adjusted(np.array([0.01, 0.04, 0.03])).round(4).tolist()  # 3 * 0.01, then 2 * 0.03 for both others
    [0.03, 0.06, 0.06]
    """
    adjusted = p_values.astype(np.float64)
    tested = np.flatnonzero(~np.isnan(adjusted))
    order = tested[np.argsort(adjusted[tested], kind="stable")]
    multiplied = adjusted[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(multiplied))
    return adjusted


def benjamini_hochberg_adjusted(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raise p-values so that of all that lie below alpha a share of at most alpha is false, on average over tables.

    Args:
        p_values: As in `holm_adjusted`; independent, or positively dependent as metrics of the same answers are.

    Returns:
        Adjusted p-values in the same order, at most 1 and never above Holm's; NaN stays NaN.

    Source:
        Benjamini and Hochberg 1995, https://doi.org/10.1111/j.2517-6161.1995.tb02031.x; Benjamini and Yekutieli 2001,
        https://doi.org/10.1214/aos/1013699998, for positive dependence.

    >>> benjamini_hochberg_adjusted(np.array([0.01, 0.04, 0.03])).round(4).tolist()  # times 3, 3/3, 3/2
    [0.03, 0.04, 0.04]
    """
    adjusted = p_values.astype(np.float64)
    tested = np.flatnonzero(~np.isnan(adjusted))
    order = tested[np.argsort(adjusted[tested], kind="stable")]
    multiplied = adjusted[order] * order.size / np.arange(1, order.size + 1)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(multiplied[::-1])[::-1])
    return adjusted
