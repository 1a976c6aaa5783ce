"""The ranked table below the first sentence: who stands where, and what else decides.

Texts and numbers are made here, once; terminal, Markdown, page and notebook only lay them out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from eval_assets.reports.candidate_report import CandidateReport
from eval_assets.reports.computed.roles import Role
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.answer import Labels
from eval_assets.reports.rendered.measures import MOST_SIDE_BY_SIDE, Measure, in_points, measures, standings
from eval_assets.wording.numbers import ABSENT, interval_text, money_text, number_text, seconds_text

MOST_ROWS = 8
"""Candidates in the table of a terminal or a comment: the best, besides the baseline and those that are asked for."""

LATENCY_TITLE = "90 % within"
FEW_MORE = 2
"""So many more are shown rather than counted."""


@dataclass(frozen=True, slots=True)
class Head:
    """One column of the table: its title, and for a metric its direction."""

    title: str
    greater_is_better: bool | None = None
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """One candidate in the table.

    Args:
        candidate: Whose row it is.
        place: By the primary metric, 1 is best; null without a mean.
        name: What it is called here.
        cells: A text per column after place and name.
        is_incomplete: Whether requests failed, rows have no score, or the cell is missing.
    """

    candidate: CandidateReport
    place: int | None
    name: str
    cells: tuple[str, ...]
    is_incomplete: bool


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """The ranked table: the first columns matter most, so that a narrow output drops the last.

    Args:
        heads: Of the columns after place and name.
        rows: Best first.
        n_more: Candidates that are left out.
    """

    heads: tuple[Head, ...]
    rows: tuple[Standing, ...]
    n_more: int


def answer_table(
    report: EvaluationReport,
    *,
    at_most: int | None = None,
    selected: Sequence[str] = (),
    labels: Labels | None = None,
    is_timed: bool = True,
) -> AnswerTable:
    """Rank the candidates by the primary metric, each with what else decides.

    Args:
        report: The report.
        at_most: The best so many, and besides the baseline and what is selected; all by default.
        selected: `model@prompt` of candidates that are shown wherever they stand.
        labels: What candidates are called; default `model@prompt`.
        is_timed: Whether latency, which is another one each time it is measured, has a column.
    """
    ranked = standings(report)
    first_ones = len(ranked) if at_most is None or len(ranked) <= at_most + FEW_MORE else at_most
    shown = [
        candidate
        for place, candidate in enumerate(ranked)
        if place < first_ones or candidate.is_baseline or candidate.name in selected
    ]
    tested = tested_measures(report)
    first = tested[0] if tested else None
    columns = [
        column
        for column in _columns(report, first, tested[1:])
        if _says_something(column, shown) and (is_timed or column.head.title != LATENCY_TITLE)
    ]
    rows = tuple(
        Standing(
            candidate,
            None if first is None else report.compared(candidate.name, first.metric).get("rank"),
            (labels or {}).get(candidate.name, candidate.name),
            tuple(column.text(candidate) for column in columns),
            _is_incomplete(candidate, first),
        )
        for candidate in shown
    )
    return AnswerTable(tuple(column.head for column in columns), rows, len(ranked) - len(shown))


def tested_measures(report: EvaluationReport) -> list[Measure]:
    """What decides: the primary metric first, then the others that the file names and that have a better end."""
    primary_first = sorted(measures(report), key=lambda measure: measure.metric != report.headline)
    return [
        measure
        for measure in primary_first
        if not measure.is_share
        and measure.greater_is_better is not None
        and (measure.metric == report.headline or report.role(measure.metric) is not Role.DESCRIBED)
        and any(row["n_scored"] for row in measure.rows.values())
    ]


def described_measures(report: EvaluationReport) -> list[Measure]:
    """What only describes: defaults of the task, metrics without a better end, labels; nothing without a value."""
    tested = tested_measures(report)
    return [
        measure
        for measure in measures(report)
        if measure not in tested and any(row["n_scored"] for row in measure.rows.values())
    ]


@dataclass(frozen=True, slots=True)
class _Column:
    head: Head
    values: Mapping[str, str]

    def text(self, candidate: CandidateReport) -> str:
        return self.values.get(candidate.name, ABSENT)


def _says_something(column: _Column, shown: Sequence[CandidateReport]) -> bool:
    return any(column.text(candidate) != ABSENT for candidate in shown)


def _columns(report: EvaluationReport, first: Measure | None, others: Sequence[Measure]) -> Iterator[_Column]:
    candidates = report.candidates
    if first is not None:
        head = Head(first.title, first.greater_is_better)
        yield _Column(head, {one.name: _primary_cell(report, first, one) for one in candidates})
        if len(candidates) > 1:
            title = f"vs baseline{', points' if in_points(report, first.metric) else ''}"
            yield _Column(Head(title), {one.name: _difference_cell(report, first.metric, one) for one in candidates})
    if any(_is_incomplete(one, first) for one in candidates):
        yield _Column(
            Head("scored (mean if all were)" if first else "answered"),
            {one.name: _scored_cell(one, first) for one in candidates},
        )
    yield _Column(
        Head("cost of 1,000"), {one.name: money_text(one.performance.cost_usd_per_1000) for one in candidates}
    )
    yield _Column(
        Head(LATENCY_TITLE), {one.name: seconds_text(one.performance.latency_p90_seconds) for one in candidates}
    )
    for measure in others:
        head = Head(measure.title, measure.greater_is_better)
        yield _Column(head, {one.name: _mean_cell(report, measure, one) for one in candidates})


def _primary_cell(report: EvaluationReport, measure: Measure, candidate: CandidateReport) -> str:
    row = measure.rows.get(candidate.name)
    if row is None:
        return "not computed"
    mean = _mean_cell(report, measure, candidate)
    interval = "" if row["ci_low"] is None else f" {interval_text(row['ci_low'], row['ci_high'])}"
    text, _, letters = mean.partition(" ")
    return f"{text}{interval}{' ' + letters if letters else ''}"


def _mean_cell(report: EvaluationReport, measure: Measure, candidate: CandidateReport) -> str:
    """The mean, with the letters of those it can't be told from."""
    row = measure.rows.get(candidate.name)
    if row is None or row["mean"] is None:
        return ABSENT
    n = len(report.candidates)
    is_lettered = 1 < n <= MOST_SIDE_BY_SIDE or (n > 1 and measure.metric == report.headline)
    letters = report.compared(candidate.name, measure.metric).get("tied_group") if is_lettered else None
    return " ".join(filter(None, [number_text(row["mean"], within=(row["ci_low"], row["ci_high"])), letters]))


