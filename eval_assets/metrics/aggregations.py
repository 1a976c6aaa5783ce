"""A metric's own aggregates of its scores, beyond the mean, variance and p90 that every metric has."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite, nan
from statistics import fmean, median, pvariance
from typing import Any

from eval_assets.errors import MetricError
from eval_assets.metrics.custom.calls import ROW_ERRORS, load_function, said_by


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


def extra_aggregates(names: Sequence[str], scores: Sequence[float]) -> dict[str, float]:
    """Compute the aggregates a metric names. Shares of labels are in `reports.computed.labels`.

    Args:
        names: Names of `AGGREGATES`, or `module:function` of the user, which gets the list of scores.
        scores: Scores that are there, without nulls.

    Returns:
        Aggregate name → value; empty without scores.

    Raises:
        MetricError: A function of the user fails or returns no finite number.

    >>> extra_aggregates(["max"], [0.0, 0.5])
    {'max': 0.5}
    """
    return {aggregate_label(name): _aggregate(name, scores) for name in names} if scores else {}


def aggregate_label(name: str) -> str:
    """Give the name under which an aggregate is reported.

    >>> aggregate_label("team_metrics:spread")
    'spread'
    """
    return name.rpartition(":")[2]


def _aggregate(name: str, scores: Sequence[float]) -> float:
    if name in AGGREGATES:
        return AGGREGATES[name](scores)
    function = load_function(name)
    try:
        value: Any = function(list(scores))
        if hasattr(value, "item"):
            value = value.item()
        number = float(value) if isinstance(value, int | float) else nan
    except ROW_ERRORS as error:
        raise MetricError(f"the aggregate {name!r} failed on {len(scores)} scores: {said_by(error)}") from error
    if not isfinite(number):
        raise MetricError(f"expected the aggregate {name!r} to return a finite number, got {value!r}")
    return number
