"""Aggregate reports of one cell: per metric, overall and per slice. Comparing cells is in `comparing`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
import polars as pl

from eval_assets.errors import MetricError
from eval_assets.metrics.aggregations import extra_aggregates
from eval_assets.reports.computed.labels import gives_labels_alone, label_shares
from eval_assets.reports.computed.scores import (
    NO_VALUE,
    WITHOUT_TARGET,
    ExampleGroups,
    MetricFacts,
    metric_names,
    scores_by_example,
)
from eval_assets.requests.exchange import UNSCORED_OUTCOMES
from eval_assets.statistics.descriptive import ExampleScores, describe
from eval_assets.statistics.intervals import mean_interval
from eval_assets.statistics.repeated_success import pass_hat
from eval_assets.statistics.resampling import bootstrap_quantile_intervals
from eval_assets.tables.cell_tables import AGGREGATE_REPORTS

N_RESAMPLES = 1000


def aggregate_cell(
    scores: pl.DataFrame,
    *,
    metric_facts: Mapping[str, MetricFacts],
    cell: Mapping[str, str],
    run_id: str,
    confidence: float = 0.95,
    seed: int = 0,
    groups: ExampleGroups | None = None,
) -> pl.DataFrame:
    """Describe one candidate's scores, with every denominator in the row.

    Several samples or draws of an example are averaged first, so every number is over examples; the counts are over
    rows.

    Args:
        scores: Rows as `score_rows` makes them: at least `metric`, `version`, `kind`, `example_id`, `score`,
            `outcome`. An unscored row has score null and stays in `n_total`; one without a target is counted apart.
        metric_facts: Metric or judge name → its direction and range; one for every name in `scores`.
        cell: Values of `evaluation`, `model` and `prompt`.
        run_id: The run that writes the rows.
        confidence: Coverage of the intervals.
        seed: Of the bootstrap that bounds p90.
        groups: Clusters and slices of the dataset, and which replies its examples share, if there are any.

    Returns:
        Rows of `AGGREGATE_REPORTS`, overall ones (`slice_column` null) before slices. p90 is bounded overall only.

    Raises:
        MetricError: A metric of `scores` is missing from `metric_facts`.
    """
    by_metric = {metric: scores.filter(pl.col("metric") == metric) for metric in metric_names(scores)}
    facts = {metric: _facts_of(metric, metric_facts) for metric in by_metric}
    gathered = {metric: _gathered(rows, facts[metric], groups) for metric, rows in by_metric.items()}
    p90_bounds = _p90_bounds(gathered, confidence, seed)
    rows = [
        {**cell, **row, "run_id": run_id, "confidence": confidence}
        for metric, rows_of_metric in by_metric.items()
        for row in _rows_of_metric(
            rows_of_metric, gathered[metric], facts[metric], confidence, p90_bounds[metric], groups
        )
    ]
    frame = pl.DataFrame(rows, schema=AGGREGATE_REPORTS)
    return pl.concat(
        [frame.filter(pl.col("slice_column").is_null()), frame.filter(pl.col("slice_column").is_not_null())]
    )


def _facts_of(metric: str, metric_facts: Mapping[str, MetricFacts]) -> MetricFacts:
    if metric not in metric_facts:
        raise MetricError(
            f"scores hold the metric {metric!r}, whose facts were not passed; known: {sorted(metric_facts)!r}"
        )
    return metric_facts[metric]


def _rows_of_metric(
    rows: pl.DataFrame,
    scores: ExampleScores,
    facts: MetricFacts,
    confidence: float,
    p90_bounds: Mapping[str, Any],
    groups: ExampleGroups | None,
) -> Iterator[dict[str, Any]]:
    yield {**_row(rows, scores, facts, confidence, groups), **p90_bounds, "slice_column": None, "slice_value": None}
    if groups is None:
        return
    for column in groups.slices:
        labelled = rows.join(
            groups.examples.select("example_id", pl.col(column).fill_null(NO_VALUE).alias("slice_value")),
            on="example_id",
            how="left",
            maintain_order="left",
        ).with_columns(pl.col("slice_value").fill_null(NO_VALUE))
        for (value,), part in sorted(
            labelled.group_by("slice_value", maintain_order=True), key=lambda item: str(item[0])
        ):
            row = _row(part, _gathered(part, facts, groups), facts, confidence, groups)
            yield {**row, "slice_column": column, "slice_value": str(value)}


def _row(
    all_rows: pl.DataFrame, scores: ExampleScores, facts: MetricFacts, confidence: float, groups: ExampleGroups | None
) -> dict[str, Any]:
    rows = all_rows.filter(~WITHOUT_TARGET)
    described = describe(scores, greater_is_better=facts.greater_is_better is not False)
    scored = ~np.isnan(scores.scores)
    clusters = None if scores.clusters is None else scores.clusters[scored]
    interval = mean_interval(
        scores.scored,
        confidence=confidence,
        clusters=clusters,
        lower=facts.low,
        upper=facts.high,
        binary=facts.is_binary,
    )
    outcomes = dict(rows["outcome"].value_counts().rows())
    labels = label_shares(rows, groups, confidence=confidence)
    row = {
        "metric": all_rows["metric"][0],
        "version": all_rows["version"][0],
        "kind": all_rows["kind"][0],
        "greater_is_better": None if gives_labels_alone(rows) else facts.greater_is_better,
        "lowest_possible": facts.low,
        "highest_possible": facts.high,
        "n_total": described.n_total,
        "n_scored": described.n_scored,
        "n_examples": described.n_examples,
        "n_without_target": all_rows.height - rows.height,
        **{f"n_{outcome}": outcomes.get(outcome, 0) for outcome in UNSCORED_OUTCOMES},
        "mean": described.mean,
        "variance": described.variance,
        "standard_error": described.standard_error,
        "median": described.median,
        "p90": described.p90,
        "min": described.minimum,
        "max": described.maximum,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "ci_method": interval.method,
        "mean_if_missing_worst": described.mean_if_unscored_worst,
        "mean_if_missing_best": described.mean_if_unscored_best,
        "n_labelled": rows["label"].drop_nulls().len(),
        "labels": json.dumps(labels) if labels else None,
        "extra_aggregates": json.dumps(_extra(scores, labels, facts) | _repeated_success(rows, facts)),
    }
    # What overflows is no number; the scores themselves are finite, and stay as they are.
    return {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in row.items()}


def _gathered(rows: pl.DataFrame, facts: MetricFacts, groups: ExampleGroups | None) -> ExampleScores:
    asked = rows.filter(~WITHOUT_TARGET)
    return scores_by_example(asked, asked["example_id"].unique(maintain_order=True), facts, groups)


def _p90_bounds(gathered: Mapping[str, ExampleScores], confidence: float, seed: int) -> dict[str, dict[str, Any]]:
    """The bounds of p90 of each metric; they are drawn together."""
    # Resampling single examples would pretend that those of a cluster are independent.
    bounded = {metric: scores.scored for metric, scores in gathered.items() if scores.clusters is None}
    intervals = bootstrap_quantile_intervals(
        list(bounded.values()), 0.9, confidence=confidence, n_resamples=N_RESAMPLES, seed=seed
    )
    clustered = {"p90_ci_low": None, "p90_ci_high": None, "p90_ci_method": "none: examples are clustered"}
    found = {
        metric: {"p90_ci_low": bounds.low, "p90_ci_high": bounds.high, "p90_ci_method": bounds.method}
        for metric, bounds in zip(bounded, intervals, strict=True)
    }
    return {metric: found.get(metric, clustered) for metric in gathered}


def _extra(scores: ExampleScores, labels: Sequence[Mapping[str, Any]], facts: MetricFacts) -> dict[str, float]:
    """The metric's own aggregates that are no column of the table, and the share of each label."""
    names = [name for name in facts.aggregates if name not in AGGREGATE_REPORTS]
    shares = {f"share_{row['label']}": row["share"] for row in labels if row["label"] is not None}
    return extra_aggregates(names, scores.scored.tolist()) | shares


def _repeated_success(rows: pl.DataFrame, facts: MetricFacts) -> dict[str, float]:
    """pass^1, pass^2, … of a metric of which every score is 0 or 1, where examples have several samples.

    Samples without a score count as none: they may have succeeded.
    """
    if not facts.is_binary:
        return {}
    n_samples = rows.group_by("example_id").len()["len"].to_list()
    most = max(n_samples, default=0)
    scored = rows.drop_nulls("score").group_by("example_id").agg(n=pl.len(), passed=(pl.col("score") == 1).sum())
    n, passed = (scored[name].cast(pl.Int64).to_numpy() for name in ("n", "passed"))
    chances = {chance_name(k): pass_hat(n, passed, k) for k in range(1, most + 1 if most > 1 else 1)}
    return {name: chance for name, chance in chances.items() if isfinite(chance)}


def chance_name(k: int) -> str:
    """Name of the aggregate that says how often k samples of an example succeed all."""
    return f"pass_hat_{k}"
