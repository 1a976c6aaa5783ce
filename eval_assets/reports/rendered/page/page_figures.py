"""Plots of a report as SVG, by matplotlib without its global state: for files, the Dagster UI and the HTML report.

Text stays text, and is drawn in one neutral grey that reads on white and on black.
"""

import io
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eval_assets.reports.computed.history import TrendPoint
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.measures import best_first, side_by_side

INK = "#767676"
# Okabe and Ito's colours, told apart by the colour-blind too; the baseline is grey.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
BASELINE_COLOUR = "#8a8f98"

# The SVG writer reads its settings from a global mapping, so two threads must not draw at once.
_DRAWING = threading.Lock()

Axes = Any
Draw = Callable[[Axes], None]


def leaderboard_svg(report: EvaluationReport, metric: str) -> str:
    """Draw each candidate's mean with its interval; a pale band shows where unscored rows could move the mean."""
    rows = [(candidate, candidate.metrics[metric]) for candidate in best_first(report) if metric in candidate.metrics]

    def draw(axes: Axes) -> None:
        for place, (candidate, row) in enumerate(rows):
            colour = _colours(report)[candidate.name]
            worst, best = row["mean_if_missing_worst"], row["mean_if_missing_best"]
            if row["n_scored"] < row["n_total"] and worst is not None and best is not None:
                axes.plot([worst, best], [place, place], color=colour, alpha=0.25, linewidth=9, solid_capstyle="butt")
            if row["ci_low"] is not None:
                axes.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=2)
            if row["mean"] is not None:
                axes.plot(row["mean"], place, "o", color=colour)
        labels = [_label(candidate.name, row) for candidate, row in rows]
        axes.set_yticks(range(len(rows)), labels)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel(metric)

    return _svg(draw, height=0.9 + 0.42 * max(1, len(rows)))


def cost_quality_svg(report: EvaluationReport, metric: str) -> str:
    """Draw the mean against what a thousand predictions cost; a candidate without a price is left out."""

    def draw(axes: Axes) -> None:
        for candidate in side_by_side(report):
            row, speed = candidate.metrics.get(metric), candidate.performance
            if row is None or row["mean"] is None or not speed.n_predictions or speed.cost_usd is None:
                continue
            cost = 1000 * speed.cost_usd / speed.n_predictions
            colour = _colours(report)[candidate.name]
            if row["ci_low"] is not None:
                axes.plot([cost, cost], [row["ci_low"], row["ci_high"]], color=colour, linewidth=2)
            axes.plot(cost, row["mean"], "o", color=colour, label=candidate.name)
        axes.set_xlabel("dollars per 1,000 predictions")
        axes.set_ylabel(metric)
        _legend(axes)

    return _svg(draw)


def trend_svg(points: Mapping[str, Sequence[TrendPoint]], metric: str, *, baseline: str | None = None) -> str:
    """Draw means over time, a line per candidate; a ring marks a point where an input had changed.

    Args:
        points: `model@prompt` → its points, oldest first.
        metric: Labels the axis.
        baseline: The candidate drawn in grey.
    """
    colours = _colours_of(list(points), baseline)

    def draw(axes: Axes) -> None:
        for name, own in points.items():
            known = [point for point in own if point.mean is not None]
            times, means = [point.recorded_at for point in known], [point.mean for point in known]
            axes.plot(times, means, color=colours[name], label=name, linewidth=1.5, marker=".", markersize=5)
            bounded = [point for point in known if point.ci_low is not None]
            axes.fill_between(
                [point.recorded_at for point in bounded],
                [point.ci_low for point in bounded],
                [point.ci_high for point in bounded],
                color=colours[name],
                alpha=0.12,
                linewidth=0,
            )
            changed = [point for point in known if point.changes]
            axes.plot(
                [point.recorded_at for point in changed],
                [point.mean for point in changed],
                "o",
                markerfacecolor="none",
                color=colours[name],
                markersize=9,
            )
        axes.set_ylabel(metric)
        axes.figure.autofmt_xdate(rotation=0, ha="center")
        axes.xaxis.set_major_locator(_few_dates())
        _legend(axes)

    return _svg(draw)


def inline_svg(svg: str, *, label: str, number: int) -> str:
    """Prepare an SVG to stand inside an HTML page: ids of its own, text in the page's colour, a name for screen
    readers.

    >>> inline_svg('<?xml version="1.0"?><svg id="a" width="1pt" height="2pt">#767676</svg>', label="x", number=3)
    '<svg role="img" aria-label="x" id="p3-a">currentColor</svg>'
    """
    body = svg[svg.index("<svg") :].strip()
    body = re.sub(r' (width|height)="[\d.]+pt"', "", body, count=2).replace(INK, "currentColor")
    body = re.sub(r'\bid="', f'id="p{number}-', body)
    body = re.sub(r'(href="|url\()#', rf"\g<1>#p{number}-", body)
    escaped = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return body.replace("<svg", f'<svg role="img" aria-label="{escaped}"', 1)


def _label(name: str, row: Mapping[str, Any]) -> str:
    return name if row["n_scored"] == row["n_total"] else f"{name}\n{row['n_scored']:,} of {row['n_total']:,} scored"


def _colours(report: EvaluationReport) -> dict[str, str]:
    return _colours_of([candidate.name for candidate in report.candidates], report.baseline)


def _colours_of(names: Sequence[str], baseline: str | None) -> dict[str, str]:
    others = [name for name in names if name != baseline]
    chosen = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(others)}
    return {name: chosen.get(name, BASELINE_COLOUR) for name in names}


def _few_dates() -> Any:
    from matplotlib.dates import AutoDateLocator

    return AutoDateLocator(minticks=2, maxticks=6)


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, labelcolor=INK, fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def _svg(draw: Draw, *, width: float = 5.2, height: float = 3.0) -> str:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    draw(axes)
    text = io.StringIO()
    with _DRAWING, rc_context({"svg.fonttype": "none", "svg.hashsalt": "eval-assets", "font.family": "sans-serif"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return text.getvalue()
