"""The default view of an evaluation's grid: are its columns and metrics there?"""

from collections.abc import Collection, Iterator

from eval_assets.checking.provided_columns import ProvidedColumns
from eval_assets.config.column_name import ColumnName
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.problems import Location, Problem, nearest
from eval_assets.config.project import Loaded, Project
from eval_assets.errors import ConfigError

OF_EVERY_EXAMPLE = ("inputs", "targets", "context")
"""What an example may lack without anything being wrong."""


def view_problems(project: Project, loaded: Loaded[Evaluation], metrics: Collection[str]) -> Iterator[Problem]:
    """What is wrong with the `view` of an evaluation.

    Args:
        project: The loaded files.
        loaded: The evaluation.
        metrics: Labels of its metrics and names of its judges.
    """
    view = loaded.item.file.view
    if view is None:
        return
    named = [(("view", "columns", place), name) for place, name in enumerate(view.columns)]
    for location, name in (*named, (("view", "baseline"), view.baseline), (("view", "of"), view.of)):
        if name is not None and (said := _unknown_column(project, loaded.item, name)):
            yield _problem(loaded, location, said)
    scores = [(("view", "scores", place), name) for place, name in enumerate(view.scores)]
    for location, name in (*scores, (("view", "metric"), view.metric)):
        if name is not None and name not in metrics:
            said = f"expected a metric or judge of this evaluation, got {name!r}; {nearest(name, sorted(metrics))}"
            yield _problem(loaded, location, said)
    if view.human and not loaded.item.file.judges:
        said = f"expected a judge with which people agree or not, this evaluation has none; got {view.human!r}"
        yield _problem(loaded, ("view", "human"), said)


def view_row_problems(loaded: Loaded[Evaluation], columns: ProvidedColumns) -> Iterator[Problem]:
    """Columns of the dataset that a `view` shows and no row has."""
    view = loaded.item.file.view
    for place, name in enumerate(view.row if view else ()):
        if name not in OF_EVERY_EXAMPLE and not columns.has(name):
            said = f"expected a column of the dataset, got {name!r}; {nearest(name, columns.names)}"
            yield _problem(loaded, ("view", "row", place), said)


def _unknown_column(project: Project, evaluation: Evaluation, text: str) -> str:
    """Why there is no such column; empty where there may be. Which states there are, tables know."""
    try:
        name = ColumnName.parsed(text)
    except ConfigError as error:
        return str(error)
    of = evaluation
    if name.evaluation:
        if name.evaluation not in project.evaluations:
            known = nearest(name.evaluation, sorted(project.evaluations))
            return f"expected an evaluation that can be used, got {name.evaluation!r}; {known}"
        of = project.evaluation(name.evaluation)
        if of.file.dataset != evaluation.file.dataset:
            mine, theirs = evaluation.file.dataset, of.file.dataset
            return f"expected an evaluation over the dataset {mine!r}, {of.name!r} is over {theirs!r}"
    if name.candidate not in of.candidates:
        known = nearest(name.candidate, of.candidates)
        return f"expected a candidate of {of.name}, got {str(name.candidate)!r}; {known}"
    return ""


def _problem(loaded: Loaded[Evaluation], location: Location, said: str) -> Problem:
    """A problem at a field, or at the list that it is in where that is on one line."""
    return loaded.problem(location if location in loaded.lines else location[:2], said)
