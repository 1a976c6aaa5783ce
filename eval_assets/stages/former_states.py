"""Which former state of a candidate is meant: the one before, a released one, one named by version, day or run."""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl
from pydantic import ValidationError

from eval_assets.config.candidate import Candidate
from eval_assets.errors import ConfigError
from eval_assets.reports.states.lineage import COMPUTED, DESCRIBED, ComputedState, committed_at, computed_states
from eval_assets.reports.states.stored_files import StoredFiles
from eval_assets.reports.states.timeline import ROW_TABLES, Visit, timeline
from eval_assets.stages.evaluation_parts import (
    EvaluationContent,
    Part,
    heuristic_metrics_part,
    judge_scores_part,
    predictions_part,
)
from eval_assets.storage.versions import StoredVersion, all_versions
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import inputs_recorded

PREVIOUS, RELEASED, FIRST = "previous", "released", "first"
VERSION = re.compile(r"(?:(?P<kind>prompt|model|evaluation|judge)[: ])?v(?P<number>\d+)")
SHORTEST_PREFIX = 4
MOST_LISTED = 8

PARTS: Mapping[str, Callable[[EvaluationContent], Part]] = {
    "predictions": predictions_part,
    "heuristic_metrics": heuristic_metrics_part,
    "judge_scores": judge_scores_part,
}
"""Table of rows → the part of an evaluation that decides them."""

FORMS = (
    "previous, first, released, the name of a release, a version of the prompt such as v3 (or model:v2, judge:v2, "
    "evaluation:v4), a day or time such as 2026-11-20, or the beginning of a run's or a state's id"
)


@dataclass(frozen=True, slots=True)
class FormerState:
    """A state that was chosen, and how it is called."""

    state: ComputedState
    began_at: datetime
    run_id: str


