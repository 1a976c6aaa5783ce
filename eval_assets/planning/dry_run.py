"""A cell's stages without sending anything: which rows would be asked, judged, rescored, and what that would cost."""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import polars as pl

from eval_assets.config.datasets.examples import Example
from eval_assets.config.datasets.rows import read_documents, read_examples
from eval_assets.config.evaluation import Evaluation
from eval_assets.errors import ConfigError
from eval_assets.judges.panels import requests_for
from eval_assets.metrics.scoring.prediction_scores import rows_to_rescore
from eval_assets.planning.estimates import Demand, Estimate, estimate_of
from eval_assets.providers.dispatch.jobs import Policy
from eval_assets.requests.exchange import Request
from eval_assets.requests.keys import ModelIdentity, canonical_request, key_of
from eval_assets.stages.cell_inputs import (
    CellInputs,
    StoredJudge,
    StoredModel,
    chosen_examples,
    stored_judge_of,
    stored_model_of,
)
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.file_versions import FileVersions
from eval_assets.stages.graph import Cell
from eval_assets.stages.predictions import prediction_frames, prediction_jobs
from eval_assets.stages.spending import Spending
from eval_assets.stages.stored_answers import PENDING, StoredAnswers
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.replies.stored_replies import StoredReply

T = TypeVar("T")

Asked = defaultdict[str, set[str]]
"""Lane → keys of the requests that cells planned earlier would send: a run sends an identical one once."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run of one cell would do.

    Args:
        generate: Requests to the cell's model that would be sent, or wait in batches.
        judge: Likewise to judges; the first of each verdict, repairs and tree branches not counted.
        rescore: Predictions with at least one heuristic score to compute.
        reuse: Predictions whose reply is at hand, or will be when an identical request was answered.
        estimates: What the requests would cost, a line per model.
    """

    generate: int
    judge: int
    rescore: int
    reuse: int
    estimates: tuple[Estimate, ...]


class Lookup(StoredAnswers):
    """The engine's dry twin for one model: answers from the store, and counts what it would have to send."""

    def __init__(
        self,
        model: StoredModel,
        identity: ModelIdentity,
        store: ResponseStore,
        policy: Policy,
        asked: Asked,
        spending: Spending,
        not_before: datetime | None = None,
    ) -> None:
        super().__init__(model, identity, store)
        self.demand = Demand(model.model, is_in_batches=spending.is_in_batches(model.model))
        self._not_before = not_before if policy == "use" else None
        self._under_way = store.batches.under_way(self.lane)
        self._policy, self._retry = policy, spending.retry
        # A refresh sends every cell's requests anew.
        self._asked = set() if policy == "refresh" else asked[self.lane]

    def count_missing(self, requests: list[Request]) -> None:
        """Count those of the requests that have no stored reply, each once."""
        keyed: dict[str, tuple[str, Request]] = {}
        for request in requests:
            with contextlib.suppress(ConfigError):  # such a request fails without being sent
                canonical = canonical_request(self._identity, request)
                keyed[key_of(canonical)] = (canonical, request)
        for key in keyed.keys() - self._stored({key: request for key, (_, request) in keyed.items()}).keys():
            self._miss(key, *keyed[key])

    def _stored(self, requests: Mapping[str, Request]) -> dict[str, StoredReply]:
        """The stored replies that do, by key of the request."""
        found = {} if self._policy == "refresh" else super()._stored(requests)
        if (began := self._not_before) is not None:
            found = {key: stored for key, stored in found.items() if stored.reply.requested_at >= began}
        if self._retry is None:
            return found
        return {
            key: stored
            for key, stored in found.items()
            if not self._retry.wants(stored.reply, self._reading, has_tools=bool(requests[key].tools))
        }

    def _miss(self, key: str, canonical: str, request: Request) -> None:
        if key not in self._asked:
            self._asked.add(key)
            self.demand.add(request, canonical, is_under_way=key in self._under_way)


