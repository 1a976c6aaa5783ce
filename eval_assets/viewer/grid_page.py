"""The grid: examples from top to bottom, candidates from left to right. Also written as CSV, exactly as it is shown."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.exports.spreadsheet_text import csv_text
from eval_assets.reports.rendered.measures import Measure, mean_text
from eval_assets.viewer.grid_rows import GridRow, grid_row, page_outputs
from eval_assets.viewer.grid_selection import Changes, changes, selected
from eval_assets.viewer.grid_view import (
    DIFF,
    LINES,
    PER_PAGE,
    SHOW,
    SORT,
    WHERE,
    GridView,
    address,
    checked,
    default_view,
    read_view,
)
from eval_assets.viewer.page_writing import rendered
from eval_assets.viewer.score_index import IndexShelf, Marks, ScoreIndex
from eval_assets.viewer.text_search import TextMarks
from eval_assets.viewer.viewed_project import ViewedProject

OUTCOMES = ("ok", "tool_call", "empty", "error", "refused", "truncated", "unparsed", "skipped")
MOST_EXPORTED = 10_000
"""Examples in one CSV: more are what `eval-assets report --format csv --rows` is for."""
A_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a candidate's column: its mean as the report writes it, and how it compares with the baseline."""

    name: str
    is_baseline: bool
    mean: str
    changes: Changes | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an address asks for, found: the view, and which rows of the index it shows."""

    report: EvaluationReport
    view: GridView
    default: GridView
    index: ScoreIndex
    rows: NDArray[np.int64]

    @property
    def greater_is_better(self) -> bool:
        """Direction of the metric; a metric without one counts upwards."""
        return _greater_is_better(self.report, self.view.metric)

    def neighbours(self, example_id: str) -> tuple[str | None, str | None]:
        """The examples before and after one in the grid; null at its ends, and for one that it doesn't show."""
        ids = self.index.example_ids.gather(self.rows.tolist())
        place = ids.index_of(example_id)
        if place is None:
            return None, None
        before = ids[place - 1] if place else None
        return before, ids[place + 1] if place + 1 < ids.len() else None


@dataclass(frozen=True, slots=True)
class ShownGrid:
    """The first page of a grid as another page shows it; `opened` writes the query of an example's address."""

    name: str
    view: GridView
    columns: tuple[Column, ...]
    rows: tuple[GridRow, ...]
    opened: Callable[..., str]


