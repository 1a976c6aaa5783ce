"""What the HTML report shows of slices: a row each, the largest difference first, with means drawn on one axis."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval_assets.reports.candidate_report import CandidateReport
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.measures import in_points, side_by_side
from eval_assets.reports.rendered.page.page_data import Line, line_on
from eval_assets.reports.rendered.page.page_marks import axis_of
from eval_assets.reports.rendered.ranked_slices import (
    RankedSlice,
    difference_text,
    ranked_slices,
    slices_caption,
    small_text,
)

MOST_CELLS = 3_200  # of all slices together, at about 600 bytes, so that the page stays below 10 MB


@dataclass(frozen=True, slots=True)
class SliceLine:
    """One slice: its difference in words, and each shown candidate's mean on the axis of all slices."""

    slice: RankedSlice
    difference: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class PageSlices:
    """The section on slices.

    Args:
        caption: What they are ranked by.
        columns: That split the dataset.
        candidates: Shown beside each other.
        is_in_points: Whether differences are in points of 0.01.
        lines: The first so many slices.
        n_more: Slices that are left out.
        small: How many slices say little; empty where none does.
    """

    caption: str
    columns: tuple[str, ...]
    candidates: Sequence[CandidateReport]
    is_in_points: bool
    lines: tuple[SliceLine, ...]
    n_more: int
    small: str


def page_slices(report: EvaluationReport) -> PageSlices | None:
    """Lay out the slices by the primary metric; null where there are none."""
    slices = ranked_slices(report)
    if not slices:
        return None
    shown = side_by_side(report)
    metric = slices[0].measure.metric
    facts = report.facts(metric)
    rows = [row for one in slices for row in one.measure.rows.values()]
    axis = axis_of(
        [row[end] for row in rows for end in ("ci_low", "ci_high", "mean")],
        low=facts["lowest_possible"],
        high=facts["highest_possible"],
    )
    first_ones = slices[: MOST_CELLS // len(shown)]
    lines = tuple(
        SliceLine(
            one,
            difference_text(report, one),
            tuple(line_on(candidate, one.measure.rows.get(candidate.name), None, axis) for candidate in shown),
        )
        for one in first_ones
    )
    caption = slices_caption(report)
    return PageSlices(
        caption=f"{caption[0].upper()}{caption[1:]}.",
        columns=tuple(dict.fromkeys(one.column for one in slices)),
        candidates=shown,
        is_in_points=in_points(report, metric),
        lines=lines,
        n_more=len(slices) - len(first_ones),
        small=small_text(slices),
    )
