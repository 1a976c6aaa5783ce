"""What is expected of the rows of each table, in the words of Great Expectations. Asking it is in `validation`."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eval_assets.reports.computed.scores import MetricFacts

Severity = Literal["ERROR", "WARN"]

MAX_FAILED_SHARE = 0.1
FINITE = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Rule:
    """A named promise about a table, shown as one check.

    Args:
        name: Name of the check.
        description: What holds when it passes.
        severity: ERROR where numbers computed from the rows would be wrong, WARN where they are right and less useful.
    """

    name: str
    description: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation over all rows, or over those with a value in a column.

    Args:
        type: Class of `great_expectations.expectations`.
        arguments: Its arguments.
        where: Column and the value that rows must have there to be looked at.
    """

    type: str
    arguments: Mapping[str, Any]
    where: tuple[str, str | bool] | None = None


RULES: dict[str, tuple[Rule, ...]] = {
    "eval_datasets": (
        Rule("unique_ids", "Each example id stands once in the dataset.", "ERROR"),
        Rule("inputs_not_empty", "Each example has inputs.", "ERROR"),
        Rule(
            "targets_where_needed",
            "Examples have the targets that metrics and judges of their evaluations read.",
            "WARN",
        ),
    ),
    "predictions": (
        Rule(
            "every_example_answered",
            "Each chosen example has one prediction per sample, and no other has any.",
            "ERROR",
        ),
        Rule("few_failed", f"At most {MAX_FAILED_SHARE:.0%} of the predictions failed.", "WARN"),
        Rule(
            "plausible_latency_and_cost", "No reply took longer than its timeouts or cost more than the budget.", "WARN"
        ),
    ),
    "heuristic_metrics": (
        Rule("scores_in_range", "Each score lies within the range of its metric.", "ERROR"),
        Rule("null_only_when_not_ok", "A score is null exactly where its outcome isn't ok.", "ERROR"),
    ),
    "judge_scores": (
        Rule("scores_in_range", "Each score lies on the scale of its judge.", "ERROR"),
        Rule("null_only_when_not_ok", "A score is null exactly where its outcome isn't ok.", "ERROR"),
    ),
}


def dataset_expectations() -> dict[str, list[Expectation]]:
    """Rule → expectations over `example_id`, `inputs`, `targets` and `needs_targets` of each example."""
    return {
        "unique_ids": [Expectation("ExpectColumnValuesToBeUnique", {"column": "example_id"})],
        "inputs_not_empty": [
            Expectation("ExpectColumnValuesToNotBeNull", {"column": "inputs"}),
            Expectation("ExpectColumnValuesToMatchRegex", {"column": "inputs", "regex": r"\S"}),
        ],
        "targets_where_needed": [
            Expectation("ExpectColumnValuesToNotBeNull", {"column": "targets"}, ("needs_targets", True))
        ],
    }


def coverage_expectations() -> dict[str, list[Expectation]]:
    """Rule → expectations over `n_wanted`, `n_predictions` and `n_samples` of each example."""
    return {
        "every_example_answered": [
            Expectation("ExpectColumnPairValuesToBeEqual", {"column_A": "n_samples", "column_B": "n_wanted"}),
            Expectation("ExpectColumnPairValuesToBeEqual", {"column_A": "n_predictions", "column_B": "n_samples"}),
        ]
    }


def prediction_expectations(*, max_latency_seconds: float, max_cost_usd: float | None) -> dict[str, list[Expectation]]:
    """Rule → expectations over `outcome`, `is_ok`, `latency_seconds` and `cost_usd` of each prediction.

    A request that failed may have waited between its attempts, so only replies have to keep within the timeouts.
    """
    few_failed = {"column": "outcome", "value_set": ["ok"], "mostly": 1 - MAX_FAILED_SHARE}
    return {
        "few_failed": [Expectation("ExpectColumnValuesToBeInSet", few_failed)],
        "plausible_latency_and_cost": [
            _between("latency_seconds", 0, max_latency_seconds, where=("is_ok", True)),
            _between("cost_usd", 0, max_cost_usd),
        ],
    }


def score_expectations(facts: Mapping[str, MetricFacts], metrics: Iterable[str]) -> dict[str, list[Expectation]]:
    """Rule → expectations over `metric`, `score` and `is_ok` of each score.

    Args:
        facts: Metric or judge → its range.
        metrics: Those that have scores. One without a range has to be finite.
    """
    ranges = {metric: facts.get(metric, MetricFacts()) for metric in metrics}
    return {
        "scores_in_range": [
            _between("score", known.low, known.high, where=("metric", metric)) for metric, known in ranges.items()
        ],
        "null_only_when_not_ok": [
            Expectation("ExpectColumnValuesToNotBeNull", {"column": "score"}, ("is_ok", True)),
            Expectation("ExpectColumnValuesToBeNull", {"column": "score"}, ("is_ok", False)),
        ],
    }


def _between(
    column: str, low: float | None, high: float | None, *, where: tuple[str, str | bool] | None = None
) -> Expectation:
    """Within bounds that hold for every number; no bound means any finite one."""
    bounds = {"min_value": -FINITE if low is None else low, "max_value": FINITE if high is None else high}
    return Expectation("ExpectColumnValuesToBeBetween", {"column": column, **bounds}, where)
