"""From examples and a candidate to the cell's predictions. How requests are sent is in `providers`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.config.datasets.examples import Example
from eval_assets.config.model import Model
from eval_assets.errors import TemplateError
from eval_assets.prompts.rendering import prompt_tools, render_prompt
from eval_assets.providers.abilities import takes_reply_formats, unable_to_answer
from eval_assets.providers.dispatch.jobs import Asker, Job
from eval_assets.providers.replies.reading import READING_VERSION
from eval_assets.providers.traits import provider_of
from eval_assets.reports.performance import CAME, known_count, known_sum
from eval_assets.requests.canonical_json import json_text
from eval_assets.requests.exchange import Message, Request
from eval_assets.requests.keys import KEY_SCHEMA
from eval_assets.stages.answer_rows import (
    PredictionAnswer,
    PredictionRow,
    Unanswerable,
    answers_frame,
    unasked_rows,
)
from eval_assets.stages.cell_inputs import CellInputs, count_examples, read_cell_inputs, stored_examples
from eval_assets.stages.content_hash import RowsHash
from eval_assets.stages.graph import parse_cell
from eval_assets.stages.input_files import FRAME_CHARACTERS
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
        unasked.extend(unasked_rows(inputs, example, why, run_id=run_id))

    answers: list[PredictionAnswer] = []
    n_characters = 0
    total = None if n_examples is None else n_examples * inputs.evaluation.file.samples
    for answer in asker.answers(prediction_jobs(inputs, examples, fail), total):
        answers.append(answer)
        n_characters += len(answer.job.tag.example.cell) + _n_characters(answer.job.tag.messages)
        if len(answers) >= FRAME_ROWS or n_characters > FRAME_CHARACTERS:
            yield _in_order(answers_frame(inputs, answers, run_id=run_id))
            answers, n_characters = [], 0
    if answers or unasked:
        of_unasked = pl.DataFrame(unasked, schema=PREDICTIONS)
        yield _in_order(pl.concat([answers_frame(inputs, answers, run_id=run_id), of_unasked]))


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


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort("position", "sample_index")


def _n_characters(messages: Sequence[Message]) -> int:
    """About how much memory messages take."""
    contents = (message["content"] for message in messages)
    return sum(len(content if isinstance(content, str) else json_text(content)) for content in contents)
