"""What the HTML report shows, section by section, with positions worked out; how it looks is in `templates/`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval_assets.reports.candidate_report import CandidateReport
from eval_assets.reports.computed.scores import candidate_name
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.page.marks import Axis, Bar, axis_of, histogram, symmetric_axis

MOST_CHARACTERS = 4000
Row = Mapping[str, Any]


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
    """One metric in the leaderboard: its axis and a line per candidate, best first where there is a best."""

    metric: str
    facts: Row
    axis: Axis
    baseline: float | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of a candidate against the baseline, with the interval's place on an axis around zero."""

    row: Row
    mean: float | None
    interval: tuple[float, float] | None


def metric_sections(report: EvaluationReport) -> list[MetricSection]:
    """Lay out the leaderboard, the metric to look at first on top."""
    headline = report.headline
    ordered = sorted(report.metrics, key=lambda metric: metric != headline)
    return [_metric_section(report, metric) for metric in ordered]


def differences(report: EvaluationReport) -> list[tuple[CandidateReport, list[Difference]]]:
    """Lay out the comparison of every other candidate with the baseline; a metric's axis is the same for all."""
    axes = {
        metric: symmetric_axis(
            end
            for candidate in report.candidates
            if (row := report.against_baseline(candidate.name, metric))
            for end in (row["difference"], row["difference_ci_low"], row["difference_ci_high"])
        )
        for metric in report.metrics
    }
    found = []
    for candidate in report.candidates:
        rows = [row for metric in axes if (row := report.against_baseline(candidate.name, metric))]
        own = [
            Difference(
                row,
                axes[row["metric"]].place(row["difference"]),
                _pair(axes[row["metric"]], row["difference_ci_low"], row["difference_ci_high"]),
            )
            for row in rows
            if row["greater_is_better"] is not None
        ]
        if own:
            found.append((candidate, sorted(own, key=lambda difference: difference.row["metric"] != report.headline)))
    return found


def slice_tables(report: EvaluationReport) -> Iterator[tuple[str, str, list[tuple[str, list[Line]]]]]:
    """Lay out the headline metric by slice: column, metric, and for each value a line per candidate."""
    metric = report.headline
    if metric is None:
        return
    sliced = report.aggregates.filter(pl.col("slice_column").is_not_null() & (pl.col("metric") == metric))
    facts = report.facts(metric)
    axis = axis_of(
        [*sliced["ci_low"], *sliced["ci_high"], *sliced["mean"]],
        low=facts["lowest_possible"],
        high=facts["highest_possible"],
    )
    for (column,), of_column in sliced.group_by("slice_column", maintain_order=True):
        values = []
        for (value,), part in of_column.group_by("slice_value", maintain_order=True):
            by_name = {f"{row['model']}@{row['prompt']}": row for row in part.iter_rows(named=True)}
            lines = [_line(candidate, by_name.get(candidate.name), None, axis) for candidate in report.candidates]
            values.append((str(value), lines))
        yield str(column), metric, values


def examples_data(report: EvaluationReport) -> dict[str, Any]:
    """Gather the side-by-side outputs for the page's script, as lists to keep them short.

    Returns:
        `candidates`, `baseline` (its index), `metrics` as `[name, direction]` with 1, -1 or 0, and `examples` as `[id,
        inputs, targets, context, answers]`, an answer being `[output, outcome, error, n_samples, scores,
        justifications, prediction_id, reasoning, tool_calls]` with scores in the order of `metrics`. Texts of more
        than 4,000 characters are cut, and say so.
    """
    names = [candidate.name for candidate in report.candidates]
    directions = {True: 1, False: -1, None: 0}
    return {
        "candidates": names,
        "baseline": names.index(report.baseline) if report.baseline in names else 0,
        "headline": report.headline,
        "metrics": [[metric, directions[report.facts(metric)["greater_is_better"]]] for metric in report.metrics],
        "examples": [
            [
                example.example_id,
                _cut(example.inputs),
                _cut(example.targets),
                _cut(example.context),
                [
                    [
                        _cut(answer.output),
                        answer.outcome,
                        _cut(answer.error),
                        answer.n_samples,
                        [_rounded(answer.scores.get(metric)) for metric in report.metrics],
                        {judge: _cut(reason) for judge, reason in answer.justifications.items()},
                        answer.prediction_id,
                        _cut(answer.reasoning),
                        _cut(answer.tool_calls),
                    ]
                    for answer in example.answers
                ],
            ]
            for example in report.outputs()
        ],
    }


def _metric_section(report: EvaluationReport, metric: str) -> MetricSection:
    facts = report.facts(metric)
    own = {candidate.name: candidate.metrics.get(metric) for candidate in report.candidates}
    known = [row for row in own.values() if row]
    axis = axis_of(
        [row[name] for row in known for name in ("mean", "ci_low", "ci_high")],
        low=facts["lowest_possible"],
        high=facts["highest_possible"],
    )
    comparison = report.comparison.filter(pl.col("metric") == metric)
    groups = {f"{row['model']}@{row['prompt']}": row for row in comparison.iter_rows(named=True)}
    scores = report.scores.filter((pl.col("metric") == metric) & pl.col("score").is_not_null())
    values = scores["score"].unique().sort().to_list()
    spread = axis_of(values, low=facts["lowest_possible"], high=facts["highest_possible"])
    lines = [
        _line(
            candidate,
            own[candidate.name],
            groups.get(candidate.name, {}).get("tied_group"),
            axis,
            histogram(
                scores.filter(candidate_name() == candidate.name)["score"].to_numpy(), axis=spread, values=values
            ),
        )
        for candidate in report.candidates
    ]
    last = len(lines) + 1
    lines.sort(key=lambda line: groups.get(line.candidate.name, {}).get("rank") or last)
    baseline = own.get(report.baseline)
    return MetricSection(metric, facts, axis, axis.place(baseline["mean"]) if baseline else None, tuple(lines))


def _line(
    candidate: CandidateReport, row: Row | None, tied_group: str | None, axis: Axis, bars: tuple[Bar, ...] = ()
) -> Line:
    if row is None:
        return Line(candidate, None, None, None, None, None, bars)
    incomplete = row["n_scored"] < row["n_total"]
    return Line(
        candidate=candidate,
        row=row,
        tied_group=tied_group,
        mean=axis.place(row["mean"]),
        interval=_pair(axis, row["ci_low"], row["ci_high"]),
        bounds=_pair(axis, row["mean_if_missing_worst"], row["mean_if_missing_best"]) if incomplete else None,
        bars=bars,
    )


def _pair(axis: Axis, one: float | None, other: float | None) -> tuple[float, float] | None:
    """Two positions from left to right; null unless both are known."""
    left, right = axis.place(one), axis.place(other)
    return None if left is None or right is None else (min(left, right), max(left, right))


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]} … ({len(text) - MOST_CHARACTERS:,} more characters are in the predictions table)"


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)