class GridPages:
    """Writes grids; keeps the numbers of evaluations, and what was searched for, between requests."""

    def __init__(self, project: ViewedProject) -> None:
        self._project = project
        self._shelf = IndexShelf()
        self._texts = TextMarks()

    def page(self, name: str, asked: Sequence[tuple[str, str]]) -> str:
        """The page that an address asks for.

        Raises:
            StorageError: The evaluation was never computed.
            ViewError: The address asks for something that there is not.
        """
        chosen = self.chosen(name, asked)
        view, per = chosen.view, int(chosen.view.per)
        n_pages = max(1, -(-len(chosen.rows) // per))
        view = replace(view, page=min(view.page, n_pages))
        first = (view.page - 1) * per
        rows = self._rows(chosen, chosen.rows[first : first + per])
        return rendered(
            "grid.html.j2",
            can_edit=self._project.can_edit,
            name=name,
            version=self._project.version(name),
            report=chosen.report,
            view=view,
            default=chosen.default,
            address=lambda **changed: address(view, chosen.default, **changed),
            opened=partial(_opened, view, chosen.default),
            kept_query=address(view.unfiltered, chosen.default),
            columns=[column_head(chosen, candidate) for candidate in view.columns],
            rows=rows,
            first=first,
            n_found=len(chosen.rows),
            n_examples=chosen.index.n_examples,
            n_pages=n_pages,
            n_exported=MOST_EXPORTED,
            choices=choices(chosen),
        )

    def shown(self, name: str, asked: Sequence[tuple[str, str]]) -> ShownGrid:
        """The first page of what an address asks for; raises as `page` does."""
        chosen = self.chosen(name, asked)
        view = chosen.view
        columns = tuple(column_head(chosen, candidate) for candidate in view.columns)
        rows = tuple(self._rows(chosen, chosen.rows[: int(view.per)]))
        return ShownGrid(name, view, columns, rows, partial(_opened, view, chosen.default))

    def table(self, name: str, asked: Sequence[tuple[str, str]]) -> str:
        """The examples that an address asks for, all pages of them, as CSV: the columns and scores of the view."""
        chosen = self.chosen(name, asked)
        view = replace(chosen.view, lines="all", diff="none")
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        head = [f"{what} of {column}" for column in view.columns for what in ("output", "outcome", *view.scores)]
        writer.writerow(["example_id", "inputs", "targets", *head])
        for start in range(0, min(len(chosen.rows), MOST_EXPORTED), A_CHUNK):
            part = chosen.rows[start : min(start + A_CHUNK, MOST_EXPORTED)]
            for example in page_outputs(self._project.warehouse, chosen.index, chosen.report, view, part.tolist()):
                values: list[object] = [example.example_id, example.inputs, example.targets]
                for answer in example.answers:
                    scores = [answer.scores.get(metric) for metric in view.scores]
                    labels = [answer.labels.get(metric) for metric in view.scores]
                    pairs = zip(scores, labels, strict=True)
                    values += [
                        answer.said,
                        answer.outcome,
                        *(label if score is None else score for score, label in pairs),
                    ]
                writer.writerow([_plain(value) for value in values])
        return written.getvalue()

    def chosen(self, name: str, asked: Sequence[tuple[str, str]]) -> Chosen:
        """What an address asks for; raises as `page` does."""
        report = self._project.summary(name)
        default, warehouse = default_view(report), self._project.warehouse
        view = read_view(report, default, asked)
        index = self._shelf.index(warehouse, name, report.evaluation.candidates)
        also: list[Marks] = []
        if view.q:
            also.append(self._texts.found(warehouse, index, name, view.columns, query=view.q, where=view.where))
        if view.slice:
            column, _, value = view.slice.partition("=")
            also.append(self._texts.sliced(warehouse, index, name, column, value))
        up = _greater_is_better(report, view.metric)
        rows = selected(index, view, greater_is_better=up, also=also)
        return Chosen(report, view, default, index, rows)

    def _rows(self, chosen: Chosen, rows: NDArray[np.int64]) -> list[GridRow]:
        view, index = chosen.view, chosen.index
        directions = {metric: chosen.report.facts(metric)["greater_is_better"] for metric in view.scores}
        examples = page_outputs(self._project.warehouse, index, chosen.report, view, rows.tolist())
        failed = {
            name: dict(zip(index.example_ids.gather(rows.tolist()), index.candidates[name].n_failed[rows], strict=True))
            for name in view.columns
            if name in index.candidates
        }
        return [
            grid_row(
                example,
                view,
                directions,
                {name: int(of.get(example.example_id, 0)) for name, of in failed.items()},
            )
            for example in examples
        ]


def choices(chosen: Chosen) -> dict[str, list[tuple[str, str, bool]]]:
    """Field → what it can be set to: value, words, and whether the view has it so."""
    report, view = chosen.report, chosen.view
    return {
        "show": checked(SHOW, view.show),
        "sort": checked(SORT, view.sort),
        "where": checked(WHERE, view.where),
        "diff": checked(DIFF, view.diff),
        "lines": checked(LINES, view.lines),
        "per": checked(PER_PAGE, view.per),
        "metric": checked({metric: metric for metric in report.metrics}, view.metric or ""),
        "of": checked({"": "any column", **{column: column for column in view.columns}}, view.of),
        "outcome": checked({"": "any outcome", **{outcome: outcome for outcome in OUTCOMES}}, view.outcome),
        "slice": checked(_slices(report), view.slice),
        "base": checked({one.name: one.name for one in report.candidates}, view.base),
    }


def _opened(view: GridView, default: GridView, example_id: str, trace: str = "") -> str:
    """The query of an example's address: which, and the grid it is opened from."""
    own = [("id", example_id), *([("trace", trace)] if trace else [])]
    return "&".join(filter(None, [urlencode(own), address(view, default, page=view.page)]))


def column_head(chosen: Chosen, candidate: str) -> Column:
    """The head of a candidate's column, by the view's metric."""
    view = chosen.view
    mean = "" if view.metric is None else _mean(chosen.report, candidate, view.metric)
    if candidate == view.base:
        return Column(candidate, is_baseline=True, mean=mean, changes=None)
    found = changes(chosen.index, view, candidate, greater_is_better=chosen.greater_is_better)
    return Column(candidate, is_baseline=False, mean=mean, changes=found)


def _mean(report: EvaluationReport, candidate: str, metric: str) -> str:
    """A candidate's mean as the leaderboard writes it; empty for a metric that answers with labels."""
    if report.answers_with_labels(metric):
        return ""
    rows = {one.name: one.metrics[metric] for one in report.candidates if metric in one.metrics}
    return mean_text(Measure(metric, metric, None, rows), candidate)


def _greater_is_better(report: EvaluationReport, metric: str | None) -> bool:
    return metric is None or metric not in report.metrics or report.facts(metric)["greater_is_better"] is not False


def _slices(report: EvaluationReport) -> Mapping[str, str]:
    rows = report.aggregates.select("slice_column", "slice_value").drop_nulls().unique(maintain_order=True).rows()
    return {"": "all slices", **{f"{column}={value}": f"{column}: {value}" for column, value in rows}}


def _plain(value: object) -> object:
    """A value for CSV: a text that a spreadsheet would compute is marked as text."""
    return csv_text(value) if isinstance(value, str) else value
