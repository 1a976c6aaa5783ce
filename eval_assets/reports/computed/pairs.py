"""Which candidates are compared with which, and how p-values are corrected for their number; the rows are in
`comparing`.

Every two candidates are compared, however many there are. p-values of comparisons with the baseline are corrected over
all of them, metrics included: the table a reader looks at. Those of other pairs are corrected over the pairs of their
metric. p-values of equivalence are corrected in the same two families, over the comparisons that have a margin. One
conclusion is drawn from each pair, and both the letters and the sentences show it. What the examples can show is stated
for the level that the same correction takes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import polars as pl

from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts, scores_by_candidate
from eval_assets.statistics.comparison.conclusions import Conclusion, concluded
from eval_assets.statistics.comparison.paired import PairedComparison, compare_paired
from eval_assets.statistics.comparison.ranking import RankedCandidate, rank_with_ties
from eval_assets.statistics.comparison.significance import holm_adjusted


@dataclass(frozen=True, slots=True)
class Pair:
    """One comparison.

    Args:
        candidate: `model@prompt`.
        compared_with: `model@prompt`.
        measured: What the examples both have say, candidate minus the other.
        p_value_adjusted: Corrected after Holm; null without a p-value.
        p_value_of_equivalence_adjusted: Likewise; null without a margin too.
        n_corrected_for: Comparisons that were corrected for together.
        n_equivalences: Of those, the ones with a margin.
    """

    candidate: str
    compared_with: str
    measured: PairedComparison
    p_value_adjusted: float | None = None
    p_value_of_equivalence_adjusted: float | None = None
    n_corrected_for: int = 1
    n_equivalences: int = 1

    @property
    def conclusion(self) -> Conclusion:
        """What may be said of the pair, for letters and sentences alike."""
        return concluded(
            self.measured,
            confidence=self.measured.interval.confidence,
            p_value=self.p_value_adjusted,
            p_value_of_equivalence=self.p_value_of_equivalence_adjusted,
        )


def pairs_of_metric(
    evaluation: Evaluation, rows: pl.DataFrame, metric: str, facts: MetricFacts, groups: ExampleGroups | None
) -> list[Pair]:
    """Compare every candidate with the baseline, then later candidates with earlier ones, each pair once.

    Args:
        evaluation: Its candidates, baseline, gates and confidence.
        rows: Score rows of one metric, of all cells.
        metric: Its name.
        facts: Of the metric.
        groups: Clusters of the dataset and of shared replies, if there are any.

    Returns:
        Pairs corrected for one another.
    """
    others = [candidate for candidate in evaluation.candidates if candidate != evaluation.baseline]
    wanted = [(candidate, evaluation.baseline) for candidate in others]
    wanted += [(later, earlier) for earlier, later in combinations(others, 2)]
    gathered = scores_by_candidate(rows, evaluation.candidates, facts, groups)
    gates = [gate for gate in evaluation.file.gates if gate.metric == metric and gate.against == "baseline"]
    drops = [gate.max_drop for gate in gates if gate.max_drop]
    return corrected(
        [
            Pair(
                candidate,
                other,
                compare_paired(
                    gathered[other],
                    gathered[candidate],
                    confidence=evaluation.file.confidence,
                    greater_is_better=facts.greater_is_better is not False,
                    margin=max(drops, default=None),
                ),
            )
            for candidate, other in wanted
        ]
    )


def corrected(pairs: Sequence[Pair]) -> list[Pair]:
    """Correct the p-values of pairs for one another, after Holm."""
    adjusted, n_tested = _holm([pair.measured.p_value for pair in pairs])
    of_equivalence, n_equivalences = _holm([pair.measured.p_value_of_equivalence for pair in pairs])
    return [
        replace(
            pair,
            p_value_adjusted=p_value,
            p_value_of_equivalence_adjusted=p_value_of_equivalence,
            n_corrected_for=n_tested,
            n_equivalences=n_equivalences,
        )
        for pair, p_value, p_value_of_equivalence in zip(pairs, adjusted, of_equivalence, strict=True)
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


def ranked(means: Mapping[str, float | None], pairs: Sequence[Pair], facts: MetricFacts) -> list[RankedCandidate]:
    """Order the candidates that have a mean, best first; none for a metric without a better end.

    Args:
        means: `model@prompt` → mean.
        pairs: Every pair of the metric, corrected; one without a common example counts as not different.
        facts: Of the metric.
    """
    names = [name for name, mean in means.items() if mean is not None]
    if facts.greater_is_better is None or not names:
        return []
    place = {name: index for index, name in enumerate(names)}
    different = np.zeros((len(names), len(names)), dtype=bool)
    for pair in pairs:
        if pair.conclusion.is_different:
            one, other = place[pair.candidate], place[pair.compared_with]
            different[one, other] = different[other, one] = True
    return rank_with_ties(
        names,
        np.array([means[name] for name in names], dtype=np.float64),
        different,
        greater_is_better=facts.greater_is_better,
    )


def _holm(p_values: Sequence[float | None]) -> tuple[list[float | None], int]:
    """Adjusted p-values, and how many there were to adjust."""
    given = np.array([np.nan if p_value is None else p_value for p_value in p_values])
    adjusted = [None if np.isnan(p_value) else float(p_value) for p_value in holm_adjusted(given)]
    return adjusted, int((~np.isnan(given)).sum())
