"""Valid rows of the tables, and a warehouse to put them in; a test names only the fields it is about.

warehouse = warehouse_of(tmp_path, predictions=[prediction(output="Paris")], heuristic_metrics=[score()])
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import provenance
from eval_assets.tables.schemas import PARTITIONED_BY, SCHEMAS

Row = dict[str, Any]

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
QUESTION = {"inputs": "What is the capital of France?", "targets": "Paris", "context": "Paris is the capital."}
MESSAGES = ({"role": "user", "content": "What is the capital of France?"},)
VERDICT = {"justification": "It names the city.", "score": 5}


def example(example_id: str = "capital", *, dataset: str = "qa", **fields: Any) -> Row:
    """A row of `eval_datasets`; fields that the table doesn't have become columns of the example."""
    own = {name: fields.pop(name) for name in ("position", "example_sha256", "run_id") if name in fields}
    columns = {name: value for name, value in {**QUESTION, **fields}.items() if value is not None}
    return {
        "dataset": dataset,
        "example_id": example_id,
        "position": 0,
        **{name: _text(columns.get(name)) for name in QUESTION},
        "example": json.dumps(columns),
        "example_sha256": _sha256(example_id, columns),
        "run_id": "run-dataset",
        **own,
    }


def prediction(prediction_id: str = "p-1", *, of: Row | None = None, **fields: Any) -> Row:
    """A row of `predictions`, the answer to the example `of`."""
    asked = of or example()
    copied = ("example_id", "position", "inputs", "targets", "context", "example", "example_sha256")
    return {
        "evaluation": "trial",
        "model": "alpha",
        "prompt": "ask",
        "prediction_id": prediction_id,
        **{name: asked[name] for name in copied},
        "sample_index": 0,
        "messages": json.dumps(MESSAGES),
        "prompt_version": 1,
        "model_version": 1,
        "output": "Paris",
        "outcome": "ok",
        "finish_reason": "stop",
        "latency_seconds": 0.5,
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "cost_usd": 0.001,
        "requested_at": NOON,
        "request_key": "key-1",
        "response_id": "reply-1",
        "reused": False,
        "run_id": "run-cell",
        **fields,
    }


def score(score_id: str = "s-1", *, of: Row | None = None, **fields: Any) -> Row:
    """A row of `heuristic_metrics`, a score of the prediction `of`."""
    return {
        **_scored(of or prediction()),
        "score_id": score_id,
        "metric": "token_f1",
        "version": "v1",
        "parameters_sha256": "ab" * 32,
        "signature": "overlap.token_f1:token_f1",
        "score": 1.0,
        "outcome": "ok",
        "run_id": "run-cell",
        **fields,
    }


def verdict(score_id: str = "s-judged", *, of: Row | None = None, **fields: Any) -> Row:
    """A row of `judge_scores`, a verdict on the prediction `of`."""
    return {
        **_scored(of or prediction()),
        "score_id": score_id,
        "judge": "grader",
        "version": "v1",
        "judge_version": 1,
        "judge_model": "referee",
        "draw": 0,
        "score": 5.0,
        "justification": VERDICT["justification"],
        "method": "json_schema",
        "outcome": "ok",
        "messages": json.dumps([{"role": "user", "content": "Judge: Paris"}]),
        "raw_reply": json.dumps(VERDICT),
        "latency_seconds": 1.5,
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "cost_usd": 0.002,
        "requested_at": NOON,
        "judgement_key": "key-judged",
        "response_id": "reply-judged",
        "reused": True,
        "run_id": "run-cell",
        **fields,
    }


def prompt(name: str = "ask", **fields: Any) -> Row:
    """A row of `prompts`."""
    messages = [{"role": "user", "template": "{{ inputs }}"}]
    return _version({"prompt": name}, {"name": name, "messages": messages}, "## user\n{{ inputs }}\n", fields)