class StateBook:
    """Every state of an evaluation's candidates, read once.

    Args:
        warehouse: The tables.
        evaluation: Its name.
    """

    def __init__(self, warehouse: Warehouse, evaluation: str) -> None:
        """Read commits and files; no rows."""
        self.warehouse, self.evaluation = warehouse, evaluation
        self.files = StoredFiles(warehouse)
        of_cells: dict[Candidate, list[ComputedState]] = {}
        for state in computed_states(warehouse, [evaluation]):
            of_cells.setdefault(state.candidate, []).append(state)
        self._visits = {candidate: timeline(states) for candidate, states in of_cells.items()}
        self._evaluations = {each.content_sha256: each for each in all_versions(warehouse, "evaluations", evaluation)}
        releases = warehouse.scan("releases", {"evaluation": evaluation}).sort("released_at", descending=True)
        self._releases = releases.collect()

    @property
    def candidates(self) -> list[Candidate]:
        """Every candidate that was ever computed."""
        return list(self._visits)

    def visits(self, candidate: str) -> list[Visit]:
        """The states of a candidate in their order, oldest first; empty if it was never computed."""
        return self._visits.get(Candidate(candidate), [])

    def current(self, candidate: str) -> FormerState | None:
        """The state that the tables hold; null for a candidate that was never computed."""
        visits = self.visits(candidate)
        return _as_chosen(visits[-1]) if visits else None

    def evaluation_of(self, state: ComputedState, table: str) -> StoredVersion | None:
        """The version of the evaluation that a table's rows were made from; null if it isn't known any more."""
        commit = state.commits.get(table)
        made_from = {} if commit is None else inputs_recorded(commit)
        return self._evaluations.get(made_from.get(f"evaluations/{self.evaluation}", ""))

    def part(self, state: ComputedState, table: str) -> Part | None:
        """What decided a table's rows of an evaluation; null if it isn't known any more."""
        stored = self.evaluation_of(state, table)
        if stored is None:
            return None
        try:
            return PARTS[table](EvaluationContent.of(stored.content))
        except ValidationError:  # written by a release that took what this one refuses
            return None

    def file_of(self, state: ComputedState, place: str) -> Mapping[str, Any]:
        """The version of a file that a state was made from; empty if none is known."""
        return self.files.version_of(place, state.made_from.get(place, ""), committed_at(state.commits[DESCRIBED]))

    def chosen(self, candidate: str, since: str, now: ComputedState | None) -> FormerState | None:
        """The state of a candidate that is meant; null where it has none.

        Args:
            candidate: `model@prompt`.
            since: One of `FORMS`.
            now: The state it is to be held against, which is never meant; null: the present one, which may be.

        Raises:
            ConfigError: It has another form, and is no release of the evaluation and no id.
        """
        visits = self.visits(candidate)
        before = visits if now is None else [visit for visit in visits if visit.state.state != now.state]
        if since == PREVIOUS:
            found = self._previous(visits, now or visits[-1].state) if visits else None
        elif since == FIRST:
            found = before[0] if before else None
        elif since == RELEASED:
            found = self._released(candidate, before + visits, self._releases)
        elif version := VERSION.fullmatch(since):
            kind, number = version["kind"] or "prompt", int(version["number"])
            found = _newest(before, lambda visit: number in self._versions(visit.state, kind))
        elif (moment := _moment_of(since)) is not None:
            found = _newest(before, lambda visit: visit.began_at <= moment)
        elif since in self._releases["release"]:
            found = self._released(candidate, before + visits, self._releases.filter(pl.col("release") == since))
        elif len(since) >= SHORTEST_PREFIX and self._is_id(since):
            found = _newest(before, lambda visit: any(each.startswith(since) for each in _ids(visit)))
        else:
            raise ConfigError(f"expected {FORMS}, got {since!r}; {self.known_states()}")
        return None if found is None else _as_chosen(found)

    def known_states(self) -> str:
        """The states there are, the newest first, in a line."""
        lines = [
            f"{candidate} of {visit.began_at:%Y-%m-%d %H:%M} UTC: prompt {self._numbers(visit.state)}, run "
            f"{visit.run_ids[0][:8]}"
            for candidate, visits in self._visits.items()
            for visit in reversed(visits)
        ]
        more = len(lines) - MOST_LISTED
        listed = "; ".join([*lines[:MOST_LISTED], *([f"and {more} more"] if more > 0 else [])])
        return f"its states are {listed}" if lines else f"{self.evaluation} was never computed"

    def _previous(self, visits: list[Visit], now: ComputedState) -> Visit | None:
        """The last state made from anything else.

        A trial on the first rows is none that a whole state is held against. States that differ in replies alone,
        because failed rows were asked again, are one.
        """
        place = max((number for number, visit in enumerate(visits) if visit.state.state == now.state), default=0)
        made_from = self._origin(now)
        earlier = [visit for visit in visits[:place] if self._origin(visit.state) != made_from]
        chosen = [visit for visit in earlier if self._is_trial(now) or not self._is_trial(visit.state)]
        return chosen[-1] if chosen else None

    def _released(self, candidate: str, visits: list[Visit], releases: pl.DataFrame) -> Visit | None:
        states = releases.filter(
            (pl.col("model") == Candidate(candidate).model) & (pl.col("prompt") == Candidate(candidate).prompt)
        )["state"]
        return _newest(visits, lambda visit: visit.state.state == states[0]) if len(states) else None

    def _origin(self, state: ComputedState) -> Hashable:
        """Everything that decided the rows of a state: files, parts of the evaluation, computations."""
        found: set[tuple[str, str]] = set()
        for table in ROW_TABLES:
            commit = state.commits.get(table)
            if commit is None:
                continue
            found.add((table, commit.metadata.get("code_version", "")))
            for place, data_version in inputs_recorded(commit).items():
                upstream = place.partition("/")[0]
                if upstream == "evaluations":
                    part = self.part(state, table)
                    found.add((f"{table} of {place}", data_version if part is None else repr(part)))
                elif upstream not in COMPUTED:
                    found.add((place, data_version))
        return frozenset(found)

    def _is_trial(self, state: ComputedState) -> bool:
        stored = self.evaluation_of(state, "predictions")
        return stored is not None and stored.content.get("limit") is not None

    def _versions(self, state: ComputedState, kind: str) -> set[int]:
        if kind == "evaluation":
            stored = [self.evaluation_of(state, table) for table in ROW_TABLES]
            return {each.version for each in stored if each is not None}
        places = [place for place in state.made_from if place.startswith(f"{kind}s/")]
        return {version["version"] for place in places if (version := self.file_of(state, place))}

    def _numbers(self, state: ComputedState) -> str:
        return ", ".join(f"v{number}" for number in sorted(self._versions(state, "prompt"))) or "?"

    def _is_id(self, text: str) -> bool:
        return any(
            each.startswith(text) for visits in self._visits.values() for visit in visits for each in _ids(visit)
        )


def _ids(visit: Visit) -> Iterator[str]:
    yield visit.state.state
    yield from visit.run_ids


def _newest(visits: list[Visit], condition: Callable[[Visit], bool]) -> Visit | None:
    return next((visit for visit in reversed(visits) if condition(visit)), None)


def _as_chosen(visit: Visit) -> FormerState:
    return FormerState(visit.state, visit.began_at, visit.run_ids[0])


def _moment_of(text: str) -> datetime | None:
    """A day, which begins at midnight UTC, or a time; null where the text is neither."""
    if not re.match(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
