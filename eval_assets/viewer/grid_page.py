"""The grid: examples from top to bottom, candidates from left to right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from eval_assets.viewer.chosen import Chosen, greater_is_better
from eval_assets.viewer.column_finding import ColumnFinder
from eval_assets.viewer.default_view import DefaultViews, usual_view, view_yaml
from eval_assets.viewer.grid_choices import choices
from eval_assets.viewer.grid_csv import MOST_EXPORTED, grid_csv
from eval_assets.viewer.grid_heads import Column, column_head, held_of
from eval_assets.viewer.grid_rows import GridRow, grid_row
from eval_assets.viewer.grid_selection import selected
from eval_assets.viewer.grid_texts import page_texts
from eval_assets.viewer.grid_view import GridView, address, read_view
from eval_assets.viewer.page_writing import rendered
from eval_assets.viewer.people_marks import PeopleMarks, judge_of
from eval_assets.viewer.score_index import IndexShelf, Marks, ScoreIndex
from eval_assets.viewer.text_search import TextMarks, dataset_columns
from eval_assets.viewer.viewed_project import ViewedProject


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
        self._finder = ColumnFinder(project.warehouse)
        self._texts = TextMarks()
        self._people = PeopleMarks()
        self._defaults = DefaultViews(project, self._finder)
        self._of_rows: tuple[object, tuple[str, ...]] = (None, ())

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
            doubt=chosen.doubt,
            judge=judge_of(chosen.report, view.metric),
            as_yaml=view_yaml(view, usual_view(chosen.report)),
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

    def more_columns(self, name: str, asked: Sequence[tuple[str, str]], *, is_part: bool) -> str:
        """What can be a column besides the evaluation's candidates: as a page, or as a part of the grid's form.

        Raises:
            StorageError: The evaluation was never computed.
            ViewError: The address asks for something that there is not.
        """
        report = self._project.summary(name)
        view = read_view(report, self._defaults.of(report)[0], asked)
        former, elsewhere = self._finder.offered(report, view.columns)
        fields = [pair for pair in asked if pair[0] not in ("c", "page")]
        return rendered(
            "columns.html.j2",
            can_edit=self._project.can_edit,
            name=name,
            view=view,
            is_part=is_part,
            kept=[*(("c", column) for column in view.columns), *fields],
            former=former,
            elsewhere=elsewhere,
            dataset=report.evaluation.file.dataset,
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
        return grid_csv(self._project.warehouse, self.chosen(name, asked))

    def chosen(self, name: str, asked: Sequence[tuple[str, str]]) -> Chosen:
        """What an address asks for; raises as `page` does."""
        report = self._project.summary(name)
        (default, doubt), warehouse = self._defaults.of(report), self._project.warehouse
        view = read_view(report, default, asked)
        own = map(str, report.evaluation.candidates)
        shown = [column for column in (*view.columns, view.of) if column]
        index = self._shelf.index(warehouse, self._finder.columns(report, dict.fromkeys([*own, *shown])).values())
        also: list[Marks] = []
        if view.q:
            also.append(self._texts.found(warehouse, index, view.columns, query=view.q, where=view.where))
        if view.slice:
            column, _, value = view.slice.partition("=")
            also.append(self._texts.sliced(warehouse, index, column, value))
        up = greater_is_better(report, view.metric)
        if view.human:
            also.append(self._people.marks(self._project, report, index, view))
        rows = selected(index, view, greater_is_better=up, also=also)
        return Chosen(report, view, default, index, rows, self._dataset_columns(index), doubt)

    def _dataset_columns(self, index: ScoreIndex) -> tuple[str, ...]:
        """Columns that examples have, read anew when a cell was written."""
        known = self._of_rows
        if known[0] != index.version:
            known = self._of_rows = (index.version, dataset_columns(self._project.warehouse, index))
        return known[1]

    def _rows(self, chosen: Chosen, rows: NDArray[np.int64]) -> list[GridRow]:
        view, index = chosen.view, chosen.index
        directions = {metric: chosen.report.facts(metric)["greater_is_better"] for metric in view.scores}
        examples = page_texts(self._project.warehouse, index, chosen.report, view, rows.tolist())
        failed = {
            name: dict(zip(index.example_ids.gather(rows.tolist()), index.candidates[name].n_failed[rows], strict=True))
            for name in view.columns
            if name in index.candidates
        }
        held, people = held_of(chosen, rows), self._people_of(chosen)
        found = []
        for example in examples:
            example_id = example.outputs.example_id
            n_failed = {name: int(of.get(example_id, 0)) for name, of in failed.items()}
            labels = {name: said[example_id] for name, said in people.items() if example_id in said}
            found.append(grid_row(example, view, directions, n_failed, held[example_id], labels))
        return found

    def _people_of(self, chosen: Chosen) -> dict[str, dict[str, str]]:
        """Column → example → which label people gave, where the view is about that."""
        view = chosen.view
        if not view.human:
            return {}
        found = self._people.labelled(self._project, chosen.report, chosen.index, view.metric, view.columns)
        return {name: dict(frame.select("example_id", "said").rows()) for name, frame in found.items()}


def _opened(view: GridView, default: GridView, example_id: str, trace: str = "") -> str:
    """The query of an example's address: which, and the grid it is opened from."""
    own = [("id", example_id), *([("trace", trace)] if trace else [])]
    return "&".join(filter(None, [urlencode(own), address(view, default, page=view.page)]))
