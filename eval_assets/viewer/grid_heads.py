"""The heads of a grid's columns, and on which examples a column can be held against the baseline."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eval_assets.config.candidate import Candidate
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.measures import Measure, mean_text
from eval_assets.viewer.chosen import Chosen
from eval_assets.viewer.column_rows import ColumnRows
from eval_assets.viewer.grid_rows import Held
from eval_assets.viewer.grid_selection import Changes, changes


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column: its mean as the report writes it, and how it compares with the baseline.

    Args:
        name: How it is called.
        candidate: `model@prompt`.
        is_baseline: Whether others are compared with it.
        mean: By the view's metric.
        changes: Null for the baseline, and where scores were made otherwise than the baseline's.
        said: Which state it is, of which evaluation; empty for a candidate as it is now.
        n_other_rows: Examples of which it answered another text than the baseline did.
        is_scored_otherwise: Whether the view's metric was another one, or another version, than the baseline's.
    """

    name: str
    candidate: str
    is_baseline: bool
    mean: str
    changes: Changes | None
    said: str = ""
    n_other_rows: int = 0
    is_scored_otherwise: bool = False


def column_head(chosen: Chosen, name: str) -> Column:
    """The head of a column, by the view's metric."""
    view, index = chosen.view, chosen.index
    column = index.columns[name]
    head = Column(
        name,
        candidate=Candidate.of_row(column.cell),
        is_baseline=name == view.base,
        mean="" if view.metric is None else _mean(chosen.report, column, view.metric),
        changes=None,
        said=column.said,
        n_other_rows=int(index.is_other_row(name, view.base).sum()),
        is_scored_otherwise=not index.is_scored_alike(name, view.base, view.metric),
    )
    if head.is_baseline or head.is_scored_otherwise:
        return head
    return replace(head, changes=changes(index, view, name, greater_is_better=chosen.greater_is_better))


def held_of(chosen: Chosen, rows: NDArray[np.int64]) -> dict[str, Held]:
    """Example → what columns can be held against the baseline by."""
    view, index = chosen.view, chosen.index
    otherwise = frozenset(
        (name, metric)
        for name in view.columns
        for metric in view.scores
        if not index.is_scored_alike(name, view.base, metric)
    )
    other = {name: index.is_other_row(name, view.base)[rows] for name in view.columns}
    return {
        example_id: Held(frozenset(name for name, marks in other.items() if marks[place]), otherwise)
        for place, example_id in enumerate(index.example_ids.gather(rows.tolist()))
    }


def _mean(report: EvaluationReport, column: ColumnRows, metric: str) -> str:
    """A column's mean as the leaderboard writes it; empty for a metric that answers with labels."""
    if report.answers_with_labels(metric):
        return ""
    if not column.is_own:
        known = {column.name: column.means[metric]} if metric in column.means else {}
        return mean_text(Measure(metric, metric, None, known), column.name)
    rows = {one.name: one.metrics[metric] for one in report.candidates if metric in one.metrics}
    return mean_text(Measure(metric, metric, None, rows), column.name)
