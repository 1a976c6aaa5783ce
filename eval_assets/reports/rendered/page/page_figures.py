"""The two plots of the HTML report, quality against cost and over time: where each point stands.

Positions are percent of the plot, from the left and from the top, on the axes of `page_marks`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.measures import side_by_side
from eval_assets.reports.rendered.page.page_marks import Axis, axis_of, round_values
from eval_assets.wording.numbers import number_text, plain_number

FEWEST_FOR_A_TREND = 2


@dataclass(frozen=True, slots=True)
class Tick:
    """A number written at its place on an axis."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class Point:
    """One mean with the ends of its interval; `is_marked` where an input had changed since the point before."""

    x: float
    y: float
    ends: tuple[float, float] | None
    label: str
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Series:
    """One candidate's points from left to right."""

    name: str
    colour: str
    points: tuple[Point, ...]

    @property
    def line(self) -> str:
        """The points as a polyline."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)

    @property
    def band(self) -> str:
        """The intervals as a polygon."""
        bounded = [(point.x, *point.ends) for point in self.points if point.ends is not None]
        edge = [(x, low) for x, low, _ in bounded] + [(x, high) for x, _, high in reversed(bounded)]
        return " ".join(f"{x},{y}" for x, y in edge)


@dataclass(frozen=True, slots=True)
class Figure:
    """One plot."""

    title: str
    series: tuple[Series, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """One mean where it was seen: at a cost or at a time."""

    x: float
    mean: float
    low: float | None
    high: float | None
    note: str = ""


def figures(report: EvaluationReport) -> Iterator[Figure]:
    """Lay out the plots on which there is something to see, of the metric to look at first."""
    if report.headline is not None:
        yield from _against_cost(report, report.headline)
        yield from _over_time(report, report.headline)


def trends(report: EvaluationReport) -> Iterator[Figure]:
    """Lay out the plots over time of all other metrics that have a better end."""
    for metric in report.metrics:
        if metric != report.headline and report.facts(metric)["greater_is_better"] is not None:
            yield from _over_time(report, metric)


def _against_cost(report: EvaluationReport, metric: str) -> Iterator[Figure]:
    """The mean against what a thousand predictions cost; a candidate without a price is left out."""
    if not any(candidate.performance.cost_usd for candidate in report.candidates):
        return
    seen: dict[str, list[_Seen]] = {}
    for candidate in side_by_side(report):
        row, speed = candidate.metrics.get(metric), candidate.performance
        if row is not None and row["mean"] is not None and speed.n_predictions and speed.cost_usd is not None:
            cost = 1000 * speed.cost_usd / speed.n_predictions
            seen[candidate.name] = [_Seen(cost, row["mean"], row["ci_low"], row["ci_high"])]
    costs = axis_of(point.x for own in seen.values() for point in own)
    ticks = tuple(Tick(costs.place(cost), f"${plain_number(cost)}") for cost in round_values(costs))
    yield _figure(f"{metric} against the cost of 1,000 predictions", report, seen, costs, ticks)


def _over_time(report: EvaluationReport, metric: str) -> Iterator[Figure]:
    """Means over time, a line per candidate."""
    trends = {candidate.name: report.trend(candidate.name, metric) for candidate in side_by_side(report)}
    seen = {
        name: [
            _Seen(
                point.recorded_at.timestamp(),
                point.mean,
                point.ci_low,
                point.ci_high,
                ", ".join(map(str, point.changes)),
            )
            for point in points
            if point.mean is not None
        ]
        for name, points in trends.items()
    }
    if max(map(len, seen.values()), default=0) < FEWEST_FOR_A_TREND:
        return
    times = [point.x for own in seen.values() for point in own]
    axis = Axis(min(times), max(times))
    first, last = (datetime.fromtimestamp(time, UTC) for time in (axis.low, axis.high))
    written = "%-d %b, %H:%M" if first.date() == last.date() else "%-d %b %Y"
    ticks = (Tick(0, first.strftime(written)), Tick(100, last.strftime(written)))
    title = f"{metric} over time; a ring marks a point where a prompt, model, dataset, judge or metric had changed"
    yield _figure(title, report, seen, axis, ticks)


def _figure(
    title: str, report: EvaluationReport, seen: Mapping[str, Sequence[_Seen]], across: Axis, x_ticks: tuple[Tick, ...]
) -> Figure:
    upwards = axis_of(value for own in seen.values() for point in own for value in (point.mean, point.low, point.high))
    colours = _colours([candidate.name for candidate in side_by_side(report)], report.baseline)

    def from_top(value: float) -> float:
        return round(100 - upwards.place(value), 2)

    def placed(name: str, point: _Seen) -> Point:
        ends = None if point.low is None or point.high is None else (from_top(point.low), from_top(point.high))
        label = "; ".join([f"{name}: {number_text(point.mean)}", *filter(None, [point.note])])
        return Point(across.place(point.x), from_top(point.mean), ends, label, bool(point.note))

    return Figure(
        title,
        tuple(Series(name, colours[name], tuple(placed(name, point) for point in own)) for name, own in seen.items()),
        x_ticks,
        tuple(Tick(from_top(value), plain_number(value)) for value in round_values(upwards)),
    )


def _colours(names: Sequence[str], baseline: str) -> dict[str, str]:
    """Candidate → class of the style sheet; no two side by side have the same."""
    others = [name for name in names if name != baseline]
    return {baseline: "is-grey", **{name: f"colour-{number}" for number, name in enumerate(others)}}
