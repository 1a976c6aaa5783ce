"""The stage that shows a judge the outputs of two candidates side by side. How it is asked is in `judges.pairwise`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation
from eval_assets.judges.formats import FormatMemory
from eval_assets.judges.pairwise import preference_counts, preferences_between
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.reports.computed.pairwise_results import pairwise_results
from eval_assets.reports.performance import known_sum
from eval_assets.stages.cell_inputs import StoredJudge, StoredModel, read_judge
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.judge_scores import CODE_VERSION as ASKING_VERSION
from eval_assets.stages.stage import Computation
from eval_assets.stages.stored_inputs import StoredInputs
from eval_assets.storage.snapshots import Snapshot
from eval_assets.storage.versions import StoredVersion
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import Written, provenance
from eval_assets.tables.evaluation_tables import PAIRWISE_PREFERENCES

CODE_VERSION = f"{ASKING_VERSION}+2"
PAIRS_AT_ONCE = 1_000

EngineOpener = Callable[[StoredModel], AbstractContextManager[Engine]]


def compute_pairwise_preferences(run: Computation) -> Written:
    """Ask a judge which of two candidates' outputs is better, if the evaluation wants that."""
    evaluation, stored = run.evaluation()
    return write_preferences(
        evaluation,
        partial(run.engine, evaluation=evaluation),
        inputs=run.inputs(),
        stored=stored,
        formats=run.room.formats,
        warehouse=run.room.warehouse,
        run_id=run.run_id,
    )


def write_preferences(
    evaluation: Evaluation,
    open_engine: EngineOpener,
    *,
    inputs: StoredInputs,
    stored: StoredVersion,
    formats: FormatMemory,
    warehouse: Warehouse,
    run_id: str,
) -> Written:
    """Ask which of two outputs is better, for each pair of candidates the evaluation compares, and replace its answers.

    Nothing is sent, and the tables become empty, where the evaluation doesn't ask for it.

    Args:
        evaluation: The evaluation, as stored.
        open_engine: Opens the engine of the judge's model.
        inputs: What it is made from; of the candidates, those computed so far.
        stored: The version of the evaluation that was given.
        formats: Which reply formats the endpoints understand.
        warehouse: Where predictions, judges and preferences lie.
        run_id: The run that writes.

    Raises:
        EvalAssetsError: As the engine does; the former answers stay, and replies received are kept.
    """
    name, partition = evaluation.name, {"evaluation": evaluation.name}
    frames = [pl.DataFrame(schema=PAIRWISE_PREFERENCES)]
    pairs = compared_pairs(evaluation, inputs)
    made_from = {**inputs.versions, f"evaluations/{name}": stored.content_sha256}
    if evaluation.file.pairwise is not None and pairs:
        judge = read_judge(warehouse, evaluation.file.pairwise.judge)
        made_from[f"judges/{judge.judge.name}"] = judge.data_version
        model = judge.models[judge.judge.file.model or ""]
        with open_engine(model) as engine:
            for pair in pairs:
                frames += _compared(pair, judge, model, engine, partition, formats, inputs, run_id=run_id)
    preferences = pl.concat(frames)
    results = pairwise_results(
        preferences, confidence=evaluation.file.confidence, seed=evaluation.file.seed, run_id=run_id
    )
    # Who asks again and hears the same has changed nothing.
    told = preferences.drop("run_id", "requested_at"), results.drop("run_id")
    data_version = content_sha256([frame.to_dicts() for frame in told])
    recorded = provenance(run_id=run_id, data_version=data_version, code_version=CODE_VERSION, inputs=made_from)
    warehouse.replace("pairwise_results", results, partition, recorded)
    commit = warehouse.replace("pairwise_preferences", preferences, partition, recorded)
    return Written(data_version, commit, preferences.height, _facts(preferences))


def _compared(
    pair: tuple[Candidate, Candidate],
    judge: StoredJudge,
    model: StoredModel,
    engine: Engine,
    partition: Mapping[str, str],
    formats: FormatMemory,
    inputs: StoredInputs,
    *,
    run_id: str,
) -> Iterator[pl.DataFrame]:
    first, second = (predictions_of(inputs.snapshots["predictions"], partition, candidate) for candidate in pair)
    for chunk in first.iter_slices(PAIRS_AT_ONCE):
        yield preferences_between(
            chunk,
            second,
            judge.judge,
            {model.model.name: engine},
            models={model.model.name: model.model},
            formats=formats,
            run_id=run_id,
        )


def compared_pairs(evaluation: Evaluation, inputs: StoredInputs) -> list[tuple[Candidate, Candidate]]:
    """The pairs of candidates that an evaluation compares, of those computed so far."""
    return [
        pair
        for pair in evaluation.compared_pairs
        if all(f"predictions/{evaluation.name}:{candidate}" in inputs.versions for candidate in pair)
    ]


def predictions_of(predictions: Snapshot, partition: Mapping[str, str], candidate: Candidate) -> pl.DataFrame:
    """Predictions of one candidate in dataset order."""
    rows = predictions.scan({**partition, **candidate.columns})
    return rows.sort("position", "sample_index").collect()


def _facts(preferences: pl.DataFrame) -> dict[str, Any]:
    if preferences.is_empty():
        return {"note": "the evaluation doesn't ask for pairwise comparisons"}
    counts = preference_counts(preferences)
    return {
        "n_pairs": counts.n_total,
        "n_judged": counts.n_judged,
        "flip_rate": counts.flip_rate,
        "cost_usd": known_sum(preferences["cost_usd"]),
    }
