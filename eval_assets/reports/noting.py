"""Which notes a report has: what its tables show to be missing, and what was known besides.

Rows that miss for one cause are one note, whatever metrics and candidates it befell.
"""

from collections.abc import Iterator, Sequence

import polars as pl

from eval_assets.reports.computed.gating import outdated_text
from eval_assets.reports.computed.scores import WITHOUT_TARGET
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.note import MOST_NAMED, Note, Weight, in_order
from eval_assets.tables.columns import CANDIDATE
from eval_assets.wording.foreign_text import shortened
from eval_assets.wording.numbers import count_text

REASON_CHARACTERS = 200
MOST_REASONS = 3  # of one metric and outcome, a line each; of more, the most frequent stands for all

ROW = ("model", "prompt", "example_id", "sample_index")


def report_notes(report: EvaluationReport) -> tuple[Note, ...]:
    """Every note of a report: what its tables show to be missing, and what it was given."""
    return in_order([*_found(report), *report.notes])


def _found(report: EvaluationReport) -> Iterator[Note]:
    if report.outdated:
        remedy = f"`eval-assets run {report.evaluation.name}` brings the results up to date"
        yield Note(f"Out of date: {outdated_text(report.outdated)}. {remedy}.", Weight.OUTDATED)
    absent = tuple(one.name for one in report.candidates if not one.performance.n_predictions)
    if absent:
        yield Note("no predictions, the cell was not computed.", Weight.NOT_COMPUTED, absent)
    yield from _failed_requests(report)
    yield from _metrics_left_out(report, absent)
    yield from _unscored(report)


def _failed_requests(report: EvaluationReport) -> Iterator[Note]:
    """Requests that brought no whole answer, a note per outcome and reason; many reasons of an outcome are one."""
    failed = report.predictions.filter(pl.col("outcome") != "ok").with_columns(candidate=CANDIDATE, reason="error")
    asked = {one.name: one.performance.n_predictions for one in report.candidates}
    for outcome, reason, rows in _by_cause(failed, "outcome"):
        candidates = tuple(name for name in asked if name in set(rows["candidate"]))
        total = sum(asked[name] for name in candidates)
        came_to_nothing = "failed" if outcome == "error" else "brought no whole answer"
        why = f"{outcome}: {reason}" if reason else outcome
        said = f"{rows.height:,} of {count_text(total, 'request')} {came_to_nothing} ({why})."
        yield Note(f"{said} Means are over what is left.", Weight.FAILED, candidates, rows.height)


def _metrics_left_out(report: EvaluationReport, absent: Sequence[str]) -> Iterator[Note]:
    """Metrics without an aggregate for candidates that do have predictions."""
    found: dict[tuple[str, ...], list[str]] = {}
    for metric in report.metrics:
        without = tuple(one.name for one in report.candidates if metric not in one.metrics and one.name not in absent)
        found.setdefault(without, []).append(metric)
    for candidates, metrics in found.items():
        if candidates:
            yield Note(f"no scores of {_listed(metrics)}.", Weight.NOT_COMPUTED, candidates)


def _unscored(report: EvaluationReport) -> Iterator[Note]:
    """Rows that were answered and have no score, a note per reason whatever the metrics it befell."""
    answered = report.predictions.filter(pl.col("outcome") == "ok").select(ROW)
    valued = pl.col("score").is_not_null() | pl.col("label").is_not_null()
    scores = report.scores.with_columns(candidate=CANDIDATE).filter(pl.col("metric").is_in(report.metrics))
    rows = scores.filter(~valued & (pl.col("outcome") != "ok")).join(answered, on=ROW, how="semi")
    counts = dict(scores.filter(valued).group_by("metric").len().iter_rows())
    nowhere = [metric for metric in report.metrics if not counts.get(metric)]
    without_target = rows.filter(WITHOUT_TARGET)
    if without_target.height:
        yield _without_target(report, without_target)
    rest = rows.filter(~WITHOUT_TARGET)
    found: dict[tuple[bool, str, str], list[pl.DataFrame]] = {}
    for metric in report.metrics:
        of_metric = rest.filter(pl.col("metric") == metric)
        for outcome, reason, part in _by_cause(of_metric, "outcome"):
            found.setdefault((metric in nowhere, outcome, reason), []).append(part)
    for (is_nowhere, outcome, reason), parts in found.items():
        part = pl.concat(parts)
        if is_nowhere:
            why = reason or outcome
            yield Note(f"{_metrics(part)} could not be computed for any row ({why}).", Weight.NOT_COMPUTABLE)
        else:
            yield _partly_unscored(report, part, f"{outcome}: {reason}" if reason else outcome)


def _without_target(report: EvaluationReport, rows: pl.DataFrame) -> Note:
    n_examples = rows["example_id"].n_unique()
    of_all = f"{n_examples:,} of {count_text(report.dataset.n_examples, 'example')}"
    have = "has" if n_examples == 1 else "have"
    said = f"{of_all} {have} no target: left out of {_metrics(rows)}, and counted as no failure."
    return Note(said, Weight.WITHOUT_TARGET, n_rows=n_examples)


def _partly_unscored(report: EvaluationReport, rows: pl.DataFrame, why: str) -> Note:
    n_rows = rows.select(ROW).n_unique()
    concerned = set(rows["candidate"])
    candidates = tuple(one.name for one in report.candidates if one.name in concerned)
    total = sum(one.performance.n_predictions for one in report.candidates if one.name in concerned)
    have = "has" if n_rows == 1 else "have"
    said = f"{n_rows:,} of {count_text(total, 'row')} {have} no score of {_metrics(rows)} ({why})."
    return Note(said, Weight.UNSCORED, candidates, n_rows)


def _metrics(rows: pl.DataFrame) -> str:
    return _listed(rows["metric"].cast(pl.String()).unique(maintain_order=True).to_list())


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join([*names[:MOST_NAMED], *([f"{more:,} more"] if more > 0 else [])])


def _by_cause(rows: pl.DataFrame, column: str) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """Outcome, reason and rows of each cause; an outcome of many reasons is one cause, told by the most frequent."""
    for (outcome,), part in rows.group_by(pl.col(column).cast(pl.String()), maintain_order=True):
        reasons = (
            part["reason"].drop_nulls().value_counts(sort=True).sort(["count", "reason"], descending=[True, False])
        )
        if reasons.height <= MOST_REASONS:
            for (reason,), of_reason in part.group_by("reason", maintain_order=True):
                yield str(outcome), shortened(str(reason), REASON_CHARACTERS) if reason else "", of_reason
        else:
            first = shortened(reasons["reason"][0], REASON_CHARACTERS)
            yield str(outcome), f"{first}, and {count_text(reasons.height - 1, 'other reason')}", part
