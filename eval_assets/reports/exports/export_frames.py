"""The two tables that are exported, each as one frame whatever the format: the ranked table, and all rows.

Columns of a metric or judge begin with its name and a slash, so that none of them meets a column of this package.
"""

from collections.abc import Iterator

import polars as pl

from eval_assets.reports.candidate_report import CandidateReport
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.measures import Measure, measures, standings
from eval_assets.tables.cell_tables import PREDICTIONS
from eval_assets.tables.columns import CANDIDATE

ROW = ("model", "prompt", "example_id", "sample_index")
ASKED = ("inputs", "targets", "context", "output", "tool_calls", "outcome", "error_kind", "error")
SPENT = ("cost_usd", "latency_seconds", "prompt_tokens", "completion_tokens", "reused", "prediction_id", "run_id")

RANKING: dict[str, pl.DataType] = {
    "place": pl.Int64(),
    "candidate": pl.String(),
    "model": pl.String(),
    "prompt": pl.String(),
    "is_baseline": pl.Boolean(),
    "metric": pl.String(),
    "mean": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "confidence": pl.Float64(),
    "tied_group": pl.String(),
    "difference": pl.Float64(),
    "difference_ci_low": pl.Float64(),
    "difference_ci_high": pl.Float64(),
    "p_value_adjusted": pl.Float64(),
    "verdict": pl.String(),
    "n_total": pl.Int64(),
    "n_scored": pl.Int64(),
    "mean_if_missing_worst": pl.Float64(),
    "mean_if_missing_best": pl.Float64(),
    "n_predictions": pl.Int64(),
    "n_answered": pl.Int64(),
    "cost_usd": pl.Float64(),
    "cost_usd_per_1000": pl.Float64(),
    "latency_p50_seconds": pl.Float64(),
    "latency_p90_seconds": pl.Float64(),
}
"""Columns of the ranked table that every evaluation has; other metrics follow them."""

OF_AGGREGATE = ("mean", "ci_low", "ci_high", "confidence", "n_total", "n_scored", "mean_if_missing_worst",
                "mean_if_missing_best")  # fmt: skip
OF_COMPARISON = ("difference", "difference_ci_low", "difference_ci_high", "p_value_adjusted", "verdict")


def ranking_frame(report: EvaluationReport) -> pl.DataFrame:
    """The ranked table with its numbers, all candidates, best first.

    Returns:
        Columns of `RANKING`: mean, interval and comparison with the baseline are of the metric in `metric`, the
        primary one; differences in its units. Then `NAME/mean`, `NAME/ci_low` and `NAME/ci_high` of every other metric
        and judge, and of each label of those that answer with labels its share.
    """
    others = [measure for measure in measures(report) if measure.metric != report.headline or measure.is_share]
    rows = [
        _standing(report, candidate) | {name: value for measure in others for name, value in _of(measure, candidate)}
        for candidate in standings(report)
    ]
    numbers = {f"{measure.title}/{end}": pl.Float64() for measure in others for end in ("mean", "ci_low", "ci_high")}
    return pl.DataFrame(rows, schema={**RANKING, **numbers})


def rows_frame(report: EvaluationReport) -> pl.DataFrame:
    """Every row with all that came of it: one per example, candidate and sample, in dataset order.

    Returns:
        What was asked and answered; for each metric and judge `NAME/score` (the mean over a judge's several verdicts),
        `NAME/label` where it gives labels, and `NAME/reason`, a judge's justification or why there is no score; cost,
        latency, tokens, and the id that `eval-assets trace` takes. Rows without an answer or a score are rows too.
    """
    place = {candidate.name: index for index, candidate in enumerate(standings(report))}
    rows = report.predictions.with_columns(candidate=CANDIDATE).with_columns(
        place=pl.col("candidate").replace_strict(place, return_dtype=pl.Int64)
    )
    ordered = rows.sort("position", "example_id", "place", "sample_index")
    columns = ["example_id", "candidate", "model", "prompt", "sample_index", *ASKED]
    for metric in report.metrics:
        own = _scores_of(report, metric)
        ordered = ordered.join(own, on=ROW, how="left", maintain_order="left")
        columns += [name for name in own.columns if name not in ROW]
    return ordered.select(*columns, *SPENT).cast({name: PREDICTIONS[name] for name in (*ASKED, *SPENT)})


def _standing(report: EvaluationReport, candidate: CandidateReport) -> dict[str, object]:
    metric = report.headline or ""
    compared = report.compared(candidate.name, metric)
    against, aggregate = report.against_baseline(candidate.name, metric) or {}, candidate.metrics.get(metric, {})
    speed = candidate.performance
    return {
        "place": compared.get("rank"),
        "candidate": candidate.name,
        "model": candidate.model,
        "prompt": candidate.prompt,
        "is_baseline": candidate.is_baseline,
        "metric": report.headline,
        "tied_group": compared.get("tied_group"),
        **{name: aggregate.get(name) for name in OF_AGGREGATE},
        **{name: against.get(name) for name in OF_COMPARISON},
        "n_predictions": speed.n_predictions,
        "n_answered": speed.n_answered,
        "cost_usd": speed.cost_usd,
        "cost_usd_per_1000": speed.cost_usd_per_1000,
        "latency_p50_seconds": speed.latency_p50_seconds,
        "latency_p90_seconds": speed.latency_p90_seconds,
    }


def _of(measure: Measure, candidate: CandidateReport) -> Iterator[tuple[str, float | None]]:
    row = measure.rows.get(candidate.name, {})
    for end in ("mean", "ci_low", "ci_high"):
        yield f"{measure.title}/{end}", row.get(end)


def _scores_of(report: EvaluationReport, metric: str) -> pl.DataFrame:
    """A metric's or judge's columns, a row per prediction."""
    texts = [*ROW[:3], "label", "reason", "justification"]
    own = (
        report.scores.filter(pl.col("metric") == metric)
        .with_columns(pl.col(texts).cast(pl.String()))
        .group_by(ROW, maintain_order=True)
        .agg(
            pl.col("score").mean().alias(f"{metric}/score"),
            pl.col("label").drop_nulls().first().alias(f"{metric}/label"),
            pl.coalesce("justification", "reason").drop_nulls().first().alias(f"{metric}/reason"),
        )
    )
    return own if own[f"{metric}/label"].count() else own.drop(f"{metric}/label")
