"""Which candidates are compared with which, and how p-values are corrected for their number; the rows are in
`comparing`.

Every two candidates are compared, however many there are. Comparisons with the baseline are corrected in two families:
those of the primary metric for the number of candidates alone, which is the confirmatory test; those of all else that
the file names together, candidates and metrics, after Holm or Benjamini and Hochberg as it declares. Other pairs are
corrected over the pairs of their metric. p-values of equivalence are corrected in the same families, over the
comparisons that have a margin. One conclusion is drawn from each pair, and both the letters and the sentences show it.
What the examples can show is stated for the level that the same correction takes. A metric that is merely described is
not tested at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import polars as pl

from eval_assets.config.evaluation import HOLM, Correction, Evaluation
from eval_assets.reports.computed.roles import Role
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts, scores_by_candidate
from eval_assets.statistics.comparison.conclusions import Conclusion, concluded
from eval_assets.statistics.comparison.paired import PairedComparison, compare_paired
from eval_assets.statistics.comparison.ranking import RankedCandidate, rank_with_ties
from eval_assets.statistics.comparison.significance import benjamini_hochberg_adjusted, holm_adjusted

ADJUSTED = {"holm": holm_adjusted, "benjamini-hochberg": benjamini_hochberg_adjusted}
"""Correction as an evaluation declares it → what raises p-values."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One comparison.

    Args:
        candidate: `model@prompt`.
        compared_with: `model@prompt`.
        measured: What the examples both have say, candidate minus the other.
        p_value_adjusted: Corrected in its family; null without a p-value.
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
    evaluation: Evaluation,
    rows: pl.DataFrame,
    metric: str,
    facts: MetricFacts,
    groups: ExampleGroups | None,
    *,
    role: Role = Role.NAMED,
) -> list[Pair]:
    """Compare every candidate with the baseline, then later candidates with earlier ones, each pair once.

    Args:
        evaluation: Its candidates, baseline, gates and confidence.
        rows: Score rows of one metric, of all cells.
        metric: Its name.
        facts: Of the metric.
        groups: Clusters of the dataset and of shared replies, if there are any.
        role: Of the metric; one that is described is compared with the baseline alone.

    Returns:
        Pairs corrected for one another.
    """
    others = [candidate for candidate in evaluation.candidates if candidate != evaluation.baseline]
    wanted = [(candidate, evaluation.baseline) for candidate in others]
    if role is not Role.DESCRIBED:
        wanted += [(later, earlier) for earlier, later in combinations(others, 2)]
    gathered = scores_by_candidate(rows, evaluation.candidates, facts, groups)
    gates = [gate for gate in evaluation.file.asked if gate.metric == metric and gate.against == "baseline"]
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


def corrected(pairs: Sequence[Pair], correction: Correction = HOLM) -> list[Pair]:
    """Correct the p-values of pairs for one another."""
    adjusted, n_tested = _adjusted([pair.measured.p_value for pair in pairs], correction)
    of_equivalence, n_equivalences = _adjusted([pair.measured.p_value_of_equivalence for pair in pairs], correction)
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
    evaluation: Evaluation,
    pairs: Mapping[str, Sequence[Pair]],
    metric_facts: Mapping[str, MetricFacts],
    roles: Mapping[str, Role],
) -> dict[tuple[str, str], Pair]:
    """Correct the comparisons with the baseline: those of the primary metric for themselves, the other named ones
    together.

    Args:
        evaluation: Names the baseline, and how the others are corrected.
        pairs: Metric → its pairs.
        metric_facts: Metric or judge name → its direction and range; one without a better end is in no family.
        roles: Metric or judge name → its role; what is described is in no family.

    Returns:
        (metric, candidate) → the pair, corrected for all the others of its family.
    """
    found: dict[tuple[str, str], Pair] = {}
    for role, correction in ((Role.PRIMARY, HOLM), (Role.NAMED, evaluation.file.correction)):
        family = [
            (metric, pair)
            for metric, of_metric in pairs.items()
            if roles[metric] is role and metric_facts[metric].greater_is_better is not None
            for pair in of_metric
            if pair.compared_with == evaluation.baseline
        ]
        together = corrected([pair for _, pair in family], correction)
        found |= {(metric, pair.candidate): pair for (metric, _), pair in zip(family, together, strict=True)}
    return found


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


def _adjusted(p_values: Sequence[float | None], correction: Correction) -> tuple[list[float | None], int]:
    """Adjusted p-values, and how many there were to adjust."""
    given = np.array([np.nan if p_value is None else p_value for p_value in p_values])
    adjusted = [None if np.isnan(p_value) else float(p_value) for p_value in ADJUSTED[correction](given)]
    return adjusted, int((~np.isnan(given)).sum())
