"""Scores that tell apart what other answers did and what another way of scoring did, without sending anything.

Former answers are scored again by the present metrics, which compute; of judges only what was ever asked is known.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import polars as pl
from pydantic import ValidationError

from eval_assets.config.evaluation import Evaluation
from eval_assets.judges.panels import judge_predictions
from eval_assets.metrics.registry import metric_fingerprint
from eval_assets.metrics.scoring.prediction_scores import score_predictions
from eval_assets.reports.computed.scores import score_rows
from eval_assets.reports.computed.state_effects import (
    FORMER_ANSWERS,
    NOT_SCORED,
    NOT_TOLD_APART,
    PRESENT_ANSWERS,
    SCORED_TOO,
    Between,
)
from eval_assets.reports.states.lineage import ComputedState
from eval_assets.stages.cell_inputs import StoredJudge, stored_documents, stored_judge_of
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.former_states import StateBook
from eval_assets.stages.stored_answers import StoredAnswers
from eval_assets.tables.cell_tables import HEURISTIC_METRICS, JUDGE_SCORES

IMPLEMENTATION = ["metric", "version", "parameters_sha256", "signature"]


@dataclass(frozen=True, slots=True)
class StateRows:
    """The rows of one state of a candidate.

    Args:
        state: The state.
        predictions: Its replies.
        heuristic: Its scores by metrics.
        judged: Its verdicts.
    """

    state: ComputedState
    predictions: pl.DataFrame
    heuristic: pl.DataFrame
    judged: pl.DataFrame

    @property
    def scores(self) -> pl.DataFrame:
        """All scores, as `score_rows` makes them."""
        return score_rows(self.heuristic, self.judged)


def scores_between(
    room: EngineRoom,
    book: StateBook,
    evaluation: Evaluation,
    former: StateRows,
    now: StateRows,
    *,
    same: Collection[str],
    other: Collection[str],
) -> dict[str, Between]:
    """Metric or judge → scores that tell the two causes apart; for those whose scoring changed, or that are new.

    Args:
        room: Project, warehouse and reply store.
        book: The states of the evaluation.
        evaluation: As stored.
        former: The earlier state.
        now: The later one.
        same: Examples that both have word for word.
        other: Those of them that were answered otherwise; without any the present scores are those of the former
            answers.
    """
    metrics, judges = list(_changed_metrics(book, former, now)), list(_changed_judges(former, now))
    scores, had = now.scores, set(former.scores["metric"].unique())

    def scored_as_now(name: str, rows: pl.DataFrame) -> Between:
        return Between(FORMER_ANSWERS if name in had else SCORED_TOO, rows)

    def unknown(name: str) -> Between:
        return Between(NOT_TOLD_APART if name in had else NOT_SCORED, scores.clear())

    if not other:
        return {name: scored_as_now(name, scores.filter(pl.col("metric") == name)) for name in [*metrics, *judges]}
    rescored = _rescored(room, book, evaluation, former, now, metrics)
    found = {name: scored_as_now(name, rescored[name]) if name in rescored else unknown(name) for name in metrics}
    answers_before, answers_now = (
        rows.predictions.filter(pl.col("example_id").is_in(list(same))) for rows in (former, now)
    )
    for name in judges:
        by_present = _verdicts(room, evaluation, _judge_in(book, now.state, name), answers_before)
        by_former = None
        if by_present is None:
            by_former = _verdicts(room, evaluation, _judge_in(book, former.state, name), answers_now)
        if by_present is not None:
            found[name] = scored_as_now(name, by_present)
        else:
            found[name] = unknown(name) if by_former is None else Between(PRESENT_ANSWERS, by_former)
    return found


def _changed_metrics(book: StateBook, former: StateRows, now: StateRows) -> Iterator[str]:
    """Metrics of the present state that another version, other parameters or other code computed before, or none."""
    before, after = (book.part(rows.state, "heuristic_metrics") or {} for rows in (former, now))
    fingerprints = [part.get("metrics", {}) for part in (before, after)]
    implementations = [set(rows.heuristic.select(IMPLEMENTATION).unique().rows()) for rows in (former, now)]
    for metric in now.heuristic["metric"].unique(maintain_order=True):
        own = [{row for row in each if row[0] == metric} for each in implementations]
        if fingerprints[0].get(metric) != fingerprints[1].get(metric) or own[0] != own[1]:
            yield metric


def _changed_judges(former: StateRows, now: StateRows) -> Iterator[str]:
    for judge in now.judged["judge"].unique(maintain_order=True):
        place = f"judges/{judge}"
        if former.state.made_from.get(place) != now.state.made_from.get(place):
            yield judge


def _rescored(
    room: EngineRoom,
    book: StateBook,
    evaluation: Evaluation,
    former: StateRows,
    now: StateRows,
    wanted: Sequence[str],
) -> dict[str, pl.DataFrame]:
    """Former answers scored by the metrics as they stand, as far as those are the ones that gave the present scores."""
    if not wanted:
        return {}
    metrics = room.versions.metrics(evaluation)
    stored = (book.part(now.state, "heuristic_metrics") or {}).get("metrics", {})
    usable = {metric.label for metric in metrics if stored.get(metric.label) == metric_fingerprint(metric)}
    frames = score_predictions(
        [former.predictions], metrics, previous=now.heuristic.lazy(), cell=now.state.cell, run_id=""
    )
    scores = score_rows(pl.concat([pl.DataFrame(schema=HEURISTIC_METRICS), *frames]), pl.DataFrame(schema=JUDGE_SCORES))
    return {name: scores.filter(pl.col("metric") == name) for name in wanted if name in usable}


def _judge_in(book: StateBook, state: ComputedState, name: str) -> StoredJudge | None:
    """A judge as a state was made with it; null if it wasn't, or that version isn't known any more."""
    version = book.file_of(state, f"judges/{name}")
    if not version:
        return None
    try:
        return stored_judge_of(json.loads(version["content"]), version["version"], version["content_sha256"])
    except ValidationError:  # written by a release that took what this one refuses
        return None


def _verdicts(
    room: EngineRoom, evaluation: Evaluation, judge: StoredJudge | None, predictions: pl.DataFrame
) -> pl.DataFrame | None:
    """What a judge said of answers, from stored replies; null where it was never asked about one of them."""
    if judge is None:
        return None
    documents = stored_documents(room.warehouse, evaluation.file.dataset)
    askers = {
        name: StoredAnswers(model, room.identity(model, documents)[0], room.store, missing_as="error")
        for name, model in judge.models.items()
    }
    frames = list(
        judge_predictions(
            [predictions],
            [judge.judge],
            askers,
            models={name: model.model for name, model in judge.models.items()},
            formats=room.formats,
            run_id="",
            jurors=judge.jurors,
        )
    )
    if any(asker.n_missing for asker in askers.values()):
        return None
    return score_rows(pl.DataFrame(schema=HEURISTIC_METRICS), pl.concat(frames))
