"""Comparison of two candidates on the examples both have.

What the examples could have shown is in `power`, what may be concluded in `conclusions`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.errors import UnpairedScoresError
from eval_assets.statistics.comparison.differences import (
    difference_bound,
    equivalence_p_value,
    score_p_value_of_equivalence,
)
from eval_assets.statistics.comparison.significance import (
    LEAST_DIFFERENCE,
    TestResult,
    mcnemar_test,
    sign_flip_test,
    sums_of_units,
)
from eval_assets.statistics.descriptive import ExampleScores
from eval_assets.statistics.intervals import Interval, is_binary
from eval_assets.statistics.spread import cluster_codes, error_of_mean, joint_clusters

DECIMALS = 12  # smaller differences are rounding


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Candidate against baseline, example by example; differences are candidate minus baseline, in score units.

    Args:
        n_pairs: Examples both have a score for; everything below is over these.
        n_unpaired: Examples left out because one of the two has no score.
        n_clusters: Number of groups of dependent examples; None when examples are independent.
        difference: Mean of the candidate less mean of the baseline; None without pairs.
        standard_error: Of the difference; None for fewer than two pairs (or clusters).
        interval: Of the difference.
        test: Name of the test.
        p_value: Two-sided, not corrected for other comparisons; None without pairs.
        margin: Largest difference that does not matter, in score units; None where none was declared.
        p_value_of_equivalence: That of a difference of the margin or more, not corrected either; None without margin
            or without pairs.
        effect_size: In the unit `effect` names; None where it is undefined.
        effect: `Cohen's dz` (difference over standard deviation of the differences), or for 0/1 scores
            `odds ratio of discordant pairs` ((higher + 0.5) / (lower + 0.5)).
        wins: Pairs in which the candidate scored better.
        losses: Pairs in which it scored worse.
        ties: Pairs that scored equally.
        n_differing: Pairs, or clusters where there are some, whose scores differ: what an exact test goes by.
        score_range: Highest less lowest possible score; None where the metric has no such ends.
        greater_is_better: Direction of the metric.
    """

    n_pairs: int
    n_unpaired: int
    n_clusters: int | None
    difference: float | None
    standard_error: float | None
    interval: Interval
    test: str
    p_value: float | None
    margin: float | None
    p_value_of_equivalence: float | None
    effect_size: float | None
    effect: str
    wins: int
    losses: int
    ties: int
    n_differing: int
    score_range: float | None
    greater_is_better: bool

    @property
    def n_units(self) -> int:
        """Independent draws: clusters where there are some, else pairs."""
        return self.n_pairs if self.n_clusters is None else self.n_clusters


