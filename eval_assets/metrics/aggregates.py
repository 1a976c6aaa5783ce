"""A metric's own aggregates of its scores, beyond the mean, variance and p90 that every metric has."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median, pvariance
from typing import Any

from eval_assets.errors import MetricError
from eval_assets.metrics.custom.calls import load_function
from eval_assets.metrics.definition import ResolvedMetric


def percentile_90(scores: Sequence[float]) -> float:
    """Bound the lowest 90 % of the scores, linear between the two nearest, as MLflow and numpy do.

    >>> percentile_90([0.0, 1.0, 2.0])  # place 0.9 * 2 = 1.8
    1.8
    """
    ordered = sorted(scores)
    place = 0.9 * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def ratio(scores: Sequence[float]) -> float:
    """Share of scores of 0.5 and more: MLflow's toxicity ratio."""
    return sum(score >= 0.5 for score in scores) / len(scores)  # noqa: PLR2004


AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": fmean,
    "variance": pvariance,
    "p90": percentile_90,
    "min": min,
    "max": max,
    "median": median,
    "ratio": ratio,
}


def extra_aggregates(
    resolved: ResolvedMetric, scores: Sequence[float], labels: Sequence[str | None] = ()
) -> dict[str, float]:
    """Compute the aggregates a metric names, and the share of each label it gave.

    Args:
        resolved: The metric; its `aggregates` are names of `AGGREGATES` or `module:function` of the user.
        scores: Scores with outcome ok.
        labels: Labels of the same rows, if the metric gives any.

    Returns:
        Aggregate name → value, shares as `share_<label>`; empty without scores and labels.

    Raises:
        MetricError: A function of the user returns no number.
    """
    values = {name.rpartition(":")[2]: _aggregate(name, scores) for name in resolved.aggregates} if scores else {}
    counts = Counter(label for label in labels if label is not None)
    return values | {f"share_{label}": count / counts.total() for label, count in sorted(counts.items())}


def extra_aggregates_json(resolved: ResolvedMetric, scores: Sequence[float], labels: Sequence[str | None] = ()) -> str:
    """Write `extra_aggregates` as the column of the same name in `aggregate_reports` holds them."""
    return json.dumps(extra_aggregates(resolved, scores, labels), sort_keys=True)


def _aggregate(name: str, scores: Sequence[float]) -> float:
    if name in AGGREGATES:
        return AGGREGATES[name](scores)
    value: Any = load_function(name)(list(scores))
    if not isinstance(value, int | float):
        raise MetricError(f"expected the aggregate {name!r} to return a number, got {value!r}")
    return float(value)
