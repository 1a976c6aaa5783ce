"""Tests of no difference between two candidates on the same examples. What the difference is, is in `paired`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_ENUMERATED = 16  # 2 ** 16 sign patterns are enumerated; more units are sampled
TOLERANCE = 1e-12  # smaller differences are rounding
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
    from scipy.stats import binomtest

    n_discordant = n_wins + n_losses
    p_value = float(binomtest(n_wins, n_discordant, 0.5).pvalue) if n_discordant else 1.0
    return TestResult("exact McNemar", p_value)


def sign_flip_test(
    differences: NDArray[np.float64], clusters: NDArray[Any] | None = None, *, n_resamples: int, seed: int
) -> TestResult:
    """Test whether the mean difference is zero by exchanging the two candidates' names, example by example.

    Args:
        differences: Candidate minus baseline, shape (n_pairs,), no NaN.
        clusters: Group label per pair, shape (n_pairs,); the names are exchanged for a whole group at once.
        n_resamples: Number of random exchanges where enumerating all is too much.
        seed: One table and one seed give one p-value.

    Returns:
        The share of exchanges with a mean at least as far from zero. Exact for up to 16 units that differ; beyond, a
        Monte Carlo value that counts the observed table itself, so never 0.

    Source:
        Fisher 1935; Phipson and Smyth 2010, https://doi.org/10.2202/1544-6115.1585.

    >>> sign_flip_test(np.array([0.5, 0.3, 0.5, 0.6, 0.1, 0.2, 0.4, 0.2]), n_resamples=9999, seed=0)  # 2 / 2 ** 8
    TestResult(test='exact sign-flip', p_value=0.0078125)
    """
    kind = "sign-flip" if clusters is None else "cluster sign-flip"
    units = np.abs(sums_of_units(differences, clusters))
    units = units[units > TOLERANCE]
    total = differences.sum()
    # Sums that tie exactly in theory differ in the last bits; they count as equally far.
    extreme = abs(total) - 1e-9 * units.sum()
    if units.size <= N_ENUMERATED:
        exchanged = (np.arange(2**units.size)[:, None] >> np.arange(units.size)) & 1
        return TestResult(f"exact {kind}", float(np.mean(np.abs((1.0 - 2 * exchanged) @ units) >= extreme)))
    generator = np.random.default_rng(seed)
    sizes, counts = np.unique(np.round(units, 12), return_counts=True)  # of equal sizes only the number flipped matters
    rows_at_once = max(1, 2_000_000 // sizes.size)  # 16 MB a block
    n_extreme = 0
    for start in range(0, n_resamples, rows_at_once):
        flipped = generator.binomial(counts, 0.5, size=(min(rows_at_once, n_resamples - start), sizes.size))
        n_extreme += int(np.sum(np.abs((counts - 2 * flipped) @ sizes) >= extreme))
    return TestResult(f"Monte Carlo {kind}", (n_extreme + 1) / (n_resamples + 1))


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
    _, cluster_of = np.unique(clusters, return_inverse=True)
    return np.bincount(cluster_of, weights=differences).astype(np.float64)


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
    moved = np.round(differences[np.abs(differences) > TOLERANCE], 12)
    if moved.size == 0:
        return TestResult("exact Wilcoxon", 1.0)
    if moved.size <= N_ENUMERATED:
        signed_ranks = np.sign(moved) * rankdata(np.abs(moved))
        return TestResult("exact Wilcoxon", sign_flip_test(signed_ranks, n_resamples=1, seed=0).p_value)
    has_ties = np.unique(np.abs(moved)).size < moved.size
    method = "exact" if moved.size <= N_EXACT_RANKS and not has_ties else "asymptotic"
    return TestResult(f"{method} Wilcoxon", float(wilcoxon(moved, method=method).pvalue))
