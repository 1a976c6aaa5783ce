"""What there is to ask about one place of a plan, step by step, before its run: examples, verdicts, pairs.

When each step is taken is decided in `asking_ahead`. A model whose weights are loaded here isn't asked ahead.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from eval_assets.config.evaluation import Evaluation
from eval_assets.config.project import Project
from eval_assets.judges.asking import Talks
from eval_assets.judges.pairwise import conversations_between
from eval_assets.judges.panels import conversations_on
from eval_assets.providers.dispatch.ahead import Ahead, Together
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.providers.dispatch.jobs import Job
from eval_assets.providers.identity import lane_of_model
from eval_assets.providers.traits import provider_of
from eval_assets.stages.answer_rows import PredictionRow, prediction_row
from eval_assets.stages.cell_inputs import (
    CellInputs,
    StoredJudge,
    StoredModel,
    count_examples,
    read_cell_inputs,
    read_judge,
    stored_examples,
    versioned_rows,
)
from eval_assets.stages.edges import upstream_of
from eval_assets.stages.engine_room import EngineRoom, PartitionRun
from eval_assets.stages.graph import Cell, Place, WholeEvaluation, all_judges_of, judge_models_of
from eval_assets.stages.pairwise_preferences import compared_pairs, predictions_of
from eval_assets.stages.predictions import prediction_jobs
from eval_assets.stages.spending import Spending
from eval_assets.stages.stage import Computation
from eval_assets.storage.batches import batches_by_position

BATCH_ROWS = 1_000

Step = Callable[[], Coroutine[Any, Any, object]]
"""One example, or one pair, from its first request to its last."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One partition of a plan whose requests are sent ahead.

    Args:
        place: A cell, or an evaluation as a whole.
        tables: Of the place, those that will be written.
        run_id: The run that will write them.
        rank: Requests of a lower rank start first.
    """

    place: Place
    tables: Collection[str]
    run_id: str
    rank: int


@dataclass(slots=True)
class Work:
    """Everything to ask about one place.

    Args:
        engines: Those that are asked.
        steps: Read lazily, in any one thread at a time; nothing is sent before a step is taken.
    """

    engines: list[Engine] = field(default_factory=list)
    steps: Iterator[Step] = field(default_factory=lambda: iter(()))

    @property
    def n_at_once(self) -> int:
        """How many requests may be under way, by the file of the model that is asked first."""
        return self.engines[0].limits.max_concurrency if self.engines else 1


def lanes_asked(project: Project, places: Collection[Place]) -> set[str]:
    """Where replies of all models are kept that these places may ask."""
    judges = {judge for place in places for judge in all_judges_of(project, place.evaluation)}
    models = {place.model for place in places if isinstance(place, Cell)}
    models |= {model for judge in judges for model in judge_models_of(project, judge)}
    return {lane_of_model(project.model(model)) for model in models if model in project.models}


def work_of(room: EngineRoom, asked: Asked, spending: Spending, together: Together, talks: Talks) -> Work:
    """What there is to ask about a place, from the tables that its run will read.

    Args:
        room: Opens the engines; the run of the place takes them over.
        asked: The place.
        spending: What may be spent.
        together: What all engines share that are asked ahead.
        talks: Holds the judges' conversations.

    Raises:
        EvalAssetsError: A table can't be read, or a policy is unknown; the run of the place raises it, too.
    """
    work = Work()

    def open_engine(model: StoredModel, evaluation: Evaluation, table: str) -> Ahead | None:
        provider = provider_of(model.model)
        if provider.loads_weights or provider.is_recorded or spending.policy(evaluation) == "replay":
            return None
        run = PartitionRun(table, asked.place.key, spending, asked.run_id)
        work.engines.append(room.engine_ahead(model, evaluation, run, rank=asked.rank, together=together))
        return work.engines[-1].ahead

    if isinstance(asked.place, WholeEvaluation):
        work.steps = _pairs(room, asked, spending, talks, open_engine)
    else:
        work.steps = _examples(room, asked, asked.place, talks, open_engine, work)
    return work


_Opener = Callable[[StoredModel, Evaluation, str], Ahead | None]


def _examples(
    room: EngineRoom, asked: Asked, cell: Cell, talks: Talks, open_engine: _Opener, work: Work
) -> Iterator[Step]:
    inputs = read_cell_inputs(room.warehouse, cell)
    ahead = open_engine(inputs.model, inputs.evaluation, "predictions") if "predictions" in asked.tables else None
    judging = _Judging.of(room, inputs.evaluation, talks, open_engine) if "judge_scores" in asked.tables else None
    if ahead is not None:
        n_examples = count_examples(inputs.rows, inputs.evaluation)
        work.engines[0].expect(None if n_examples is None else n_examples * inputs.evaluation.file.samples)
        answering = _Answering(inputs, ahead, judging, asked.run_id)
        jobs = prediction_jobs(inputs, stored_examples(inputs.rows, inputs.evaluation), lambda *_: None)
        return (partial(answering.answer, job) for job in jobs)
    if judging is None or "predictions" in asked.tables:
        return iter(())
    _, rows = versioned_rows(room.warehouse, "predictions", cell.partition)
    batches = batches_by_position(rows, batch_rows=BATCH_ROWS)
    return (partial(judging.judge, row) for batch in batches for row in batch.iter_rows(named=True))


def _pairs(room: EngineRoom, asked: Asked, spending: Spending, talks: Talks, open_engine: _Opener) -> Iterator[Step]:
    upstream = upstream_of(room.project, "pairwise_preferences", asked.place.key)
    run = Computation(room, "pairwise_preferences", asked.place.key, upstream, spending, asked.run_id)
    evaluation, _ = run.evaluation()
    inputs = run.inputs()
    pairs = compared_pairs(evaluation, inputs)
    if evaluation.file.pairwise is None or not pairs:
        return iter(())
    judge = read_judge(room.warehouse, evaluation.file.pairwise.judge)
    model = judge.models[judge.judge.file.model or ""]
    ahead = open_engine(model, evaluation, "pairwise_preferences")
    if ahead is None:
        return iter(())
    outputs = partial(predictions_of, inputs.snapshots["predictions"], asked.place.partition)
    models = {model.model.name: model.model}
    return (
        partial(talks.hold, talked_to, conversation, ahead.ask)
        for first, second in pairs
        for talked_to, conversation in conversations_between(
            outputs(first), outputs(second), judge.judge, models=models, formats=room.formats
        )
    )


@dataclass(frozen=True, slots=True)
class _Judging:
    """Asks the judges of an evaluation about predictions, as far as their models are asked ahead."""

    judges: Sequence[StoredJudge]
    askers: Mapping[str, Ahead]
    talks: Talks
    room: EngineRoom

    @classmethod
    def of(cls, room: EngineRoom, evaluation: Evaluation, talks: Talks, open_engine: _Opener) -> "_Judging | None":
        judges = [read_judge(room.warehouse, name) for name in evaluation.file.judges]
        models = {name: model for judge in judges for name, model in judge.models.items()}
        opened = {name: open_engine(model, evaluation, "judge_scores") for name, model in models.items()}
        askers = {name: ahead for name, ahead in opened.items() if ahead is not None}
        return cls(judges, askers, talks, room) if askers else None

    async def judge(self, prediction: Mapping[str, Any]) -> None:
        talks = [
            self.talks.hold(model, conversation, self.askers[model.name].ask)
            for judge in self.judges
            for model, conversation in conversations_on(
                prediction,
                judge.judge,
                models={name: model.model for name, model in judge.models.items()},
                formats=self.room.formats,
                jurors=judge.jurors,
            )
            if model.name in self.askers
        ]
        # All go as far as they can, also where one waits for a batch.
        said = await asyncio.gather(*talks, return_exceptions=True)
        if (broken := next((one for one in said if isinstance(one, BaseException)), None)) is not None:
            raise broken


@dataclass(frozen=True, slots=True)
class _Answering:
    """Asks a cell's model, and the judges as soon as it has replied."""

    inputs: CellInputs
    ahead: Ahead
    judging: _Judging | None
    run_id: str

    async def answer(self, job: Job[PredictionRow]) -> None:
        answer = await self.ahead.ask(job.request)
        if self.judging is not None:
            await self.judging.judge(prediction_row(self.inputs, job.tag, answer, run_id=self.run_id))
