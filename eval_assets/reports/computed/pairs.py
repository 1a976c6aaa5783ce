"""Which candidates are compared with which, and how p-values are corrected for their number; the rows are in
`comparing`.

p-values of comparisons with the baseline are corrected over all of them, metrics included: the table a reader looks
at. Those of other pairs are corrected over the pairs of their metric. Both decide the tied groups, so that letters
and sentences agree. What the examples can show is stated for the level that the same correction takes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import polars as pl

from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts, scores_by_candidate
from eval_assets.statistics.comparison.multiplicity import holm_adjusted
from eval_assets.statistics.comparison.paired import PairedComparison, compare_paired
from eval_assets.statistics.comparison.ranking import RankedCandidate, rank_with_ties
from eval_assets.statistics.descriptive import ExampleScores

MOST_FOR_ALL_PAIRS = 12  # 66 pairs a metric; beyond it only the comparisons with the baseline are made
N_RESAMPLES = 9999
N_RESAMPLES_OF_OTHERS = 1999
LEAST_P_OF_LEVEL = 0.25  # the smallest p-value that resampling can give, as a share of the level it has to stay below


@dataclass(frozen=True, slots=True)
class Pair:
    """One comparison.

    Args:
        candidate: `model@prompt`.
        compared_with: `model@prompt`.
        measured: What the examples both have say, candidate minus the other.
        p_value_adjusted: Corrected after Holm; null without a p-value.
        n_corrected_for: Comparisons that were corrected for together.
    """

    candidate: str
    compared_with: str
    measured: PairedComparison
    p_value_adjusted: float | None = None
    n_corrected_for: int = 1


def pairs_of_metric(
    evaluation: Evaluation,
    rows: pl.DataFrame,
    facts: MetricFacts,
    groups: ExampleGroups | None,
    *,
    n_metrics: int = 1,
) -> list[Pair]:
    """Compare every candidate with the baseline, then later candidates with earlier ones, each pair once.

    Args:
        evaluation: Its candidates, baseline, confidence and seed.
        rows: Score rows of one metric, of all cells.
        facts: Of the metric.
        groups: Clusters of the dataset, if it has any.
        n_metrics: Metrics of the evaluation: with more of them p-values have to be told from zero more finely.

    Returns:
        Pairs corrected for one another; with more than 12 candidates only those with the baseline.
    """
    others = [candidate for candidate in evaluation.candidates if candidate != evaluation.baseline]
    wanted = [(candidate, evaluation.baseline) for candidate in others]
    if len(evaluation.candidates) <= MOST_FOR_ALL_PAIRS:
        wanted += [(later, earlier) for earlier, later in combinations(others, 2)]
    gathered = scores_by_candidate(rows, evaluation.candidates, facts, groups)
    alpha = 1 - evaluation.file.confidence
    of_baseline = resamples_for(max(len(wanted), len(others) * n_metrics), alpha=alpha, at_least=N_RESAMPLES)
    of_others = resamples_for(len(wanted), alpha=alpha, at_least=N_RESAMPLES_OF_OTHERS)
    pairs = []
    for candidate, other in wanted:
        n_resamples = of_baseline if other == evaluation.baseline else of_others
        measured = _measured(gathered[candidate], gathered[other], facts, evaluation, n_resamples)
        pairs.append(Pair(candidate, other, measured))
    return corrected(pairs)


def resamples_for(n_comparisons: int, *, alpha: float, at_least: int) -> int:
    """Count the resamples with which a p-value can fall well below the level that so many comparisons ask for.

    >>> resamples_for(8, alpha=0.05, at_least=9999), resamples_for(700, alpha=0.05, at_least=9999)
    (9999, 56000)
    """
    return max(at_least, math.ceil(n_comparisons / (alpha * LEAST_P_OF_LEVEL)))


def corrected(pairs: Sequence[Pair]) -> list[Pair]:
    """Correct the p-values of pairs for one another, after Holm."""
    p_values = np.array([np.nan if pair.measured.p_value is None else pair.measured.p_value for pair in pairs])
    tested = int((~np.isnan(p_values)).sum())
    return [
        replace(pair, p_value_adjusted=None if np.isnan(p_value) else float(p_value), n_corrected_for=tested)
        for pair, p_value in zip(pairs, holm_adjusted(p_values), strict=True)
    ]


def corrected_with_baseline(
    evaluation: Evaluation, pairs: Mapping[str, Sequence[Pair]], metric_facts: Mapping[str, MetricFacts]
) -> dict[tuple[str, str], Pair]:
    """Correct the comparisons with the baseline over all metrics that have a better end.

    Args:
        evaluation: Names the baseline.
        pairs: Metric → its pairs.
        metric_facts: Metric or judge name → its direction and range.

    Returns:
        (metric, candidate) → the pair, corrected for all the others here.
    """
    table = [
        (metric, pair)
        for metric, of_metric in pairs.items()
        for pair in of_metric
        if pair.compared_with == evaluation.baseline and metric_facts[metric].greater_is_better is not None
    ]
    together = corrected([pair for _, pair in table])
    return {(metric, pair.candidate): pair for (metric, _), pair in zip(table, together, strict=True)}


def ranked(
    means: Mapping[str, float | None], pairs: Sequence[Pair], facts: MetricFacts, *, alpha: float
) -> list[RankedCandidate]:
    """Order the candidates that have a mean, best first; none for a metric without a better end.

    Args:
        means: `model@prompt` → mean.
        pairs: Of the metric, corrected; a pair that was not compared counts as not different.
        facts: Of the metric.
        alpha: Pairs below it are reliably different.
    """
    names = [name for name, mean in means.items() if mean is not None]
    if facts.greater_is_better is None or not names:
        return []
    of_pair = {frozenset((pair.candidate, pair.compared_with)): pair.p_value_adjusted for pair in pairs}
    p_values = np.full((len(names), len(names)), np.nan)
    for row, column in combinations(range(len(names)), 2):
        p_value = of_pair.get(frozenset((names[row], names[column])))
        p_values[row, column] = p_values[column, row] = np.nan if p_value is None else p_value
    return rank_with_ties(
        names,
        np.array([means[name] for name in names], dtype=np.float64),
        p_values,
        alpha=alpha,
        greater_is_better=facts.greater_is_better,
    )


def _measured(
    scores: ExampleScores, other: ExampleScores, facts: MetricFacts, evaluation: Evaluation, n_resamples: int
) -> PairedComparison:
    return compare_paired(
        other,
        scores,
        confidence=evaluation.file.confidence,
        n_resamples=n_resamples,
        seed=evaluation.file.seed,
        greater_is_better=facts.greater_is_better is not False,
    )