def compare_paired(
    baseline: ExampleScores,
    candidate: ExampleScores,
    *,
    confidence: float,
    greater_is_better: bool = True,
    margin: float | None = None,
) -> PairedComparison:
    """Compare two candidates on the examples both have a score for.

    Args:
        baseline: Its scores, from `example_scores`.
        candidate: The same examples in the same order; its range and declaration as 0/1 are used.
        confidence: Coverage of the interval, strictly between 0 and 1.
        greater_is_better: Direction of the metric; decides what is a win.
        margin: Largest difference that does not matter, in score units, above 0; None if none was declared.

    Returns:
        The comparison, tested by exact McNemar for 0/1 scores, else by sign flips of the mean difference; clusters are
        always flipped whole. Examples that depend on each other for either of the two are in one cluster. Without any
        pair its numbers are None.

    Raises:
        UnpairedScoresError: The two are not over the same examples.

    >>> from eval_assets.statistics.descriptive import example_scores
    >>> baseline = example_scores(np.array([0.1, 0.3, 0.4, 0.2, 0.6, 0.7, 0.3, 0.2]))
    >>> candidate = example_scores(np.array([0.6, 0.7, 0.9, 0.8, 0.7, 0.9, 0.6, 0.4]))
    >>> comparison = compare_paired(baseline, candidate, confidence=0.95)
    >>> round(comparison.difference, 4), comparison.test, comparison.p_value
    (0.35, 'exact sign-flip', 0.0078125)
    """
    old, new, clusters = scored_by_both(baseline, candidate)
    lower, upper = candidate.lower, candidate.upper
    differences = differences_of(old, new)
    n = differences.size
    n_higher, n_lower = int((differences > 0).sum()), int((differences < 0).sum())
    binary = all(is_binary(scores, lower, upper, declared=candidate.binary) for scores in (old, new))
    result = _tested(differences, clusters, binary=binary) if n else TestResult("none: no pairs", 1.0)
    effect, effect_size = _effect(differences, binary=binary)
    bound = difference_bound(differences, clusters=clusters, binary=binary, lower=lower, upper=upper)
    equivalence = None
    if n and margin:
        equivalence = equivalence_p_value(bound, margin=margin, confidence=confidence)
        if binary:
            by_score = score_p_value_of_equivalence(differences, clusters, margin=margin, confidence=confidence)
            equivalence = max(equivalence, by_score)
    return PairedComparison(
        n_pairs=n,
        n_unpaired=baseline.scores.size - n,
        n_clusters=None if clusters is None else cluster_codes(clusters)[1],
        difference=float(differences.mean()) if n else None,
        standard_error=error_of_mean(differences, clusters),
        interval=bound(confidence),
        test=result.test,
        p_value=result.p_value if n else None,
        margin=margin,
        p_value_of_equivalence=equivalence,
        effect_size=effect_size,
        effect=effect,
        wins=n_higher if greater_is_better else n_lower,
        losses=n_lower if greater_is_better else n_higher,
        ties=n - n_higher - n_lower,
        n_differing=int((np.abs(sums_of_units(differences, clusters)) > LEAST_DIFFERENCE).sum()),
        score_range=None if lower is None or upper is None else upper - lower,
        greater_is_better=greater_is_better,
    )


def scored_by_both(
    first: ExampleScores, second: ExampleScores
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any] | None]:
    """Keep the examples that have a score from both candidates.

    Args:
        first: One candidate's scores.
        second: The other's, over the same examples in the same order.

    Returns:
        Scores of the first, of the second, and labels of their joint clusters (None without), each of shape (n_pairs,).

    Raises:
        UnpairedScoresError: The two are not over the same examples.

    >>> from eval_assets.statistics.descriptive import example_scores
    >>> scored_by_both(example_scores(np.array([1.0, np.nan])), example_scores(np.array([0.0, 1.0])))
    (array([1.]), array([0.]), None)
    """
    if first.scores.shape != second.scores.shape:
        raise UnpairedScoresError(
            f"expected scores of the same examples, got {first.scores.size} and {second.scores.size}; "
            "gather both with the same `n_examples`"
        )
    both = ~(np.isnan(first.scores) | np.isnan(second.scores))
    clusters = joint_clusters(first.clusters, second.clusters)
    return first.scores[both], second.scores[both], None if clusters is None else cluster_codes(clusters[both])[0]


def differences_of(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract scores so that what ties on paper ties: two scores of an example differ from 1e-12 on.

    >>> differences_of(np.array([0.1, 0.4]), np.array([0.6, 0.9])).tolist()  # 0.6 - 0.1 and 0.9 - 0.4
    [0.5, 0.5]
    """
    return np.round(new - old, DECIMALS)


def _tested(differences: NDArray[np.float64], clusters: NDArray[Any] | None, *, binary: bool) -> TestResult:
    if binary and clusters is None:
        return mcnemar_test(int((differences > 0).sum()), int((differences < 0).sum()))
    return sign_flip_test(differences, clusters)


def _effect(differences: NDArray[np.float64], *, binary: bool) -> tuple[str, float | None]:
    if binary:
        n_higher, n_lower = int((differences > 0).sum()), int((differences < 0).sum())
        # Haldane's half keeps the ratio finite where one side is empty.
        return "odds ratio of discordant pairs", (n_higher + 0.5) / (n_lower + 0.5) if n_higher + n_lower else None
    sd = float(differences.std(ddof=1)) if differences.size > 1 and np.ptp(differences) > 0 else 0.0
    return "Cohen's dz", float(differences.mean()) / sd if sd > 0 else None