def model(name: str = "alpha", *, file: Row | None = None, **fields: Any) -> Row:
    """A row of `models`; `file` holds fields of the model file."""
    content = {"name": name, "file": model_file(**(file or {})), "implementation": None}
    return _version({"model": name}, content, "provider: openai\nmodel: alpha-1\n", fields)


def model_file(**fields: Any) -> Row:
    """Contents of a model file."""
    return {"provider": "openai", "model": "alpha-1", "parameters": {"temperature": 0}, **fields}


def judge(
    name: str = "grader", *, jurors: Sequence[Row] = (), models: Sequence[str] = ("referee",), **fields: Any
) -> Row:
    """A row of `judges`."""
    content = {
        "name": name,
        "file": {"definition": "The output is right.", "model": "referee"},
        "jurors": list(jurors),
        "models": [{"name": model_name, "file": model_file(model="judge-1")} for model_name in models],
    }
    return _version({"judge": name}, content, "definition: The output is right.\nmodel: referee\n", fields)


def evaluation(name: str = "trial", *, dataset: str = "qa", **fields: Any) -> Row:
    """A row of `evaluations`; fields that the table doesn't have belong to the evaluation file."""
    own = {column: fields.pop(column) for column in SCHEMAS["evaluations"] if column in fields}
    file = {"dataset": dataset, "models": ["alpha"], "prompts": ["ask"], **fields}
    content = {"name": name, "file": file, "cluster": None, "slices": [], "metric_fingerprints": {}}
    return _version({"evaluation": name}, content, f"dataset: {dataset}\n", own)


def response(response_id: str = "reply-1", **fields: Any) -> Row:
    """A row of `responses`."""
    return {
        "lane": "openai-alpha",
        "response_id": response_id,
        "request_key": "key-1",
        "key_schema": "1",
        "request": "{}",
        "outcome": "ok",
        "output": "Paris",
        "requested_at": NOON,
        "run_id": "run-that-paid",
        **fields,
    }


def write_rows(
    warehouse: Warehouse,
    table: str,
    rows: Sequence[Row],
    *,
    data_version: str = "data-1",
    inputs: dict[str, str] | None = None,
) -> None:
    """Write rows as the assets do: each partition in one commit that says which run and which inputs made it."""
    columns = PARTITIONED_BY[table]

    def partition_of(row: Row) -> tuple[str, ...]:
        return tuple(row[column] for column in columns)

    for values, members in groupby(sorted(rows, key=partition_of), partition_of):
        held = list(members)
        recorded = provenance(
            run_id=held[0]["run_id"], data_version=data_version, code_version="1", inputs=inputs or {}
        )
        partition = dict(zip(columns, values, strict=True))
        warehouse.replace(table, frame_of(table, held), partition, recorded)


def frame_of(table: str, rows: Sequence[Row]) -> pl.DataFrame:
    """Rows as a frame with all columns of their table; what a row leaves out is null."""
    complete = [{column: row.get(column) for column in SCHEMAS[table]} for row in rows]
    return pl.DataFrame(complete, schema=SCHEMAS[table])


def warehouse_of(folder: Path, **tables: Sequence[Row]) -> Warehouse:
    """A warehouse with these rows; predictions say they were made from version `data-1` of the dataset `qa`."""
    warehouse = Warehouse(str(folder / "warehouse"))
    for table, rows in tables.items():
        inputs = {"eval_datasets/qa": "data-1"} if table == "predictions" else {}
        write_rows(warehouse, table, rows, inputs=inputs)
    return warehouse


def _scored(asked: Row) -> Row:
    names = ("evaluation", "model", "prompt", "prediction_id", "example_id", "position", "sample_index")
    return {name: asked[name] for name in names}


def _version(name: Row, content: Row, source: str, fields: Row) -> Row:
    return {
        **name,
        "version": 1,
        "content_sha256": _sha256(content),
        "content": json.dumps(content),
        "source": source,
        "description": "",
        "first_seen_at": NOON,
        "run_id": "run-files",
        **fields,
    }


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _sha256(*content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