def _difference_cell(report: EvaluationReport, metric: str, candidate: CandidateReport) -> str:
    if candidate.is_baseline:
        return "baseline"
    row = report.against_baseline(candidate.name, metric)
    if row is None or row["difference"] is None:
        return ABSENT
    low, high = row["difference_ci_low"], row["difference_ci_high"]
    factor = 100 if in_points(report, metric) else 1
    within = (None, None) if low is None or high is None else (factor * low, factor * high)
    ends = "" if low is None else f" {interval_text(*within)}"
    return f"{number_text(factor * row['difference'], within=within, sign=True)}{ends}"


def _scored_cell(candidate: CandidateReport, first: Measure | None) -> str:
    row = None if first is None else first.rows.get(candidate.name)
    speed = candidate.performance
    if row is None:
        return f"{speed.n_answered:,} of {speed.n_predictions:,}"
    worst, best = row["mean_if_missing_worst"], row["mean_if_missing_best"]
    bounded = row["n_scored"] < row["n_total"] and worst is not None and best is not None
    bounds = f" ({number_text(min(worst, best))} to {number_text(max(worst, best))})" if bounded else ""
    return f"{row['n_scored']:,} of {row['n_total']:,}{bounds}"


def _is_incomplete(candidate: CandidateReport, first: Measure | None) -> bool:
    speed = candidate.performance
    row = None if first is None else first.rows.get(candidate.name)
    unscored = first is not None and (row is None or row["n_scored"] < row["n_total"])
    return unscored or not speed.n_predictions or speed.n_answered < speed.n_predictions
