"""From examples and a candidate to the cell's predictions. How requests are sent is in `providers`."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as _as_json
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.config.datasets.examples import Example
from eval_assets.config.model import Model
from eval_assets.config.prompt import Prompt
from eval_assets.errors import TemplateError
from eval_assets.metrics.answers.valid_output import form_fault
from eval_assets.prompts.rendering import prompt_tools, render_prompt
from eval_assets.providers.abilities import takes_reply_formats, unable_to_answer
from eval_assets.providers.dispatch.jobs import Answer, Asker, Job
from eval_assets.providers.replies.logprobs import mean_logprob
from eval_assets.providers.replies.reading import READING_VERSION
from eval_assets.providers.traits import provider_of
from eval_assets.reports.performance import CAME, known_count, known_sum
from eval_assets.requests.answerer import answerer_of
from eval_assets.requests.canonical_json import json_text
from eval_assets.requests.exchange import Message, Reply, Request
from eval_assets.requests.extra_columns import CONTEXT, with_extra_columns
from eval_assets.requests.keys import KEY_SCHEMA
from eval_assets.requests.used_tokens import parts_of
from eval_assets.stages.cell_inputs import CellInputs, count_examples, read_cell_inputs, stored_examples
from eval_assets.stages.content_hash import RowsHash
from eval_assets.stages.graph import Cell, parse_cell
from eval_assets.stages.input_files import FRAME_CHARACTERS, text_of
from eval_assets.stages.stage import Computation
from eval_assets.storage.batches import staged
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import Written, provenance
from eval_assets.tables.cell_tables import PREDICTIONS

FRAME_ROWS = 4_000
CODE_VERSION = f"keys-{KEY_SCHEMA}+reading-{READING_VERSION}"
CONTENT_COLUMNS = (
    "prediction_id",
    "example_sha256",
    "output",
    "reasoning",
    "tool_calls",
    "outcome",
    "error_kind",
    "finish_reason",
    "latency_seconds",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
)
COUNTED = (
    "outcome",
    "reused",
    "latency_seconds",
    "first_token_seconds",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
)
"""Columns that the facts of a cell are made of."""

LATER_COLUMNS = ("extra", "first_token_seconds", "output_fault", "mean_logprob")
"""Content that predictions of earlier releases don't have: rows without it leave a data version as it was."""

TRAJECTORY_COLUMNS = ("prediction_id", "trajectory")


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


Fail = Callable[[Example, Unanswerable], object]
"""Is told of an example for which nothing is sent."""


def compute_predictions(run: Computation) -> Written:
    """Answer the examples of a cell."""
    inputs = read_cell_inputs(run.room.warehouse, parse_cell(run.key))
    with run.engine(inputs.model, inputs.evaluation) as engine:
        return write_predictions(
            inputs,
            stored_examples(inputs.rows, inputs.evaluation),
            engine,
            warehouse=run.room.warehouse,
            scratch=run.room.scratch,
            run_id=run.run_id,
            n_examples=count_examples(inputs.rows, inputs.evaluation),
        )


def write_predictions(
    inputs: CellInputs,
    examples: Iterable[Example],
    asker: Asker,
    *,
    warehouse: Warehouse,
    scratch: Path,
    run_id: str,
    n_examples: int | None = None,
) -> Written:
    """Answer every example of a cell and replace the cell's predictions in one commit.

    Args:
        inputs: The candidate and its evaluation.
        examples: The examples of the evaluation.
        asker: Answers the requests.
        warehouse: Where predictions go.
        scratch: Local folder for frames on their way; only one is in memory at a time.
        run_id: The run that writes.
        n_examples: How many examples there are, if known, for progress.

    Raises:
        EvalAssetsError: As the engine does; the former predictions stay, and replies received are kept.
    """
    rows_hash, later_hash = RowsHash(CONTENT_COLUMNS), RowsHash(("prediction_id", *LATER_COLUMNS))
    trajectories = RowsHash(TRAJECTORY_COLUMNS)
    counts: list[pl.DataFrame] = []

    def frames() -> Iterator[pl.DataFrame]:
        for frame in prediction_frames(inputs, examples, asker, run_id=run_id, n_examples=n_examples):
            rows_hash.add(frame)
            later_hash.add(frame.filter(pl.any_horizontal(pl.col(LATER_COLUMNS).is_not_null())))
            trajectories.add(frame.filter(pl.col("trajectory").is_not_null()))
            counts.append(frame.select(COUNTED))
            yield frame

    with staged(frames(), scratch) as read_frames:
        # Predictions without any of these keep the version they had before there were any.
        further = [{"trajectories": trajectories.hexdigest()}] if trajectories.n_rows else []
        further += [{"later": later_hash.hexdigest()}] if later_hash.n_rows else []
        data_version, rows = rows_hash.hexdigest(*further), pl.concat(counts)
        facts = prediction_facts(rows)
        commit = warehouse.replace(
            "predictions",
            read_frames,
            inputs.cell.partition,
            provenance(
                run_id=run_id,
                data_version=data_version,
                code_version=CODE_VERSION,
                inputs=inputs.data_versions,
                facts=facts,
            ),
        )
    return Written(data_version, commit, rows.height, facts)


