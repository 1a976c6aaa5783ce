"""A result as frames: the data with outputs and scores beside it, long scores, a summary. All from the report."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from eval_assets.api.arguments.given_rows import GivenRows, kind_of
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.metric_keys import metric_key
from eval_assets.reports.outputs import CandidateOutput
from eval_assets.requests.canonical_json import json_text
from eval_assets.tables.cell_tables import AGGREGATE_REPORTS
from eval_assets.tables.columns import CANDIDATE
from eval_assets.tables.evaluation_tables import COMPARISON

AGGREGATES = ("mean", "variance", "p90")
ROW = ["candidate", "example_id", "sample_index"]
SUMMARY = ("n_total", "n_scored", "mean", "ci_low", "ci_high", "confidence")
COMPARED = ("difference", "difference_ci_low", "difference_ci_high", "p_value_adjusted", "verdict", "sentence")


def example_frame(report: EvaluationReport, labels: Mapping[str, str], rows: GivenRows) -> Any:
    """The data as it was given, and beside it each candidate's output, or its calls, and each score by candidate.

    Args:
        report: The numbers.
        labels: `model@prompt` → what a candidate is called.
        rows: The data; a pandas frame keeps its index, rows that come in no frame become a polars frame.
    """
    answered = {one.example_id: one.answers for one in report.outputs(list(labels))}
    absent = CandidateOutput(output=None, outcome="missing", error=None, n_samples=0)
    columns: dict[str, list[Any]] = {}
    dtypes: dict[str, pl.DataType] = {}
    for place, label in enumerate(labels.values()):
        answers = [answered[example][place] if example in answered else absent for example in rows.ids]
        alone = len(labels) == 1
        columns["output" if alone else label] = [answer.said for answer in answers]
        for metric in report.metrics:
            of_labels = report.answers_with_labels(metric)
            name = metric if alone else f"{label}.{metric}"
            columns[name] = [
                answer.labels.get(metric) if of_labels else answer.scores.get(metric) for answer in answers
            ]
            dtypes[name] = pl.String() if of_labels else pl.Float64()
        columns["outcome" if alone else f"{label}.outcome"] = [answer.outcome for answer in answers]
        columns |= _returned(answers, "" if alone else f"{label}.", {*rows.names, *columns})
    return _beside(rows, columns, dtypes)


def _returned(answers: Sequence[CandidateOutput], head: str, taken: Collection[str]) -> dict[str, list[Any]]:
    """What a candidate returned beside its outputs, texts as they are, other values as JSON.

    Args:
        answers: One a row.
        head: Begins the names.
        taken: Names of other columns; what has one of them begins with `output.`.
    """
    told = [json.loads(answer.extra or "{}") for answer in answers]
    names = dict.fromkeys(name for extra in told for name in extra)
    return {
        f"{head}{name}" if f"{head}{name}" not in taken else f"{head}output.{name}": [
            value if value is None or isinstance(value, str) else json_text(value)
            for value in (extra.get(name) for extra in told)
        ]
        for name in names
    }


def score_frame(report: EvaluationReport, labels: Mapping[str, str]) -> pl.DataFrame:
    """Score rows under the names of this call; `prediction_id` is what traces begin with."""
    scores = report.scores.with_columns(candidate=_labelled(labels))
    ids = report.predictions.with_columns(candidate=_labelled(labels)).select(*ROW, "prediction_id")
    return scores.join(ids, on=ROW, how="left", maintain_order="left").select(
        *ROW, "metric", "version", "kind", "score", "label", "outcome", "reason", "justification", "prediction_id"
    )


def summary_frame(report: EvaluationReport, labels: Mapping[str, str]) -> pl.DataFrame:
    """Aggregates by candidate and metric, and the comparison with the baseline where there is one."""
    rows = []
    for candidate in report.candidates:
        for metric, aggregate in candidate.metrics.items():
            compared = report.against_baseline(candidate.name, metric) or {}
            rows.append(
                {
                    "candidate": labels[candidate.name],
                    "metric": metric,
                    "version": aggregate["version"],
                    "is_baseline": candidate.is_baseline,
                    **{name: aggregate.get(name) for name in SUMMARY},
                    **{name: compared.get(name) for name in COMPARED},
                }
            )
    schema = {
        **dict.fromkeys(("candidate", "metric", "version"), pl.String()),
        "is_baseline": pl.Boolean(),
        **{name: AGGREGATE_REPORTS[name] for name in SUMMARY},
        **{name: COMPARISON[name] for name in COMPARED},
    }
    return pl.DataFrame(rows, schema=schema)


def metrics_by_name(report: EvaluationReport, labels: Mapping[str, str]) -> dict[str, float | None]:
    """Aggregates under MLflow's names, one flat mapping."""
    found: dict[str, float | None] = {}
    for candidate in report.candidates:
        head = "" if len(report.candidates) == 1 else f"{labels[candidate.name]}/"
        for metric, row in candidate.metrics.items():
            extra = json.loads(row["extra_aggregates"] or "{}")
            values = {**{name: row[name] for name in AGGREGATES}, **extra}
            found |= {f"{head}{metric_key(metric, row['version'], name)}": value for name, value in values.items()}
    return found


def error_frame(report: EvaluationReport, labels: Mapping[str, str]) -> pl.DataFrame:
    """Predictions that brought no whole answer, and scores that are none of an answer."""
    predictions = report.predictions.with_columns(candidate=_labelled(labels))
    failed = predictions.filter(pl.col("outcome") != "ok").select(
        *ROW, pl.lit(None, pl.String()).alias("metric"), "outcome", pl.col("error").alias("reason")
    )
    answered = predictions.filter(pl.col("outcome") == "ok").select(ROW)
    unscored = (
        report.scores.with_columns(candidate=_labelled(labels))
        .filter(pl.col("outcome") != "ok")
        .join(answered, on=ROW, how="semi")
        .select(*ROW, "metric", "outcome", "reason")
    )
    return pl.concat([failed, unscored])


def _labelled(labels: Mapping[str, str]) -> pl.Expr:
    return CANDIDATE.replace_strict(dict(labels), default=None, return_dtype=pl.String())


def _beside(rows: GivenRows, columns: Mapping[str, list[Any]], dtypes: Mapping[str, pl.DataType]) -> Any:
    """New columns beside the given ones, as text unless another type is told; those of the same name are replaced."""
    kind = kind_of(rows.origin)
    if kind == "pandas":
        scores = {name for name, dtype in dtypes.items() if dtype == pl.Float64()}
        missing = {True: math.nan, False: None}
        return rows.origin.assign(
            **{
                name: [missing[name in scores] if value is None else value for value in values]
                for name, values in columns.items()
            }
        )
    series = [pl.Series(name, values, dtypes.get(name, pl.String())) for name, values in columns.items()]
    if kind == "polars":
        return rows.origin.with_columns(series)
    given = [row or {} for row in rows.rows]
    return pl.DataFrame(given, infer_schema_length=None, strict=False).with_columns(series)
