"""Comparison of two candidates on the examples both have.

What the examples could have shown is in `power`, what may be concluded in `verdicts`.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from eval_assets.statistics.comparison.differences import difference_interval
from eval_assets.statistics.comparison.significance import (
    TOLERANCE,
    TestResult,
    mcnemar_test,
    sign_flip_test,
    sums_of_units,
    wilcoxon_test,
)
from eval_assets.statistics.descriptive import ExampleScores
from eval_assets.statistics.errors import ScoreRangeError, UnpairedScoresError
from eval_assets.statistics.intervals import Interval, is_binary, standard_error

PairedTest = Literal["auto", "mcnemar", "sign-flip", "wilcoxon"]


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Candidate against baseline, example by example; differences are candidate minus baseline, in score units.

    Args:
        n_pairs: Examples both have a score for; everything below is over these.
        n_unpaired: Examples left out because one of the two has no score.
        n_clusters: Number of groups of dependent examples; None when examples are independent.
        mean_baseline: None without pairs.
        mean_candidate: None without pairs.
        difference: mean_candidate - mean_baseline.
        standard_error: Of the difference; None for fewer than two pairs (or clusters).
        interval: Of the difference.
        test: Name of the test.
        p_value: Two-sided, not corrected for other comparisons; None without pairs.
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
    mean_baseline: float | None
    mean_candidate: float | None
    difference: float | None
    standard_error: float | None
    interval: Interval
    test: str
    p_value: float | None
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
    n_resamples: int,
    seed: int,
    test: PairedTest = "auto",
    greater_is_better: bool = True,
) -> PairedComparison:
    """Compare two candidates on the examples both have a score for.

    Args:
        baseline: Its scores, from `example_scores`.
        candidate: The same examples in the same order; its range, declaration as 0/1 and clusters are used.
        confidence: Coverage of the interval, strictly between 0 and 1.
        n_resamples: Random exchanges for a Monte Carlo test.
        seed: One table and one seed give one comparison.
        test: `auto` takes exact McNemar for 0/1 scores, else sign flips of the mean difference; clusters are always
            flipped whole.
        greater_is_better: Direction of the metric; decides what is a win.

    Returns:
        The comparison; without any pair its numbers are None.

    Raises:
        UnpairedScoresError: The two are not over the same examples.
        ScoreRangeError: `mcnemar` was asked for scores other than 0 and 1.

    >>> from eval_assets.statistics.descriptive import example_scores
    >>> baseline = example_scores(np.array([0.1, 0.3, 0.4, 0.2, 0.6, 0.7, 0.3, 0.2]))
    >>> candidate = example_scores(np.array([0.6, 0.7, 0.9, 0.8, 0.7, 0.9, 0.6, 0.4]))
    >>> comparison = compare_paired(baseline, candidate, confidence=0.95, n_resamples=9999, seed=0)
    >>> round(comparison.difference, 4), comparison.test, comparison.p_value
    (0.35, 'exact sign-flip', 0.0078125)
    """
    old, new, clusters = scored_by_both(baseline, candidate)
    lower, upper = candidate.lower, candidate.upper
    differences = np.round(new - old, 12)  # what ties on paper (0.6 - 0.1, 0.9 - 0.4) ties here
    n = differences.size
    n_higher, n_lower = int((differences > 0).sum()), int((differences < 0).sum())
    binary = is_binary(np.concatenate([old, new]), lower, upper, declared=candidate.binary)
    result = (
        _tested(differences, clusters, test, n_resamples, seed, binary=binary)
        if n
        else TestResult("none: no pairs", 1.0)
    )
    effect, effect_size = _effect(differences, binary=binary)
    return PairedComparison(
        n_pairs=n,
        n_unpaired=baseline.scores.size - n,
        n_clusters=None if clusters is None else np.unique(clusters).size,
        mean_baseline=float(old.mean()) if n else None,
        mean_candidate=float(new.mean()) if n else None,
        difference=float(differences.mean()) if n else None,
        standard_error=_standard_error(differences, clusters),
        interval=difference_interval(
            differences, clusters=clusters, binary=binary, lower=lower, upper=upper, confidence=confidence
        ),
        test=result.test,
        p_value=result.p_value if n else None,
        effect_size=effect_size,
        effect=effect,
        wins=n_higher if greater_is_better else n_lower,
        losses=n_lower if greater_is_better else n_higher,
        ties=n - n_higher - n_lower,
        n_differing=int((np.abs(sums_of_units(differences, clusters)) > TOLERANCE).sum()),
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
        Scores of the first, of the second, and cluster labels (the second's; None without), each of shape (n_pairs,).

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
    return first.scores[both], second.scores[both], None if second.clusters is None else second.clusters[both]


def _standard_error(differences: NDArray[np.float64], clusters: NDArray[Any] | None) -> float | None:
    n_independent = differences.size if clusters is None else np.unique(clusters).size
    return standard_error(differences, clusters)[0] if n_independent > 1 else None


def _tested(
    differences: NDArray[np.float64],
    clusters: NDArray[Any] | None,
    test: PairedTest,
    n_resamples: int,
    seed: int,
    *,
    binary: bool,
) -> TestResult:
    if clusters is not None:
        return sign_flip_test(differences, clusters, n_resamples=n_resamples, seed=seed)
    if test == "mcnemar" and not binary:
        raise ScoreRangeError("expected scores of 0 and 1 for McNemar's test; use 'sign-flip' or 'wilcoxon'")
    if binary and test in ("auto", "mcnemar"):
        return mcnemar_test(int((differences > 0).sum()), int((differences < 0).sum()))
    if test == "wilcoxon":
        return wilcoxon_test(differences)
    return sign_flip_test(differences, n_resamples=n_resamples, seed=seed)


def _effect(differences: NDArray[np.float64], *, binary: bool) -> tuple[str, float | None]:
    if binary:
        n_higher, n_lower = int((differences > 0).sum()), int((differences < 0).sum())
        # Haldane's half keeps the ratio finite where one side is empty.
        return "odds ratio of discordant pairs", (n_higher + 0.5) / (n_lower + 0.5) if n_higher + n_lower else None
    sd = float(differences.std(ddof=1)) if differences.size > 1 and np.ptp(differences) > 0 else 0.0
    return "Cohen's dz", float(differences.mean()) / sd if sd > 0 else None
