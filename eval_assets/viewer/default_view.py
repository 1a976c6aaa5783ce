"""What a grid shows before anybody chooses: what its author wrote into the evaluation file, else what is usual."""

import math
from collections.abc import Iterator
from dataclasses import fields
from threading import Lock
from typing import Any

import yaml

from eval_assets.config.grid_choice import GridChoice
from eval_assets.errors import ConfigError, RowsGoneError, ViewError
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.answer_table import tested_measures
from eval_assets.reports.rendered.measures import standings
from eval_assets.viewer.column_finding import ColumnFinder
from eval_assets.viewer.grid_view import IN_ADDRESS, NOTHING, GridView, read_view
from eval_assets.viewer.viewed_project import ViewedProject

FEW_COLUMNS = 4
"""Of so many candidates all are columns at first, of more the baseline and the two best others."""
FEW_SCORES = 4
IN_FILE = {"base": "baseline"}
"""Field of a view → what it is called in a file, where it is called otherwise."""


def usual_view(report: EvaluationReport) -> GridView:
    """The baseline and the best others, their scores by what decides: something to compare without a click."""
    others = [candidate.name for candidate in standings(report) if not candidate.is_baseline]
    few = len(others) if len(others) < FEW_COLUMNS else FEW_COLUMNS - 2
    decisive = [measure.metric for measure in tested_measures(report)]
    metrics = tuple(decisive or report.reading_order)[:FEW_SCORES]
    base = str(report.baseline)
    return GridView((base, *others[:few]), base, report.headline or next(iter(metrics), None), metrics)


class DefaultViews:
    """Default views as the files have them now; a file is read again when it has changed.

    Args:
        project: Whose files.
        finder: Of columns; null: one of its own.
    """

    def __init__(self, project: ViewedProject, finder: ColumnFinder | None = None) -> None:
        self._project, self._finder = project, finder or ColumnFinder(project.warehouse)
        self._kept: dict[str, tuple[object, GridChoice | str | None]] = {}
        self._lock = Lock()

    def of(self, report: EvaluationReport) -> tuple[GridView, str]:
        """The default view of an evaluation, and why it isn't the one of its file; empty where it is, or has none."""
        usual, name = usual_view(report), report.evaluation.name
        choice = self._choice(name)
        if choice is None:
            return usual, ""
        said = f"the view of data/evaluations/{name}.yaml can't be shown"
        if isinstance(choice, str):
            return usual, f"{said}: {choice}"
        try:
            view = read_view(report, usual, list(_as_address(choice)))
            named = [name for name in (*view.columns, view.of) if name]
            for column in self._finder.columns(report, named).values():
                column.scan(self._project.warehouse, "predictions")  # raises where its rows are gone
        except (ConfigError, ViewError, RowsGoneError) as error:
            return usual, f"{said}: {error}"
        return view, ""

    def _choice(self, name: str) -> GridChoice | str | None:
        """What the file says; a text says why it can't be read."""
        state = self._project.stamp_of(name)
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or kept[0] != state:
                kept = self._kept[name] = (state, None if state is None else self._read(name))
            return kept[1]

    def _read(self, name: str) -> GridChoice | str | None:
        try:
            return self._project.files().evaluation(name).file.view
        except ConfigError as error:
            return str(error)


def view_yaml(view: GridView, usual: GridView) -> str:
    """A view as it is written into an evaluation file: what is otherwise than usual.

    >>> usual = GridView(("a@p", "b@p"), "a@p", "f1", ("f1",))
    >>> print(view_yaml(GridView(("a@p", "b@p"), "a@p", "f1", ("f1",), show="flips", lines="6"), usual), end="")
    view:
      show: flips
      lines: 6
    """
    lines = ["view:"]
    for field in fields(GridView):
        value = getattr(view, field.name)
        if field.name != "page" and value != getattr(usual, field.name) and value is not None:
            lines.append(f"  {IN_FILE.get(field.name, field.name)}: {_in_yaml(field.name, value)}")
    return "\n".join(lines if len(lines) > 1 else ["view: {}"]) + "\n"


def _in_yaml(name: str, value: Any) -> str:
    """A value on one line."""
    stands = list(value) if isinstance(value, tuple) else value
    stands = int(value) if name in ("lines", "per") and value != "all" else stands
    return yaml.safe_dump([stands], default_flow_style=True, allow_unicode=True, width=math.inf).strip()[1:-1]


def _as_address(choice: GridChoice) -> Iterator[tuple[str, str]]:
    """What a file says, as an address would."""
    names = {in_file: name for name, in_file in IN_FILE.items()}
    for field, value in choice.model_dump(exclude_unset=True).items():
        name = names.get(field, field)
        for each in value if isinstance(value, tuple) else (value,):
            if each is not None:
                yield IN_ADDRESS.get(name, name), str(each)
        if name == "row" and not value:
            yield IN_ADDRESS[name], NOTHING
