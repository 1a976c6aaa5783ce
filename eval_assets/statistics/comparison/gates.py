"""What a gate asks: a mean against a minimum or maximum, a drop against the baseline. `decisions` answers it."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from eval_assets.errors import UnpairedScoresError
from eval_assets.statistics.comparison.decisions import GatedValue, GateResult, GateTerms, decide
from eval_assets.statistics.comparison.differences import difference_interval, relative_drop_interval
from eval_assets.statistics.comparison.paired import differences_of
from eval_assets.statistics.descriptive import ExampleScores
from eval_assets.statistics.intervals import is_binary, mean_interval
from eval_assets.statistics.spread import joint_clusters
from eval_assets.wording.numbers import plain_number

DropKind = Literal["max_drop", "max_drop_relative", "non_inferiority"]


def minimum_gate(scores: ExampleScores, minimum: float, terms: GateTerms) -> GateResult:
    """Ask whether the mean is at least `minimum`.

    Args:
        scores: Of the candidate.
        minimum: In score units.
        terms: Confidence, and what makes the gate inconclusive.

    Returns:
        GO when the whole interval is at or above the minimum, NO-GO when it is below, else INCONCLUSIVE. A mean exactly
        at the minimum is a NO-GO in at most (1 - confidence) / 2 of cases. The interval is the one that tables show,
        except for pass rates: a gate goes by one end alone, and an end of the Wilson interval misses up to three times
        as often as that near 0 and 1, so gates take the exact interval of the same number of scores, and say so.

    >>> from eval_assets.statistics.descriptive import example_scores
    >>> scores = example_scores(np.repeat([1.0, 0.0], [95, 5]), lower=0, upper=1)
    >>> minimum_gate(scores, 0.8, GateTerms(confidence=0.95, max_failed_share=0.1, min_scored=20)).verdict
    <GateDecision.GO: 'GO'>
    """
    return _mean_gate(scores, minimum, terms, acceptable_below=False)


def maximum_gate(scores: ExampleScores, maximum: float, terms: GateTerms) -> GateResult:
    """Ask whether the mean is at most `maximum`; the mirror image of `minimum_gate`.

    Args:
        scores: Of the candidate.
        maximum: In score units.
        terms: Confidence, and what makes the gate inconclusive.

    Returns:
        GO when the whole interval is at or below the maximum, NO-GO when it is above, else INCONCLUSIVE.

    >>> from eval_assets.statistics.descriptive import example_scores
    >>> scores = example_scores(np.repeat([1.0, 0.0], [95, 5]), lower=0, upper=1)
    >>> maximum_gate(scores, 0.8, GateTerms(confidence=0.95, max_failed_share=0.1, min_scored=20)).verdict
    <GateDecision.NO_GO: 'NO-GO'>
    """
    return _mean_gate(scores, maximum, terms, acceptable_below=True)


def drop_gate(
    baseline: ExampleScores,
    candidate: ExampleScores,
    max_drop: float,
    terms: GateTerms,
    *,
    kind: DropKind = "max_drop",
    greater_is_better: bool = True,
) -> GateResult:
    """Ask whether the candidate is worse than the baseline by no more than `max_drop`.

    Args:
        baseline: Its scores.
        candidate: The same examples in the same order.
        max_drop: Largest acceptable drop, at least 0: in score units, or as a share of the baseline's mean for
            `max_drop_relative`.
        terms: Confidence, and what makes the gate inconclusive.
        kind: `max_drop` and `max_drop_relative` decide by the two-sided interval, so each wrong answer has a chance of
            (1 - confidence) / 2; `non_inferiority` by the one-sided bound at `confidence`, so 1 - confidence.
        greater_is_better: Direction of the metric.

    Returns:
        GO when the whole interval of the drop is at or below `max_drop`, NO-GO when it is above, else INCONCLUSIVE.
        Equal candidates therefore get NO-GO in at most (1 - confidence) / 2 of cases (1 - confidence for
        `non_inferiority`), and less the larger `max_drop` is.

    Raises:
        UnpairedScoresError: The two are not over the same examples.

    >>> from eval_assets.statistics.descriptive import example_scores
    >>> baseline = example_scores(np.repeat([1.0, 0.0, 1.0], [5, 5, 190]), lower=0, upper=1)
    >>> candidate = example_scores(np.repeat([0.0, 1.0, 1.0], [5, 5, 190]), lower=0, upper=1)
    >>> drop_gate(baseline, candidate, 0.05, GateTerms(confidence=0.95, max_failed_share=0.1, min_scored=20)).verdict
    <GateDecision.GO: 'GO'>
    """
    if baseline.scores.shape != candidate.scores.shape:
        raise UnpairedScoresError(
            f"expected scores of the same examples, got {baseline.scores.size} of the baseline and "
            f"{candidate.scores.size} of the candidate; gather both with the same `n_examples`"
        )
    confidence = 2 * terms.confidence - 1 if kind == "non_inferiority" else terms.confidence
    # A drop is high minus low: where less is better, the candidate is the one expected not to be higher.
    high, low = (baseline, candidate) if greater_is_better else (candidate, baseline)
    clusters = joint_clusters(baseline.clusters, candidate.clusters)
    lower, upper = candidate.lower, candidate.upper

    def gated(minuend: NDArray[np.float64], subtrahend: NDArray[np.float64]) -> GatedValue:
        paired = ~(np.isnan(minuend) | np.isnan(subtrahend))
        minuend, subtrahend = minuend[paired], subtrahend[paired]
        groups = None if clusters is None else clusters[paired]
        drops = differences_of(subtrahend, minuend)
        binary = all(is_binary(scores, lower, upper, declared=candidate.binary) for scores in (minuend, subtrahend))
        absolute = difference_interval(
            drops, binary=binary, clusters=groups, lower=lower, upper=upper, confidence=confidence
        )
        drop = float(drops.mean()) if drops.size else None
        if kind != "max_drop_relative" or drop is None:
            return GatedValue(drop, absolute, drops.size)
        base = minuend if greater_is_better else subtrahend
        interval = relative_drop_interval(base, drops, absolute=absolute, clusters=groups, confidence=confidence)
        mean = abs(float(base.mean()))
        return GatedValue(drop / mean if mean > 0 else None, interval, drops.size)

    failed_share = max(baseline.failed_share, candidate.failed_share)
    as_scored = gated(high.scores, low.scores)
    at_worst: GatedValue | None = as_scored
    at_best: GatedValue | None = as_scored
    if failed_share > 0:
        at_worst = _if_known(gated, high.if_highest, low.if_lowest)
        at_best = _if_known(gated, high.if_lowest, low.if_highest)
    name = {"max_drop": "drop", "max_drop_relative": "relative drop", "non_inferiority": "non-inferiority, drop"}[kind]
    return decide(
        f"{name} <= {plain_number(max_drop)}",
        max_drop,
        acceptable_below=True,
        terms=terms,
        as_scored=as_scored,
        at_worst=at_worst,
        at_best=at_best,
        failed_share=failed_share,
    )


def _if_known(gated: Callable[..., GatedValue], *filled: NDArray[np.float64] | None) -> GatedValue | None:
    return None if any(scores is None for scores in filled) else gated(*filled)


def _mean_gate(scores: ExampleScores, threshold: float, terms: GateTerms, *, acceptable_below: bool) -> GateResult:
    def gated(per_example: NDArray[np.float64]) -> GatedValue:
        scored = ~np.isnan(per_example)
        values = per_example[scored]
        clusters = None if scores.clusters is None else scores.clusters[scored]
        interval = mean_interval(
            values,
            clusters=clusters,
            lower=scores.lower,
            upper=scores.upper,
            binary=scores.binary,
            confidence=terms.confidence,
            exact_rates=True,
        )
        return GatedValue(float(values.mean()) if values.size else None, interval, values.size)

    as_scored = gated(scores.scores)
    lowest: GatedValue | None = as_scored
    highest: GatedValue | None = as_scored
    if scores.failed_share > 0:
        lowest, highest = _if_known(gated, scores.if_lowest), _if_known(gated, scores.if_highest)
    return decide(
        f"mean {'<=' if acceptable_below else '>='} {plain_number(threshold)}",
        threshold,
        acceptable_below=acceptable_below,
        terms=terms,
        as_scored=as_scored,
        at_worst=highest if acceptable_below else lowest,
        at_best=lowest if acceptable_below else highest,
        failed_share=scores.failed_share,
    )
