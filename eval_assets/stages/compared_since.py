"""The candidates of an evaluation held against any former state of theirs, on request: nothing is sent or written."""

from collections.abc import Collection
from dataclasses import replace

from eval_assets.errors import ConfigError, StorageError
from eval_assets.reports.changes_report import ChangesReport, changes_report
from eval_assets.stages.cell_inputs import evaluation_of
from eval_assets.stages.changes import looked_at
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.former_states import PREVIOUS
from eval_assets.stages.releasing import chosen_candidates
from eval_assets.stages.state_comparison import ComparedStates, compare_with
from eval_assets.storage.versions import current_version


def compared_since(
    room: EngineRoom,
    evaluation: str,
    *,
    since: str = PREVIOUS,
    until: str | None = None,
    candidates: Collection[str] = (),
) -> ChangesReport:
    """Compare two states of each candidate.

    Args:
        room: Project, warehouse and reply store.
        evaluation: Its name.
        since: The earlier state, in one of the forms of `former_states`.
        until: The later one, likewise; null: the present one.
        candidates: Of these alone; default all.

    Raises:
        ConfigError: There is no such evaluation, candidate or state.
        StorageError: It was never computed, or maintenance has removed rows of a state.
    """
    declared = room.project.evaluation(evaluation)
    if room.warehouse.last_commit("evaluations", {"evaluation": evaluation}) is None:
        raise StorageError(f"{evaluation} has no results yet: `eval-assets run {evaluation}` computes them")
    stored = current_version(room.warehouse, "evaluations", evaluation)
    looked = looked_at(room, evaluation_of(stored), stored)
    parts: list[ComparedStates] = []
    for candidate in chosen_candidates(declared.candidates, candidates):
        present = looked.book.current(candidate)
        if present is None:
            continue
        now = present if until is None else looked.book.chosen(candidate, until, None)
        if now is not None:
            former = looked.book.chosen(candidate, since, now.state)
            parts.append(compare_with(looked, former, now, since=since, run_id=""))
    if not parts and until is None:
        raise StorageError(f"none of the candidates was ever computed: `eval-assets run {evaluation}` does it")
    if not parts:
        raise ConfigError(f"no candidate has a state {until!r}; {looked.book.known_states()}")
    together = ComparedStates.together(parts)
    if since != PREVIOUS and together.changes["former_state"].is_null().all():
        raise ConfigError(f"no candidate has another state {since!r}; {looked.book.known_states()}")
    found = changes_report(
        room.warehouse,
        looked.evaluation,
        together.changes,
        together.change_effects,
        together.paired_scores,
        since=since,
    )
    return found if until is None else replace(found, history=None)
