"""How candidates do on parts of the examples, the largest differences first. The numbers are those of
`aggregate_reports`; texts are made here once, and terminal, Markdown and page only lay them out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.reports.candidate_report import CandidateReport, Row
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.measures import Measure, in_points, side_by_side
from eval_assets.wording.numbers import count_text, number_text, points_text

FEW_EXAMPLES = 10
"""With fewer scored examples a slice stands after the others, however far its means lie apart."""

MOST_SLICES = 8
"""Slices in a terminal or a comment, besides those that are asked for."""


@dataclass(frozen=True, slots=True)
class RankedSlice:
    """The examples with one value of a column.

    Args:
        column: Of the dataset, as the dataset's card names it.
        value: One of its values.
        measure: The primary metric on these examples, by candidate.
        differs: The candidate furthest from the baseline, or the only one there is; null where none has a mean.
        difference: Its mean less the baseline's, on these examples; of a candidate that stands alone, less its mean on
            all examples.
        n_examples: Examples with a score: of the two that are compared the fewer.
    """

    column: str
    value: str
    measure: Measure
    differs: Candidate | None
    difference: float | None
    n_examples: int

    @property
    def title(self) -> str:
        """Column and value."""
        return f"{self.column} = {self.value}"

    @property
    def is_small(self) -> bool:
        """Whether so few examples are scored that a large difference says little."""
        return self.n_examples < FEW_EXAMPLES

    @property
    def improvement(self) -> float | None:
        """The difference, positive where it is for the better."""
        worse = self.measure.greater_is_better is False
        return -self.difference if worse and self.difference is not None else self.difference


def ranked_slices(report: EvaluationReport) -> list[RankedSlice]:
    """Every slice by the primary metric, the largest difference first, those of few examples last.

    Differences are those of the baseline and the best candidates, whose outputs are shown side by side; of a candidate
    that stands alone from its own mean on all examples.
    """
    metric = report.headline
    if metric is None:
        return []
    shown = side_by_side(report)
    sliced = report.aggregates.filter(pl.col("slice_column").is_not_null() & (pl.col("metric") == metric))
    found = [
        _slice(report, metric, (str(column), str(value)), part, shown)
        for (column, value), part in sliced.group_by("slice_column", "slice_value", maintain_order=True)
    ]
    return sorted(found, key=lambda one: (one.is_small, inf if one.difference is None else -abs(one.difference)))


def selected_slices(slices: Sequence[RankedSlice], wanted: Sequence[str]) -> list[RankedSlice]:
    """Those that are asked for, in their order.

    Args:
        slices: All there are.
        wanted: Columns, or a column and a value as `COLUMN=VALUE`.

    Raises:
        KeyError: The first that names neither.
    """
    columns = {one.column for one in slices}
    for name in wanted:
        if name not in columns and not any(f"{one.column}={one.value}" == name for one in slices):
            raise KeyError(name)
    return [one for one in slices if one.column in wanted or f"{one.column}={one.value}" in wanted]


def shown_slices(slices: Sequence[RankedSlice], wanted: Sequence[str]) -> list[RankedSlice]:
    """Those for a terminal or a comment: what is asked for, else the first few."""
    return selected_slices(slices, wanted) if wanted else list(slices[:MOST_SLICES])


def slices_caption(report: EvaluationReport) -> str:
    """What the slices are ranked by."""
    others = len(report.candidates) > 1
    far = "the largest differences from the baseline first" if others else "furthest from the mean of all first"
    return f"slices by {report.headline}, {far}; not tested: among many slices some differ by chance"


def small_text(slices: Sequence[RankedSlice]) -> str:
    """How many slices say little; empty where none does."""
    n_small = sum(one.is_small for one in slices)
    has = "has" if n_small == 1 else "have"
    return f"{count_text(n_small, 'slice')} {has} fewer than {FEW_EXAMPLES} scored examples" if n_small else ""


def difference_text(report: EvaluationReport, one: RankedSlice) -> str:
    """The difference of a slice, in points where scores lie from 0 to 1."""
    if in_points(report, one.measure.metric):
        return points_text(one.difference, unit="")
    return number_text(one.difference, sign=True)


def _slice(
    report: EvaluationReport, metric: str, place: tuple[str, str], part: pl.DataFrame, shown: Sequence[CandidateReport]
) -> RankedSlice:
    column, value = place
    rows: dict[str, Row] = {Candidate.of_row(row): row for row in part.iter_rows(named=True)}
    measure = Measure(metric, f"{column} = {value}", report.facts(metric)["greater_is_better"], rows)
    others = [one for one in shown if not one.is_baseline or len(shown) == 1]
    found = [
        (rows[one.name]["mean"] - reference["mean"], Candidate.of(one.model, one.prompt), reference)
        for one in others
        if (reference := _reference(report, metric, rows, one)) is not None
    ]
    if not found:
        return RankedSlice(column, value, measure, None, None, max(row["n_examples"] for row in rows.values()))
    difference, differs, reference = max(found, key=lambda each: abs(each[0]))
    return RankedSlice(
        column, value, measure, differs, difference, min(rows[differs]["n_examples"], reference["n_examples"])
    )


def _reference(report: EvaluationReport, metric: str, rows: dict[str, Row], one: CandidateReport) -> Row | None:
    """What a candidate's mean on a slice is held against; null where one of the two is missing."""
    reference = one.metrics.get(metric) if one.is_baseline else rows.get(report.baseline)
    means = [row["mean"] for row in (rows.get(one.name), reference) if row is not None]
    return reference if len(means) == 2 and None not in means else None  # noqa: PLR2004 - both
