"""Tests of no difference between two candidates on the same examples. What the difference is, is in `paired`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.statistics.comparison.sign_flips import N_ENUMERATED, tail_of_flips
from eval_assets.statistics.spread import cluster_codes

LEAST_DIFFERENCE = 1e-12  # smaller differences are rounding
N_EXACT_RANKS = 50  # up to here scipy tabulates the exact null distribution of the signed ranks


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
    from scipy.stats import binom

    p_value = min(1.0, 2 * float(binom.cdf(min(n_wins, n_losses), n_wins + n_losses, 0.5)))
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


def wilcoxon_test(differences: NDArray[np.float64]) -> TestResult:
    """Test whether differences lie symmetrically around zero, by their signed ranks; zeros are left out.

    Args:
        differences: Candidate minus baseline, shape (n_pairs,), no NaN.

    Returns:
        The two-sided p-value: exact for few pairs, else by the normal approximation; 1 when every difference is zero.

    Source:
        Wilcoxon 1945, https://doi.org/10.2307/3001968.

    >>> wilcoxon_test(np.array([0.5, 0.3, 0.5, 0.6, 0.1, 0.2, 0.4, 0.2]))
    TestResult(test='exact Wilcoxon', p_value=0.0078125)
    """
    from scipy.stats import rankdata, wilcoxon

    # Differences that tie on paper (0.6 - 0.1, 0.9 - 0.4) must tie in binary too.
    moved = np.round(differences[np.abs(differences) > LEAST_DIFFERENCE], 12)
    if moved.size == 0:
        return TestResult("exact Wilcoxon", 1.0)
    if moved.size <= N_ENUMERATED:
        signed_ranks = np.sign(moved) * rankdata(np.abs(moved))
        return TestResult("exact Wilcoxon", sign_flip_test(signed_ranks).p_value)
    has_ties = np.unique(np.abs(moved)).size < moved.size
    method = "exact" if moved.size <= N_EXACT_RANKS and not has_ties else "asymptotic"
    return TestResult(f"{method} Wilcoxon", float(wilcoxon(moved, method=method).pvalue))
