"""Comparing candidates side by side without sending anything: how many requests that would take, at what cost."""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from eval_assets.judges.pairwise import preference_requests
from eval_assets.planning.dry_run import Asked, Lookup, planned_identity, planned_judge, planned_predictions
from eval_assets.planning.estimates import Estimate, estimate_of
from eval_assets.providers.dispatch.jobs import Policy
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell, parse_cell
from eval_assets.stages.pairwise_preferences import predictions_of
from eval_assets.stages.spending import Spending
from eval_assets.stages.stored_answers import PENDING
from eval_assets.tables.cell_tables import PREDICTIONS


@dataclass(frozen=True, slots=True)
class PairwisePlan:
    """What asking one evaluation's pairwise judge would take.

    Args:
        evaluation: Its name.
        judge: Requests that would be sent, or wait in batches, two for each pair of outputs; repairs are not counted.
        estimates: What they would cost; empty without any.
        causes: Why its comparisons are stale by themselves, one line each; empty where only outputs are new.
    """

    evaluation: str
    judge: int
    estimates: tuple[Estimate, ...]
    causes: tuple[str, ...] = ()


def plan_pairwise(
    engine_room: EngineRoom,
    evaluation: str,
    stale: Collection[Cell],
    policy: Policy,
    asked: Asked,
    spending: Spending,
) -> PairwisePlan | None:
    """Count an evaluation's comparisons side by side; null if it asks for none.

    Args:
        engine_room: Project, warehouse and reply store.
        evaluation: Its name.
        stale: Cells that will run before; the outputs of the others are taken as they lie.
        policy: Cache policy of the run.
        asked: Requests that are sent before; those of the comparisons are added.
        spending: What the run asks for again, and what it sends in batches.

    Raises:
        ConfigError: A file can't be used.
    """
    declared = engine_room.project.evaluation(evaluation)
    if declared.file.pairwise is None:
        return None
    judge = planned_judge(engine_room.versions, declared.file.pairwise.judge)
    model = judge.models[judge.judge.file.model or ""]
    identity = planned_identity(engine_room, model, declared)
    not_before = engine_room.not_before(model.model)
    lookup = Lookup(model, identity, engine_room.store, policy, asked, spending, not_before)
    outputs = {
        candidate: _outputs(engine_room, parse_cell(f"{evaluation}:{candidate}"), stale, policy, spending)
        for candidate in sorted({candidate for pair in declared.compared_pairs for candidate in pair})
    }
    for first, second in declared.compared_pairs:
        requests = preference_requests(
            outputs[first],
            outputs[second],
            judge.judge,
            models={model.model.name: model.model},
            formats=engine_room.formats,
        )
        lookup.count_missing(requests)
    demand = lookup.demand
    estimates = (estimate_of(engine_room.warehouse, lookup.lane, demand),) if demand.n_awaited else ()
    return PairwisePlan(evaluation, demand.n_awaited, estimates)


def _outputs(
    engine_room: EngineRoom, cell: Cell, stale: Collection[Cell], policy: Policy, spending: Spending
) -> pl.DataFrame:
    """A cell's predictions as they will be; an output that is still to come gets a placeholder of its own."""
    if cell not in stale:
        stored = engine_room.warehouse.snapshot("predictions")
        return predictions_of(stored, {"evaluation": cell.evaluation}, cell.candidate)
    _, frames = planned_predictions(engine_room, cell, policy, Asked(set), spending)
    is_pending = pl.col("error_kind") == PENDING
    rows = pl.concat([pl.DataFrame(schema=PREDICTIONS), *frames])
    return rows.with_columns(
        outcome=pl.when(is_pending).then(pl.lit("ok")).otherwise("outcome"),
        output=pl.when(is_pending).then("prediction_id").otherwise("output"),
    )
