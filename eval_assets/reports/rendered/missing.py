"""What must not be missed before a mean is believed: files that changed since, failed requests, unscored rows.

Every renderer prints these sentences first.
"""

from collections.abc import Iterator, Mapping

import polars as pl

from eval_assets.reports.candidate_report import CandidateReport
from eval_assets.reports.computed.gating import outdated_text
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.tables.columns import CANDIDATE
from eval_assets.wording.foreign_text import shortened
from eval_assets.wording.numbers import count_text, number_text

REASON_CHARACTERS = 200
MOST_NOTES = 20
"""As many as a person reads; programs get all of them."""

ROW = ("model", "prompt", "example_id", "sample_index")


def missing_notes(report: EvaluationReport, *, at_most: int | None = None) -> tuple[str, ...]:
    """List what is missing from the numbers, one sentence each; empty when all rows were answered and scored.

    Args:
        report: The report.
        at_most: Sentences to give; how many there are besides is said then.
    """
    said = tuple(_sentences(report))
    if at_most is None or len(said) <= at_most:
        return said
    more = count_text(len(said) - at_most, "more warning")
    return (*said[:at_most], f"{more}: `eval-assets report {report.evaluation.name} --format json` lists them all.")


def bounds_text(low: float | None, high: float | None) -> str:
    """Say between what a mean would lie with the missing rows, or that nothing bounds it.

    >>> bounds_text(0.3, 0.6333)
    'between 0.300 and 0.633 had they scored worst or best'
    """
    if low is None or high is None:
        return "nothing bounds what they would have scored"
    lower, upper = sorted((low, high))
    return f"between {number_text(lower)} and {number_text(upper)} had they scored worst or best"


def _sentences(report: EvaluationReport) -> Iterator[str]:
    if report.outdated:
        remedy = f"`eval-assets run {report.evaluation.name}` brings the results up to date"
        yield f"Out of date: {outdated_text(report.outdated)}. {remedy}."
    for candidate in report.candidates:
        yield from _of_requests(candidate, report)
    valued = _valued(report)
    nowhere = [metric for metric in report.metrics if _is_scored_nowhere(report, metric, valued)]
    for metric in nowhere:
        yield f"{metric} could not be computed for any row{_because(report, metric)}."
    for candidate in report.candidates:
        for metric in report.metrics:
            if metric not in nowhere:
                yield from _of_scores(candidate, metric, report, valued.get((candidate.name, metric), 0))


def _of_requests(candidate: CandidateReport, report: EvaluationReport) -> Iterator[str]:
    speed = candidate.performance
    if not speed.n_predictions:
        yield f"{candidate.name} has no predictions: its cell was not computed."
        return
    failed = speed.n_predictions - speed.n_answered
    if failed:
        mine = report.predictions.filter(candidate.name == CANDIDATE)
        kinds = (
            ": ".join(part for part in (f"{count:,} {outcome}", _errors_of(mine, outcome)) if part)
            for outcome, count in speed.failures.items()
        )
        requests = f"{failed:,} of {count_text(speed.n_predictions, 'request')}"
        came_to_nothing = "failed" if set(speed.failures) == {"error"} else "brought no whole answer"
        yield f"{candidate.name}: {requests} {came_to_nothing} ({'; '.join(kinds)}). Its means are over what is left."


def _errors_of(predictions: pl.DataFrame, outcome: str) -> str:
    return _most_frequent(predictions.filter(pl.col("outcome") == outcome)["error"])


def _of_scores(candidate: CandidateReport, metric: str, report: EvaluationReport, n_valued: int) -> Iterator[str]:
    speed = candidate.performance
    if not speed.n_predictions:
        return
    row = candidate.metrics.get(metric)
    failed = speed.n_predictions - speed.n_answered
    if row is None:
        yield f"{candidate.name} has no scores of {metric}."
    elif row["n_total"] - n_valued > failed * row["n_total"] / speed.n_predictions:  # more than failed
        rows = f"{n_valued:,} of {count_text(row['n_total'], 'row')}"
        bounds = bounds_text(row["mean_if_missing_worst"], row["mean_if_missing_best"])
        mean = "" if row["mean"] is None else f"; mean {number_text(row['mean'])}, {bounds}"
        yield f"{candidate.name}: {metric} is over {rows}{mean}{_because(report, metric, candidate)}."


def _valued(report: EvaluationReport) -> dict[tuple[str, str], int]:
    """Candidate and metric → rows with a score or a label."""
    valued = report.scores.filter(pl.col("score").is_not_null() | pl.col("label").is_not_null())
    counts = valued.group_by(CANDIDATE.alias("candidate"), "metric").len()
    return {(candidate, metric): n for candidate, metric, n in counts.iter_rows()}


def _is_scored_nowhere(report: EvaluationReport, metric: str, valued: Mapping[tuple[str, str], int]) -> bool:
    answered = any(candidate.performance.n_answered for candidate in report.candidates)
    return answered and not any(valued.get((candidate.name, metric)) for candidate in report.candidates)


def _because(report: EvaluationReport, metric: str, candidate: CandidateReport | None = None) -> str:
    """Why rows have no score; rows without an output are told of with the requests."""
    unscored = (pl.col("metric") == metric) & pl.col("score").is_null() & (pl.col("outcome") != "ok")
    answered = report.predictions.filter(pl.col("outcome") == "ok")
    rows = report.scores.filter(unscored).join(answered, on=ROW, how="semi")
    if candidate is not None:
        rows = rows.filter(candidate.name == CANDIDATE)
    reason = _most_frequent(rows["reason"])
    return f" ({reason})" if reason else ""


def _most_frequent(reasons: pl.Series) -> str:
    """The reason given most often, of equals the first in the table, and how many others there are."""
    said = reasons.drop_nulls().to_frame("reason").group_by("reason", maintain_order=True).len()
    if said.is_empty():
        return ""
    first = said.sort("len", descending=True, maintain_order=True).row(0)[0]
    more = f", and {count_text(said.height - 1, 'other reason')}" if said.height > 1 else ""
    return f"{shortened(first, REASON_CHARACTERS)}{more}"
