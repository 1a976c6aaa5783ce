"""From the numbers of our report to MLflow's keys and columns."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from eval_assets.api.results.result import EvaluationResult
from eval_assets.compat.mlflow.called_metrics import MetricValues
from eval_assets.compat.mlflow.extra_metrics import RANKED
from eval_assets.reports.metric_keys import metric_key

if TYPE_CHECKING:
    import pandas as pd

AGGREGATE_ONLY = "exact_match"
"""A metric whose mean MLflow gives under its name alone."""
BARE_COLUMNS = ("token_count", "latency")
"""Metrics whose column of scores has their name alone."""


def values_of(result: EvaluationResult, named: Mapping[str, str]) -> dict[str, MetricValues]:
    """Metric, with its version as MLflow has it, → scores of all rows and aggregates.

    Args:
        result: Of one candidate.
        named: Judge → what it is called.
    """
    report = result.report
    candidate = report.candidates[0]
    ids = result.assembled.rows.ids
    scores = report.scores.select("metric", "example_id", "score", "justification")
    by_metric: dict[str, pl.DataFrame] = {str(key[0]): rows for key, rows in scores.group_by("metric")}
    found = {}
    for metric in report.metrics:
        row = candidate.metrics[metric]
        rows = {each["example_id"]: each for each in by_metric[metric].iter_rows(named=True)}
        justifications = [rows.get(example, {}).get("justification") for example in ids]
        name = named.get(metric, metric)
        key = name if RANKED.fullmatch(name) else metric_key(name, row["version"], "")
        means = [(name, row["mean"])] if metric == AGGREGATE_ONLY else _aggregates(result, metric)
        found[key] = MetricValues(
            [rows.get(example, {}).get("score") for example in ids],
            justifications if any(each is not None for each in justifications) else None,
            dict(means),
        )
    return found


def flat_metrics(values: Mapping[str, MetricValues], prefix: str) -> dict[str, float]:
    """Key → aggregate, as MLflow names them: a prefix stands before metric and aggregate.

    >>> flat_metrics({"rouge1/v1": MetricValues(aggregate_results={"mean": 0.5, "p90": None})}, "val_")
    {'val_rouge1/v1/val_mean': 0.5}
    >>> flat_metrics({"exact_match/v1": MetricValues(aggregate_results={"exact_match": 0.4})}, "")
    {'exact_match/v1': 0.4}
    """
    return {
        f"{prefix}{key}" if name == key.partition("/")[0] else f"{prefix}{key}/{prefix}{name}": value
        for key, metric in values.items()
        for name, value in (metric.aggregate_results or {}).items()
        if value is not None
    }


def score_columns(values: Mapping[str, MetricValues], prefix: str) -> dict[str, list[Any]]:
    """Column → its values: scores and justifications of each metric that has any."""
    columns: dict[str, list[Any]] = {}
    for key, metric in values.items():
        if (
            metric.scores is not None
            and any(score is not None for score in metric.scores)
            and key.partition("/")[0] != AGGREGATE_ONLY
        ):
            columns[f"{prefix}{key}" if key in BARE_COLUMNS else f"{prefix}{key}/score"] = list(metric.scores)
        if metric.justifications is not None:
            columns[f"{prefix}{key}/justification"] = list(metric.justifications)
    return columns


def outputs_of(result: EvaluationResult) -> "pd.Series[Any]":
    """The outputs of one candidate, in the order of the rows."""
    import pandas as pd

    name = result.report.candidates[0].name
    answered = {one.example_id: one.answers[0].output for one in result.report.outputs([name])}
    return pd.Series([answered.get(str(example)) for example in result.assembled.rows.ids], dtype=object)


def _aggregates(result: EvaluationResult, metric: str) -> list[tuple[str, float | None]]:
    """Aggregates under the names that results of ours give them."""
    version = result.report.facts(metric)["version"]
    head = metric_key(metric, version, "") + "/"
    return [(key.removeprefix(head), value) for key, value in result.metrics.items() if key.startswith(head)]