def prediction_frames(
    inputs: CellInputs, examples: Iterable[Example], asker: Asker, *, run_id: str, n_examples: int | None = None
) -> Iterator[pl.DataFrame]:
    """Answer every example and yield rows of `predictions`, a bounded number at a time.

    An example whose prompt can't be rendered, or can't be sent to the model, becomes a failed row; nothing is sent.
    """
    unasked: list[dict[str, Any]] = []

    def fail(example: Example, why: Unanswerable) -> None:
        unasked.extend(_unasked(inputs, example, why, run_id=run_id))

    rows: list[dict[str, Any]] = []
    n_characters = 0
    total = None if n_examples is None else n_examples * inputs.evaluation.file.samples
    for answer in asker.answers(prediction_jobs(inputs, examples, fail), total):
        row = prediction_row(inputs, answer.job.tag, answer, run_id=run_id)
        rows.append(row)
        n_characters += len(row["example"]) + len(row["messages"])
        if len(rows) >= FRAME_ROWS or n_characters > FRAME_CHARACTERS:
            yield _frame(rows)
            rows, n_characters = [], 0
    rows += unasked
    if rows:
        yield _frame(rows)


def prediction_jobs(inputs: CellInputs, examples: Iterable[Example], fail: Fail) -> Iterator[Job[PredictionRow]]:
    """The requests of a cell, in the order of its examples; one that can't be made is told of, with the reason."""
    model = inputs.model.model
    for example in examples:
        columns = example.shown
        try:
            messages, tools = render_prompt(inputs.prompt, columns), prompt_tools(inputs.prompt, columns)
        except TemplateError as error:
            fail(example, Unanswerable("template", str(error)))
            continue
        unable = unable_to_answer(model, messages, tools, inputs.prompt.response_format)
        if unable is not None:
            fail(example, Unanswerable("unsupported", unable))
            continue
        for sample_index in range(inputs.evaluation.file.samples):
            request = request_for(
                model, messages, example, sample_index=sample_index, tools=tools, asked=inputs.prompt.response_format
            )
            yield Job(request, PredictionRow(example, sample_index, messages))


def request_for(
    model: Model,
    messages: Sequence[Message],
    example: Example,
    *,
    sample_index: int,
    tools: tuple[Mapping[str, Any], ...] = (),
    asked: Mapping[str, Any] | None = None,
) -> Request:
    """The request for one example.

    Args:
        model: Who is asked. Providers that are shown the example get just the columns they may use.
        messages: The rendered prompt.
        example: The example.
        sample_index: Which of several replies this is.
        tools: What the model may call.
        asked: The form of answers that the prompt asks for; sent where the provider takes such.
    """
    columns: Mapping[str, Any]
    match provider_of(model).is_shown:
        case "columns":
            columns = example.shown
        case "place":
            columns = {"example_id": example.example_id, "position": example.position}
        case "nothing":
            columns = {}
    return Request(
        messages=tuple(messages),
        parameters=model.file.parameters,
        response_format=asked if takes_reply_formats(model) else None,
        sample_index=sample_index,
        columns=columns,
        tools=tools,
        may_weaken_format=True,
    )