def dry_run(engine_room: EngineRoom, cell: Cell, policy: Policy, asked: Asked, spending: Spending) -> DryRun:
    """Go through a cell's stages with the files as they stand and the replies at hand.

    Args:
        engine_room: Project, warehouse and reply store.
        cell: The cell.
        policy: Cache policy of the run.
        asked: Requests of the cells that run before; those of this cell are added.
        spending: What the run asks for again, and what it sends in batches.

    Raises:
        ConfigError: A file can't be used.
    """
    versions = engine_room.versions
    evaluation = engine_room.project.evaluation(cell.evaluation)
    lookup, inputs, examples = _planned(engine_room, cell, policy, asked, spending)
    metrics = versions.metrics(evaluation)
    previous = engine_room.warehouse.scan("heuristic_metrics", cell.partition)
    judges = [planned_judge(versions, name) for name in evaluation.file.judges]
    judging = _Judging(engine_room, evaluation, judges, policy, asked, spending)
    n_rows, n_failed = 0, 0

    def frames() -> Iterator[pl.DataFrame]:
        for frame in prediction_frames(inputs, examples, lookup, run_id=PENDING):
            nonlocal n_rows, n_failed
            n_rows += frame.height
            n_failed += frame.filter(outcome="error").height
            judging.count(frame)
            yield frame

    if judges or not previous.limit(1).collect().is_empty():
        rescore = rows_to_rescore(frames(), metrics, previous, cell.partition)
    else:  # every row is scored for the first time, and nobody else reads it
        unrendered: list[str] = []
        jobs = prediction_jobs(inputs, examples, lambda _, why: unrendered.append(why.error))
        outcomes = Counter(answer.reply.outcome for answer in lookup.answers(jobs))
        n_unrendered = len(unrendered) * evaluation.file.samples
        n_rows, n_failed = outcomes.total() + n_unrendered, outcomes["error"] + n_unrendered
        rescore = n_rows if metrics else 0
    generate = lookup.demand.n_awaited
    demands = [(lookup.lane, lookup.demand), *((lane, demand) for lane, demand in judging.demands())]
    return DryRun(
        generate=generate,
        judge=sum(demand.n_awaited for _, demand in judging.demands()),
        rescore=rescore,
        reuse=n_rows - n_failed - generate,
        estimates=tuple(
            estimate_of(engine_room.warehouse, lane, demand) for lane, demand in demands if demand.n_awaited
        ),
    )


def planned_predictions(
    engine_room: EngineRoom, cell: Cell, policy: Policy, asked: Asked, spending: Spending
) -> tuple[Lookup, Iterator[pl.DataFrame]]:
    """A cell's predictions as a run would make them, `PENDING` where a request would be sent, and who counts those."""
    lookup, inputs, examples = _planned(engine_room, cell, policy, asked, spending)
    return lookup, prediction_frames(inputs, examples, lookup, run_id=PENDING)


def _planned(
    engine_room: EngineRoom, cell: Cell, policy: Policy, asked: Asked, spending: Spending
) -> tuple[Lookup, CellInputs, Iterator[Example]]:
    """What a cell would be made from with the files as they stand, and who looks its replies up."""
    project = engine_room.project
    evaluation = project.evaluation(cell.evaluation)
    model = _model_of(engine_room.versions, cell.model)
    dataset = project.dataset(evaluation.file.dataset)
    identity = planned_identity(engine_room, model, evaluation)
    not_before = engine_room.not_before(model.model)
    lookup = Lookup(model, identity, engine_room.store, policy, asked, spending, not_before)
    inputs = CellInputs(cell, evaluation, model, project.prompt(cell.prompt), 0, {})
    examples = chosen_examples(evaluation, read_examples(dataset, project.datasets_dir))
    return lookup, inputs, examples


@dataclass
class _Judging:
    """Counts the judgements that a cell's predictions would need."""

    engine_room: EngineRoom
    evaluation: Evaluation
    judges: list[StoredJudge]
    policy: Policy
    asked: Asked
    spending: Spending
    _lookups: dict[str, Lookup] = field(default_factory=dict)

    def count(self, predictions: pl.DataFrame) -> None:
        requests: dict[str, list[Request]] = {}
        for row in predictions.iter_rows(named=True):
            is_pending = row["error_kind"] == PENDING
            # A reply that is still to come gets a placeholder: its judgement can't be at hand.
            judged = {**row, "outcome": "ok", "output": row["request_key"]} if is_pending else row
            for judge in self.judges:
                for model, request in requests_for(
                    judged,
                    judge.judge,
                    models={name: stored.model for name, stored in judge.models.items()},
                    formats=self.engine_room.formats,
                    jurors=judge.jurors,
                ):
                    if model not in self._lookups:
                        self._lookups[model] = self._lookup(judge.models[model])
                    requests.setdefault(model, []).append(request)
        for model, asked in requests.items():
            self._lookups[model].count_missing(asked)

    def demands(self) -> list[tuple[str, Demand]]:
        return [(lookup.lane, lookup.demand) for lookup in self._lookups.values()]

    def _lookup(self, model: StoredModel) -> Lookup:
        identity = planned_identity(self.engine_room, model, self.evaluation)
        room = self.engine_room
        not_before = room.not_before(model.model)
        return Lookup(model, identity, room.store, self.policy, self.asked, self.spending, not_before)


def planned_identity(engine_room: EngineRoom, model: StoredModel, evaluation: Evaluation) -> ModelIdentity:
    """Who will answer in any stage of an evaluation, with the dataset's documents as their file stands."""
    dataset = engine_room.project.dataset(evaluation.file.dataset)
    identity, _ = engine_room.identity(model, read_documents(dataset, engine_room.project.datasets_dir))
    return identity


def _model_of(versions: FileVersions, name: str) -> StoredModel:
    return stored_model_of(versions.version("models", name).content, 0)


def planned_judge(versions: FileVersions, name: str) -> StoredJudge:
    """A judge as its files stand now, as a run would read it from its table."""
    version = versions.version("judges", name)
    return stored_judge_of(version.content, 0, version.sha256)
