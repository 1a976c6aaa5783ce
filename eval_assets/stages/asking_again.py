"""Asking a model anew for one row of a cell. What becomes of the reply is in `storage.replies.asked_again`."""

import uuid
from collections.abc import Mapping
from typing import Any

import polars as pl

from eval_assets.errors import BudgetExceededError, EditError
from eval_assets.providers.dispatch.jobs import Job
from eval_assets.providers.traits import provider_of
from eval_assets.requests.keys import lane_of, request_key
from eval_assets.stages.answer_rows import PredictionRow, Unanswerable, prediction_row
from eval_assets.stages.cell_inputs import CellInputs, read_cell_inputs, stored_documents, stored_examples
from eval_assets.stages.engine_room import EngineRoom, PartitionRun
from eval_assets.stages.graph import Cell
from eval_assets.stages.predictions import prediction_jobs
from eval_assets.stages.spending import Spending
from eval_assets.storage.locks import exclusive
from eval_assets.storage.replies.asked_again import DISCARDED, FAILED, KEPT, WAITING, all_asked, note, use_reply

Row = Mapping[str, Any]


def ask_again(room: EngineRoom, prediction: Row, *, max_cost_usd: float | None = None) -> dict[str, Any]:
    """Ask the model once more for a row, as its cell did; a reply that waits for a decision is returned instead.

    Args:
        room: Project, warehouse, reply store and providers.
        prediction: A row of `predictions`.
        max_cost_usd: Most that the request may cost, worst case; null: as the evaluation's file says.

    Returns:
        The row of `asked_again`, whose state is `waiting`, or `failed` where no reply came.

    Raises:
        EditError: The row can't be asked for as it was, or its model has nothing else to say.
        BudgetExceededError: It could cost more; nothing was sent.
        EvalAssetsError: As the engine does.
    """
    place, run_id = _cell_of(prediction), f"view-{uuid.uuid4()}"
    with exclusive(room.state_dir / "asked-again.lock", label=run_id):
        for row in all_asked(room.warehouse, place.evaluation).iter_rows(named=True):
            if row["prediction_id"] == prediction["prediction_id"] and row["state"] == WAITING:
                return row
        inputs = read_cell_inputs(room.warehouse, place)
        job, lane = _job(room, inputs, prediction)
        _refuse_unbounded(room, inputs, max_cost_usd)
        terms = Spending(cache="refresh", max_cost_usd=max_cost_usd, sending="at_once")
        run = PartitionRun("predictions", place.key, terms, run_id)
        with room.engine_aside(inputs.model, inputs.evaluation, run, prediction["prediction_id"]) as engine:
            (answer,) = engine.answers([job], 1)
        asked = {
            **prediction_row(inputs, job.tag, answer, run_id=run_id),
            "asking_id": run_id,
            "lane": lane,
            "former_response_id": prediction["response_id"],
            "former_output": prediction["output"],
            "former_outcome": prediction["outcome"],
        }
        return note(room.warehouse, asked, FAILED if answer.response_id is None else WAITING)


def decide(room: EngineRoom, evaluation: str, asking_id: str, *, keeps: bool) -> dict[str, Any]:
    """Make a reply that waits the one of its row, from the next run on, or leave the row as it is.

    Raises:
        EditError: There is none of that id, it was decided on, or the row has another reply than it had.
        StorageError: The reply is gone.
    """
    warehouse = room.warehouse
    with exclusive(room.state_dir / "asked-again.lock", label=asking_id):
        rows = all_asked(warehouse, evaluation).filter(asking_id=asking_id).to_dicts()
        if not rows or rows[0]["state"] == FAILED:
            raise EditError(f"expected a reply that waits for a decision, got {asking_id!r:.80}")
        row = rows[0]
        if row["state"] == (KEPT if keeps else DISCARDED):
            return row
        if row["state"] != WAITING:
            raise EditError(f"this reply was {row['state']} already, at {row['said_at']:%d %b %Y, %H:%M} UTC")
        if keeps:
            _refuse_overtaken(room, row)
            use_reply(warehouse, row["lane"], row["response_id"])
        return note(warehouse, row, KEPT if keeps else DISCARDED)


def _cell_of(row: Row) -> Cell:
    return Cell(row["evaluation"], row["model"], row["prompt"])


def _job(room: EngineRoom, inputs: CellInputs, prediction: Row) -> tuple[Job[PredictionRow], str]:
    """The request of a row, and the lane of its replies."""
    name, model = f"{inputs.cell.candidate} on {prediction['example_id']!r:.80}", inputs.model.model
    if provider_of(model).is_recorded:
        raise EditError(f"{name}: the replies of {model.name} are recorded in a file; there is nobody to ask again")
    said: list[Unanswerable] = []
    wanted = inputs.rows.filter(pl.col("example_id") == prediction["example_id"])
    jobs = prediction_jobs(inputs, stored_examples(wanted, inputs.evaluation), lambda _, why: said.append(why))
    found = [job for job in jobs if job.tag.sample_index == prediction["sample_index"]]
    if said:
        raise EditError(f"{name}: nothing can be sent: {said[0].error}")
    identity, _ = room.identity(inputs.model, stored_documents(room.warehouse, inputs.evaluation.file.dataset))
    if not found or request_key(identity, found[0].request) != prediction["request_key"]:
        raise EditError(
            f"{name}: prompt, model or example were read anew since this was answered, so that the request would be "
            f"another one: `eval-assets run {inputs.cell.evaluation}` first"
        )
    return found[0], lane_of(identity)


def _refuse_unbounded(room: EngineRoom, inputs: CellInputs, max_cost_usd: float | None) -> None:
    name = inputs.model.model.name
    known = room.project.models.get(name)
    file = inputs.model.model.file if known is None else known.item.file
    if max_cost_usd is not None and not file.prices.are_known:
        raise BudgetExceededError(
            f"nothing was sent: no price is stated for {name}, so that dollars bound nothing; without a bound "
            "one request is sent, or state `prices` in the model's file"
        )


def _refuse_overtaken(room: EngineRoom, row: Row) -> None:
    """Keeping must not replace a reply that nobody compared it with."""
    now = room.warehouse.scan("predictions", _cell_of(row).partition).filter(
        pl.col("prediction_id") == row["prediction_id"]
    )
    found = now.select("response_id").collect()["response_id"].to_list()
    if found != [row["former_response_id"]]:
        raise EditError("the row was answered anew by a run since this reply was asked for; discard it and ask again")