def prediction_row(inputs: CellInputs, asked: PredictionRow, answer: Answer[Any], *, run_id: str) -> dict[str, Any]:
    """A row of `predictions`, from the answer to what was asked for it."""
    reply = answer.reply
    of_example = _columns_of(inputs, asked.example, asked.sample_index, answer.request_key, run_id=run_id)
    return {
        **of_example,
        "context": of_example["context"] if reply.extra is None else text_of(_context(asked.example, reply.extra)),
        "messages": json_text(asked.messages),
        "output": reply.output,
        "reasoning": reply.reasoning,
        "tool_calls": reply.tool_calls,
        "trajectory": reply.trajectory,
        "extra": reply.extra,
        "outcome": reply.outcome,
        "error_kind": reply.error_kind,
        "error": reply.error,
        "finish_reason": reply.finish_reason,
        "output_fault": _output_fault(inputs.prompt, reply),
        "latency_seconds": reply.latency_seconds,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        **parts_of(reply),
        "tokens_estimated": reply.tokens_estimated,
        "cost_usd": reply.cost_usd,
        "requested_at": reply.requested_at,
        "first_token_seconds": reply.first_token_seconds,
        "mean_logprob": mean_logprob(reply.logprobs),
        **answerer_of(reply),
        "response_id": answer.response_id,
        "reused": answer.reused,
    }


def _output_fault(prompt: Prompt, reply: Reply) -> str | None:
    """What keeps an answer from the form that its prompt asks for: empty if nothing does; null without either."""
    if prompt.response_format is None or reply.outcome != "ok" or reply.output is None:
        return None
    return form_fault(reply.output, prompt.response_format)


def _context(example: Example, extra: str) -> Any:
    """The context that an answer was made from: what the candidate found itself, else the example's."""
    return with_extra_columns(example.columns, extra).get(CONTEXT)


def prediction_id(cell: Cell, example_id: str, sample_index: int, request_key: str) -> str:
    """Identity of a prediction: the same cell, example, sample and request have the same id in every run."""
    content = f"[{_as_json(cell.key)}, {_as_json(example_id)}, {sample_index}, {_as_json(request_key)}]"
    return f"p-{hashlib.sha256(content.encode()).hexdigest()[:24]}"


def prediction_facts(rows: pl.DataFrame) -> dict[str, Any]:
    """Counts, tokens, cost and latency of prediction rows, as reports have them: latency of replies that came."""
    outcomes = dict(rows.group_by("outcome").len().iter_rows())
    first_token = rows["first_token_seconds"].mean()
    return {
        "n_total": rows.height,
        "outcomes": outcomes,
        "n_failed": rows.height - outcomes.get("ok", 0),
        "n_reused": int(rows["reused"].sum()),
        "prompt_tokens": known_count(rows["prompt_tokens"]),
        "completion_tokens": known_count(rows["completion_tokens"]),
        "cost_usd": known_sum(rows["cost_usd"]),
        "latency_seconds_mean": rows.filter(CAME)["latency_seconds"].mean(),
        **({} if first_token is None else {"first_token_seconds_mean": first_token}),
    }


def _unasked(inputs: CellInputs, example: Example, why: Unanswerable, *, run_id: str) -> Iterator[dict[str, Any]]:
    for sample_index in range(inputs.evaluation.file.samples):
        yield {
            **dict.fromkeys(PREDICTIONS),
            **_columns_of(inputs, example, sample_index, "", run_id=run_id),
            "outcome": "error",
            "error_kind": why.kind,
            "error": why.error,
            "reused": False,
        }


def _columns_of(
    inputs: CellInputs, example: Example, sample_index: int, request_key: str, *, run_id: str
) -> dict[str, Any]:
    return {
        **inputs.cell.partition,
        "prediction_id": prediction_id(inputs.cell, example.example_id, sample_index, request_key),
        "example_id": example.example_id,
        "position": example.position,
        "sample_index": sample_index,
        **{column: text_of(example.columns.get(column)) for column in ("inputs", "targets", "context")},
        "example": example.cell,
        "example_sha256": example.sha256,
        "prompt_version": inputs.prompt_version,
        "model_version": inputs.model.version,
        "request_key": request_key or None,
        "run_id": run_id,
    }


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    columns = zip(*map(_IN_ORDER, rows), strict=True)
    frame = pl.DataFrame(
        [
            pl.Series(name, values, dtype=dtype)
            for (name, dtype), values in zip(PREDICTIONS.items(), columns, strict=True)
        ]
    )
    return frame.sort("position", "sample_index")


_IN_ORDER = itemgetter(*PREDICTIONS)
