"""Replies of functions that were saved to modules, kept under the keys that the saved files give them.

A reply was given by the very code that the module holds, which was compared: to ask again would be to pay twice.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from eval_assets.api.without_dagster import opened_room
from eval_assets.config.candidate import Candidate
from eval_assets.config.datasets.rows import read_examples
from eval_assets.config.model import Limits
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import Settings
from eval_assets.planning.dry_run import planned_identity
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.requests.exchange import Reply, Request
from eval_assets.requests.keys import ModelIdentity, request_key
from eval_assets.stages.cell_inputs import CellInputs, StoredModel, chosen_examples
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell
from eval_assets.stages.predictions import prediction_jobs
from eval_assets.storage.replies.stored_replies import REUSABLE


def carry_replies(settings: Settings, evaluation: str, predictions: Mapping[Candidate, pl.DataFrame]) -> None:
    """Keep replies under the keys of an evaluation that was written to files.

    Args:
        settings: Where files and replies lie.
        evaluation: The evaluation, by its file.
        predictions: Candidate, by its files → rows of the table of predictions whose replies are to be kept.
    """
    if not predictions:
        return
    with opened_room(settings, load_project(settings.data_dir, settings.warehouse_root)) as room:
        for candidate, rows in predictions.items():
            _carry(room, Cell(evaluation, candidate.model, candidate.prompt), rows)


def _carry(room: EngineRoom, cell: Cell, rows: pl.DataFrame) -> None:
    project = room.project
    evaluation, model = project.evaluation(cell.evaluation), project.model(cell.model)
    stored = StoredModel(model, room.versions.implementation(model), 0)
    identity = planned_identity(room, stored, evaluation)
    inputs = CellInputs(cell, evaluation, stored, project.prompt(cell.prompt), 0, {})
    examples = read_examples(project.dataset(evaluation.file.dataset), project.datasets_dir)
    replies = {
        (row["example_id"], row["sample_index"]): _reply(row)
        for row in rows.filter(pl.col("outcome").is_in(REUSABLE)).iter_rows(named=True)
    }
    asked = {
        (job.tag.example.example_id, job.tag.sample_index): job
        for job in prediction_jobs(inputs, chosen_examples(evaluation, examples), lambda *_: None)
    }
    jobs = [job for place, job in asked.items() if place in replies]
    known = {request_key(identity, job.request): replies[place] for place, job in asked.items() if place in replies}
    at_once = Limits(max_concurrency=64, start_concurrency=64)
    with Engine(
        identity=identity,
        client=_Known(identity, known),
        store=room.store,
        run_id=f"python-{uuid.uuid4()}",
        limits=at_once,
    ) as engine:
        for _ in engine.answers(jobs):
            pass


@dataclass(frozen=True, slots=True)
class _Known:
    """Answers with replies that are known, by the key of the request."""

    identity: ModelIdentity
    replies: Mapping[str, Reply]

    async def complete(self, request: Request) -> Reply:
        """The known reply."""
        return self.replies[request_key(self.identity, request)]

    async def aclose(self) -> None:
        """Nothing is open."""


def _reply(row: Mapping[str, object]) -> Reply:
    names = (
        "outcome", "output", "finish_reason", "latency_seconds", "requested_at", "prompt_tokens", "completion_tokens",
        "reasoning", "tool_calls", "trajectory", "extra", "first_token_seconds",
    )  # fmt: skip
    return Reply(**{name: row[name] for name in names})  # type: ignore[arg-type]  # columns of a table
