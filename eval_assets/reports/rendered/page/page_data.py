"""What the HTML report shows, section by section, with positions worked out; how it looks is in `templates/`."""

from dataclasses import dataclass

import polars as pl

from eval_assets.reports.candidate_report import CandidateReport, Row
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.measures import (
    MOST_IN_FULL,
    MOST_SIDE_BY_SIDE,
    Measure,
    best_first,
    compared_metrics,
    is_told,
    measures,
)
from eval_assets.reports.rendered.page.page_marks import Axis, Bar, axis_of, histogram, symmetric_axis
from eval_assets.tables.columns import CANDIDATE


@dataclass(frozen=True, slots=True)
class Line:
    """One candidate on one metric: its aggregate, and where mean, interval and bounds stand on the metric's axis."""

    candidate: CandidateReport
    row: Row | None
    tied_group: str | None
    mean: float | None
    interval: tuple[float, float] | None
    bounds: tuple[float, float] | None
    bars: tuple[Bar, ...]

    @property
    def is_incomplete(self) -> bool:
        """Whether rows are unscored or the cell is missing."""
        return self.row is None or self.row["n_scored"] < self.row["n_total"]


@dataclass(frozen=True, slots=True)
class MetricSection:
    """One metric, or one label, in the leaderboard: its axis and a line per candidate, best first where there is a
    best.
    """

    title: str
    metric: str
    facts: Row
    is_share: bool
    axis: Axis
    baseline: float | None
    lines: tuple[Line, ...]

    @property
    def shown(self) -> list[Line]:
        """The lines to show at once: of many candidates the first few and the baseline."""
        return [line for place, line in enumerate(self.lines) if self._is_shown(place)]

    @property
    def folded(self) -> list[Line]:
        """The lines of the many that are not shown at once."""
        return [line for place, line in enumerate(self.lines) if not self._is_shown(place)]

    def _is_shown(self, place: int) -> bool:
        few = len(self.lines) <= MOST_IN_FULL
        return few or place < MOST_SIDE_BY_SIDE or self.lines[place].candidate.is_baseline


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of a candidate against the baseline, with the interval's place on an axis around zero."""

    row: Row
    mean: float | None
    interval: tuple[float, float] | None


def metric_sections(report: EvaluationReport) -> list[MetricSection]:
    """Lay out the leaderboard, the metric to look at first on top."""
    headline = report.headline
    ordered = sorted(measures(report), key=lambda measure: measure.metric != headline)
    return [metric_section(report, measure) for measure in ordered]


def differences(report: EvaluationReport) -> list[tuple[CandidateReport, list[Difference]]]:
    """Lay out the comparison of every other candidate with the baseline; a metric's axis is the same for all."""
    metrics = compared_metrics(report)
    axes = {
        metric: symmetric_axis(
            end
            for candidate in report.candidates
            if (row := report.against_baseline(candidate.name, metric))
            for end in (row["difference"], row["difference_ci_low"], row["difference_ci_high"])
        )
        for metric in metrics
    }
    found = []
    for candidate in best_first(report):
        rows = [row for metric in axes if (row := report.against_baseline(candidate.name, metric))]
        own = [difference_on(axes[row["metric"]], row) for row in rows if is_told(row)]
        if own:
            found.append((candidate, sorted(own, key=lambda difference: difference.row["metric"] != report.headline)))
    return found


def difference_on(axis: Axis, row: Row) -> Difference:
    """A difference with its interval on an axis."""
    interval = _pair(axis, row["difference_ci_low"], row["difference_ci_high"])
    return Difference(row, _place(axis, row["difference"]), interval)


def metric_section(report: EvaluationReport, measure: Measure) -> MetricSection:
    """Lay out one line of the leaderboard: a metric, or a label's share."""
    facts, known = report.facts(measure.metric), measure.rows.values()
    low, high = (0.0, 1.0) if measure.is_share else (facts["lowest_possible"], facts["highest_possible"])
    axis = axis_of([row[name] for row in known for name in ("mean", "ci_low", "ci_high")], low=low, high=high)
    scores = report.scores.filter((pl.col("metric") == measure.metric) & pl.col("score").is_not_null())
    values = scores["score"].unique().sort().to_list()
    spread = axis_of(values, low=low, high=high)
    of_candidate = {str(name): part for (name,), part in scores.group_by(CANDIDATE)}
    lines = [
        line_on(
            candidate,
            measure.rows.get(candidate.name),
            report.compared(candidate.name, measure.metric).get("tied_group"),
            axis,
            histogram(of_candidate.get(candidate.name, scores.clear())["score"].to_numpy(), axis=spread, values=values),
        )
        for candidate in best_first(report)
    ]
    last = len(lines) + 1
    lines.sort(key=lambda line: report.compared(line.candidate.name, measure.metric).get("rank") or last)
    baseline = measure.rows.get(report.baseline)
    return MetricSection(
        title=measure.title,
        metric=measure.metric,
        facts=facts,
        is_share=measure.is_share,
        axis=axis,
        baseline=_place(axis, baseline["mean"]) if baseline else None,
        lines=tuple(lines),
    )


def line_on(
    candidate: CandidateReport, row: Row | None, tied_group: str | None, axis: Axis, bars: tuple[Bar, ...] = ()
) -> Line:
    """A candidate's aggregate on an axis; null stands for a cell that was never computed."""
    if row is None:
        return Line(candidate, None, None, None, None, None, bars)
    incomplete = row["n_scored"] < row["n_total"]
    return Line(
        candidate=candidate,
        row=row,
        tied_group=tied_group,
        mean=_place(axis, row["mean"]),
        interval=_pair(axis, row["ci_low"], row["ci_high"]),
        bounds=_pair(axis, row["mean_if_missing_worst"], row["mean_if_missing_best"]) if incomplete else None,
        bars=bars,
    )


def _place(axis: Axis, value: float | None) -> float | None:
    return None if value is None else axis.place(value)


def _pair(axis: Axis, one: float | None, other: float | None) -> tuple[float, float] | None:
    """Two positions from left to right; null unless both are known."""
    left, right = _place(axis, one), _place(axis, other)
    return None if left is None or right is None else (min(left, right), max(left, right))
