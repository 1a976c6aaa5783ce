"""From the name of a column to its rows: which evaluation, which of its states, and how that state was scored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from eval_assets.config.candidate import Candidate
from eval_assets.config.column_name import ColumnName
from eval_assets.config.problems import nearest
from eval_assets.errors import ViewError
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.changes_text import state_text
from eval_assets.reports.states.lineage import COMPUTED, ComputedState, values_of
from eval_assets.reports.states.recorded_means import recorded_means
from eval_assets.reports.states.timeline import row_versions
from eval_assets.stages.former_states import StateBook
from eval_assets.storage.tracing.trace_ids import datasets_of_evaluations
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import inputs_recorded
from eval_assets.viewer.column_rows import ColumnRows

STATE_TABLES = (*COMPUTED, "releases", "evaluations", "comparison")
"""Where none of these has a new version, the states of an evaluation are the same."""
MOST_BOOKS = 8
SHOWN_STATE = 12
"""Characters of a state's id in an address."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A column that can be chosen: how it is called, and what it is in words."""

    name: str
    said: str


class ColumnFinder:
    """Finds columns; what is known of an evaluation's states is kept until tables change.

    Args:
        warehouse: The tables.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._books: dict[str, tuple[tuple[Any, ...], StateBook]] = {}
        self._lock = Lock()

    def columns(self, report: EvaluationReport, names: Iterable[str]) -> dict[str, ColumnRows]:
        """Column → where its rows lie.

        Args:
            report: Of the evaluation that is looked at.
            names: Of the columns.

        Raises:
            ViewError: There is no such candidate, evaluation or state, or it is one of another dataset.
            ConfigError: A state is named in a form that there is not.
        """
        own = {str(candidate) for candidate in report.evaluation.candidates}
        evaluation = report.evaluation.name
        if own.issuperset(names := tuple(names)):
            return {name: ColumnRows.present(evaluation, name) for name in names}
        return {
            name: self._own(evaluation, name) if name in own else self._found(report, ColumnName.parsed(name))
            for name in names
        }

    def offered(
        self, report: EvaluationReport, shown: Sequence[str]
    ) -> tuple[dict[str, list[Offered]], dict[str, list[Offered]]]:
        """What can be a column besides those shown.

        Args:
            report: Of the evaluation that is looked at.
            shown: Columns.

        Returns:
            Candidate that is shown → its former states, the latest first; other evaluation over the same dataset → its
            candidates that were computed.
        """
        evaluation = report.evaluation.name
        known = self.columns(report, shown).values()
        said = {(each.cell["evaluation"], Candidate.of_row(each.cell), each.said) for each in known}
        former = {
            name: [state for state in self._states(evaluation, name) if (evaluation, name, state.said) not in said]
            for name in shown
            if name in report.evaluation.candidates
        }
        elsewhere: dict[str, list[Offered]] = {}
        datasets = datasets_of_evaluations(self._warehouse)
        for commit in self._warehouse.last_commits("predictions").values():
            cell = values_of(commit)
            other, candidate = cell["evaluation"], Candidate.of_row(cell)
            name = f"{other}:{candidate}"
            if other != evaluation and datasets.get(other) == report.evaluation.file.dataset and name not in shown:
                elsewhere.setdefault(other, []).append(Offered(name, candidate))
        return former, dict(sorted(elsewhere.items()))

    def _states(self, evaluation: str, candidate: str) -> list[Offered]:
        """The former states of a candidate, the latest first."""
        if not (visits := self._book(evaluation).visits(candidate)):
            return []
        found: dict[str, Offered] = {}
        for visit in reversed(visits[:-1]):
            if visit.state.state != visits[-1].state.state:
                name = str(ColumnName(Candidate(candidate), state=visit.state.state[:SHOWN_STATE]))
                found.setdefault(name, Offered(name, f"as of {state_text(visit.began_at, visit.run_ids[0])}"))
        return list(found.values())

    def _own(self, evaluation: str, candidate: str) -> ColumnRows:
        """A candidate of the evaluation itself, held against other columns."""
        rows = ColumnRows.present(evaluation, candidate)
        book = self._book(evaluation)
        now = book.current(candidate)
        return rows if now is None else replace(rows, scoring=scoring_of(book, now.state))

    def _found(self, report: EvaluationReport, name: ColumnName) -> ColumnRows:
        evaluation = name.evaluation or report.evaluation.name
        if name.evaluation:
            self._refuse_other_dataset(report, name)
        book = self._book(evaluation)
        if not (visits := book.visits(name.candidate)):
            known = sorted(book.candidates)
            said = f"expected a candidate of {evaluation} that was computed, got {name.candidate!r:.120}"
            raise ViewError(f"column {str(name)!r:.120}: {said}; {nearest(name.candidate, known)}")
        chosen = book.chosen(name.candidate, name.state, None) if name.state else book.current(name.candidate)
        if chosen is None:
            raise ViewError(f"{name.candidate} has no state {name.state!r:.80}; {book.known_states()}")
        state = chosen.state
        is_former = state.state != visits[-1].state.state
        means = recorded_means(self._warehouse, [state]).get((state.key, state.state), ())
        where = [f"of the evaluation {evaluation}"] if name.evaluation else []
        when = [f"as of {state_text(chosen.began_at, chosen.run_id)}"] if is_former or name.state else []
        return ColumnRows(
            str(name),
            state.cell,
            versions=row_versions(state) if is_former else None,
            is_own=False,
            said=", ".join([*where, *when]),
            scoring=scoring_of(book, state),
            means={row["metric"]: row for row in means},
            held_by=state.commits if is_former else {},
        )

    def _refuse_other_dataset(self, report: EvaluationReport, name: ColumnName) -> None:
        datasets = datasets_of_evaluations(self._warehouse)
        if name.evaluation not in datasets:
            said = f"expected an evaluation that was computed, got {name.evaluation!r:.80}"
            raise ViewError(f"column {str(name)!r:.120}: {said}; {nearest(name.evaluation, sorted(datasets))}")
        mine, theirs = report.evaluation.file.dataset, datasets[name.evaluation]
        if mine != theirs:
            said = f"expected an evaluation over the dataset {mine!r}, {name.evaluation!r} is over {theirs!r}"
            raise ViewError(f"column {str(name)!r:.120}: {said}: they have no rows in common")

    def _book(self, evaluation: str) -> StateBook:
        with self._lock:
            versions = tuple(self._warehouse.version(table) for table in STATE_TABLES)
            kept = self._books.pop(evaluation, None)
            if kept is None or kept[0] != versions:
                kept = (versions, StateBook(self._warehouse, evaluation))
            self._books[evaluation] = kept
            while len(self._books) > MOST_BOOKS:
                self._books.pop(next(iter(self._books)))
            return kept[1]


def scoring_of(book: StateBook, state: ComputedState) -> Mapping[str, str]:
    """Metric or judge → what decided its scores in a state; one that isn't known any more is left out."""
    stored = book.evaluation_of(state, "heuristic_metrics")
    metrics = {} if stored is None else stored.content["metric_fingerprints"]
    commit = state.commits.get("judge_scores")
    made_from = {} if commit is None else inputs_recorded(commit)
    judges = {
        name: data_version
        for table, _, name, data_version in ((*place.partition("/"), version) for place, version in made_from.items())
        if table == "judges"
    }
    return {**metrics, **judges}
