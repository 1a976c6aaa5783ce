"""Rows of `predictions`, made column by column from the answers to what was asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from json.encoder import encode_basestring_ascii as _as_json
from operator import attrgetter
from typing import Any

import polars as pl

from eval_assets.config.datasets.examples import Example
from eval_assets.config.prompt import Prompt
from eval_assets.metrics.answers.valid_output import form_fault
from eval_assets.providers.dispatch.jobs import Answer
from eval_assets.providers.replies.logprobs import mean_logprob
from eval_assets.requests.canonical_json import json_text
from eval_assets.requests.exchange import Message, Reply
from eval_assets.requests.extra_columns import CONTEXT, with_extra_columns
from eval_assets.stages.cell_inputs import CellInputs
from eval_assets.stages.graph import Cell
from eval_assets.stages.input_files import text_of
from eval_assets.tables.cell_tables import PREDICTIONS
from eval_assets.tables.column_frames import frame_of_columns, row_of_columns
from eval_assets.tables.columns import ANSWERER, SPENT

OF_REPLY = (
    "output", "reasoning", "tool_calls", "trajectory", "extra", "outcome", "error_kind", "error", "finish_reason",
    "first_token_seconds", *SPENT, *ANSWERER,
)  # fmt: skip
"""Columns that a reply has under the same names."""


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """What a request is for."""

    example: Example
    sample_index: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """Why nothing is sent for an example.

    Args:
        kind: `template` for a prompt that can't be rendered, `unsupported` for one that the model can't be sent.
        error: The reason.
    """

    kind: str
    error: str


PredictionAnswer = Answer[PredictionRow]


def answers_frame(inputs: CellInputs, answers: Sequence[PredictionAnswer], *, run_id: str) -> pl.DataFrame:
    """Rows of `predictions`, in the order of the answers."""
    columns = _columns(inputs, [answer.job.tag for answer in answers], answers, run_id=run_id)
    return frame_of_columns(PREDICTIONS, columns, len(answers))


def prediction_row(inputs: CellInputs, asked: PredictionRow, answer: Answer[Any], *, run_id: str) -> dict[str, Any]:
    """A row of `predictions`, from the answer to what was asked for it."""
    return row_of_columns(PREDICTIONS, _columns(inputs, [asked], [answer], run_id=run_id))


def unasked_rows(inputs: CellInputs, example: Example, why: Unanswerable, *, run_id: str) -> Iterator[dict[str, Any]]:
    """The failed rows of an example for which nothing is sent."""
    for sample_index in range(inputs.evaluation.file.samples):
        of_example = _of_examples(inputs, [(example, sample_index, "")], run_id=run_id)
        yield {
            **dict.fromkeys(PREDICTIONS),
            **row_of_columns({name: PREDICTIONS[name] for name in of_example}, of_example),
            "outcome": "error",
            "error_kind": why.kind,
            "error": why.error,
            "reused": False,
        }


def prediction_id(cell: Cell, example_id: str, sample_index: int, request_key: str) -> str:
    """Identity of a prediction: the same cell, example, sample and request have the same id in every run."""
    content = f"[{_as_json(cell.key)}, {_as_json(example_id)}, {sample_index}, {_as_json(request_key)}]"
    return f"p-{sha256(content.encode()).hexdigest()[:24]}"


def _columns(
    inputs: CellInputs, rows: Sequence[PredictionRow], answers: Sequence[Answer[Any]], *, run_id: str
) -> dict[str, Any]:
    """Column of `predictions` → its values; one value where all rows have the same."""
    replies = [answer.reply for answer in answers]
    asked = [(row.example, row.sample_index, answer.request_key) for row, answer in zip(rows, answers, strict=True)]
    columns = _of_examples(inputs, asked, run_id=run_id)
    columns |= {name: list(map(attrgetter(name), replies)) for name in OF_REPLY}
    return {
        **columns,
        "context": [
            context if reply.extra is None else text_of(_context(row.example, reply.extra))
            for context, row, reply in zip(columns["context"], rows, replies, strict=True)
        ],
        "messages": [json_text(row.messages) for row in rows],
        "output_fault": [_output_fault(inputs.prompt, reply) for reply in replies],
        "mean_logprob": [mean_logprob(reply.logprobs) for reply in replies],
        "response_id": [answer.response_id for answer in answers],
        "reused": [answer.reused for answer in answers],
    }


def _of_examples(inputs: CellInputs, asked: Sequence[tuple[Example, int, str]], *, run_id: str) -> dict[str, Any]:
    """As `_columns`, what a row has before it is answered, from its example, sample and request key."""
    examples = [example for example, _, _ in asked]
    return {
        **inputs.cell.partition,
        "prediction_id": [
            prediction_id(inputs.cell, example.example_id, sample, key) for example, sample, key in asked
        ],
        "example_id": [example.example_id for example in examples],
        "position": [example.position for example in examples],
        "sample_index": [sample_index for _, sample_index, _ in asked],
        **{
            column: [text_of(example.columns.get(column)) for example in examples]
            for column in ("inputs", "targets", "context")
        },
        "example": [example.cell for example in examples],
        "example_sha256": [example.sha256 for example in examples],
        "prompt_version": inputs.prompt_version,
        "model_version": inputs.model.version,
        "request_key": [key or None for _, _, key in asked],
        "run_id": run_id,
    }


def _output_fault(prompt: Prompt, reply: Reply) -> str | None:
    """What keeps an answer from the form that its prompt asks for: empty if nothing does; null without either."""
    if prompt.response_format is None or reply.outcome != "ok" or reply.output is None:
        return None
    return form_fault(reply.output, prompt.response_format)


def _context(example: Example, extra: str) -> Any:
    """The context that an answer was made from: what the candidate found itself, else the example's."""
    return with_extra_columns(example.columns, extra).get(CONTEXT)
