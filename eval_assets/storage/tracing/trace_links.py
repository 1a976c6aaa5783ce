"""The parts of a trace: each a row as JSON, with the Delta version that holds it and the Dagster run that wrote it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from eval_assets.config.files.secrets import without_secrets
from eval_assets.errors import TraceError
from eval_assets.requests.answerer import ANSWERER
from eval_assets.storage.snapshots import Commit, partition_name
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import inputs_recorded
from eval_assets.tables.columns import CELL
from eval_assets.tables.schemas import PARTITIONED_BY

Part = dict[str, Any]

SPENT = ("latency_seconds", "prompt_tokens", "completion_tokens", "cost_usd", "requested_at")
SCORE_FIELDS = ("score", "label", "outcome", "reason")
ASKED_FIELDS = ("judge_version", "judge_model", "juror", "draw", "method", "raw_reply", "reasoning", "justification")
OUTPUT_FIELDS = (
    "output", "reasoning", "tool_calls", "trajectory", "extra", "outcome", "error_kind", "error", "finish_reason",
    "output_fault", "request_key", "response_id", "reused", *ANSWERER,
)  # fmt: skip


def row_with(warehouse: Warehouse, table: str, partition: Mapping[str, str], column: str, value: Any) -> Part | None:
    """The row of a partition that has a value in a column."""
    rows = warehouse.scan(table, partition).filter(pl.col(column) == value).head(1).collect().to_dicts()
    return rows[0] if rows else None


def score_part(warehouse: Warehouse, table: str, row: Part) -> Part:
    """A score: what was measured or judged, by which version, with which parameters and code."""
    return {
        "score_id": row["score_id"],
        "kind": "heuristic" if table == "heuristic_metrics" else "judge",
        "metric": row.get("metric") or row.get("judge"),
        "version": row["version"],
        **{field: row[field] for field in SCORE_FIELDS},
        "justification": row.get("justification"),
        "parameters_sha256": row.get("parameters_sha256"),
        "signature": row.get("signature"),
        **_written(warehouse, table, row),
    }


def judge_part(warehouse: Warehouse, row: Part, votes: Sequence[Part] | None = None) -> Part:
    """A judge as it was, with what it was sent and replied; `votes` holds the same for each member of a jury.

    Args:
        warehouse: Where rows lie.
        row: The verdict, a row of `judge_scores`.
        votes: Rows of the jurors behind it; null: those that lie beside it now.
    """
    definition = _version_of(warehouse, "judges", row["judge"], row["judge_version"])
    content = json.loads(definition["content"]) if definition else {}
    models = {model["name"]: without_secrets(model) for model in content.get("models", [])}
    return {
        "name": row["judge"],
        "version": row["version"],
        **_exchange(warehouse, row),
        "model": models.get(row["judge_model"]),
        "source": definition["source"] if definition else None,
        "votes": [
            {"score_id": vote["score_id"], "score": vote["score"], **_exchange(warehouse, vote)}
            for vote in (_votes(warehouse, row) if votes is None else votes)
        ],
        "delta": _delta(warehouse, "judges", warehouse.last_commit("judges", {"judge": row["judge"]})),
        "run_id": definition["run_id"] if definition else None,
    }


def votes_for(verdict: Part, rows: Iterable[Part]) -> list[Part]:
    """Verdicts of the jurors behind a jury's verdict, among rows of `judge_scores`; none for other judges."""
    place = ("prediction_id", "judge", "draw")
    return [row for row in rows if row["juror"] is not None and all(row[name] == verdict[name] for name in place)]


def prediction_part(warehouse: Warehouse, row: Part, held_by: Commit | None = None) -> Part:
    """A prediction with the rendered prompt that was sent, what came back, and the run that paid for it."""
    return {
        **{column: row[column] for column in ("prediction_id", *CELL, "example_id", "sample_index")},
        "messages": _parsed(row["messages"]),
        **{field: _plain(row[field]) for field in (*OUTPUT_FIELDS, *SPENT, "first_token_seconds")},
        "paid_by_run_id": _paid_by(warehouse, row["response_id"]),
        **_written(warehouse, "predictions", row, held_by),
    }


def prompt_part(warehouse: Warehouse, row: Part) -> Part | None:
    """The prompt that a prediction was rendered from, in the version it recorded."""
    version = _version_of(warehouse, "prompts", row["prompt"], row["prompt_version"])
    if version is None:
        return None
    return {**_named(version, "prompt"), "template": version["source"], **_written(warehouse, "prompts", version)}


def model_part(warehouse: Warehouse, row: Part) -> Part | None:
    """The model that made a prediction, in the version it recorded."""
    version = _version_of(warehouse, "models", row["model"], row["model_version"])
    if version is None:
        return None
    content = without_secrets(json.loads(version["content"]))
    return {**_named(version, "model"), "content": content, **_written(warehouse, "models", version)}


def example_part(warehouse: Warehouse, row: Part, held_by: Commit | None = None) -> Part:
    """The dataset row that a prediction answers, as it was then, and whether the dataset still has it so.

    Args:
        warehouse: Where rows lie.
        row: A row of `predictions`, or of `eval_datasets` for an example that has none.
        held_by: The commit that holds a prediction; null: the newest of its partition.
    """
    dataset, data_version = (row["dataset"], None) if "dataset" in row else _dataset_read(warehouse, row, held_by)
    commit = _dataset_commit(warehouse, dataset, data_version)
    now = row_with(warehouse, "eval_datasets", {"dataset": dataset}, "example_id", row["example_id"])
    columns = json.loads(row["example"])
    return {
        "example_id": row["example_id"],
        "dataset": dataset,
        "position": row["position"],
        **{column: columns.get(column) for column in ("inputs", "targets", "context")},
        "columns": columns,
        "sha256": row["example_sha256"],
        "current_sha256": now["example_sha256"] if now else None,
        "is_current": now is not None and now["example_sha256"] == row["example_sha256"],
        "delta": _delta(warehouse, "eval_datasets", commit),
        "run_id": commit.metadata.get("run_id") if commit else None,
    }


def _exchange(warehouse: Warehouse, row: Part) -> Part:
    return {
        **{field: row[field] for field in (*ASKED_FIELDS, "outcome", "reason")},
        "messages": _parsed(row["messages"]),
        **{field: _plain(row[field]) for field in ("judgement_key", "response_id", "reused", *ANSWERER, *SPENT)},
        "paid_by_run_id": _paid_by(warehouse, row["response_id"]),
        "earlier": _earlier(warehouse, row),
    }


def _earlier(warehouse: Warehouse, row: Part) -> list[Part]:
    """Exchanges that led to the last one: a tree's questions. What the last messages repeat is left out."""
    keys = json.loads(row["request_keys"] or "[]")[:-1]
    if row["method"] == "vote" or not keys:
        return []
    columns = ("request_key", "request", "output", "requested_at")
    rows = warehouse.scan("responses").filter(pl.col("request_key").is_in(keys)).select(columns).sort("requested_at")
    replies = {reply["request_key"]: reply for reply in rows.collect().to_dicts()}
    last = _parsed(row["messages"]) or []
    asked = [
        (json.loads(replies[key]["request"])["messages"], replies[key]["output"]) for key in keys if key in replies
    ]
    return [
        {"messages": messages, "raw_reply": output} for messages, output in asked if messages != last[: len(messages)]
    ]


def _votes(warehouse: Warehouse, row: Part) -> list[Part]:
    """Verdicts of the jurors behind a jury's verdict; none for other judges."""
    if row["method"] != "vote":
        return []
    same = [pl.col(column) == row[column] for column in ("prediction_id", "judge", "draw")]
    cell = {column: row[column] for column in CELL}
    return warehouse.scan("judge_scores", cell).filter(*same, pl.col("juror").is_not_null()).collect().to_dicts()


def _version_of(warehouse: Warehouse, table: str, name: str, version: int | None) -> Part | None:
    if version is None:
        return None
    column = table.removesuffix("s")
    rows = warehouse.scan(table, {column: name}).collect()
    found = rows.filter(pl.col("version") == version).to_dicts()
    return {**found[0], "latest_version": rows["version"].max()} if found else None


def _named(version: Part, column: str) -> Part:
    fields = ("version", "latest_version", "content_sha256", "description")
    return {"name": version[column], **{field: version[field] for field in fields}}


def _written(warehouse: Warehouse, table: str, row: Part, held_by: Commit | None = None) -> Part:
    """Where a row lies, and the run that wrote it."""
    partition = {column: row[column] for column in PARTITIONED_BY[table]}
    commit = held_by or warehouse.last_commit(table, partition)
    return {"delta": _delta(warehouse, table, commit), "run_id": row["run_id"]}


def _delta(warehouse: Warehouse, table: str, commit: Commit | None) -> Part:
    return {"table": table, "uri": warehouse.uri(table), "version": commit.version if commit else None}


def _dataset_read(warehouse: Warehouse, prediction: Part, held_by: Commit | None) -> tuple[str, str | None]:
    """The dataset that a cell's predictions were made from, and its data version then."""
    commit = held_by or warehouse.last_commit("predictions", {column: prediction[column] for column in CELL})
    for upstream, data_version in (inputs_recorded(commit) if commit else {}).items():
        table, _, name = upstream.partition("/")
        if table == "eval_datasets":
            return name, data_version
    raise TraceError(f"the predictions of {prediction['evaluation']!r} don't say which dataset they were made from")


def _dataset_commit(warehouse: Warehouse, dataset: str, data_version: str | None) -> Commit | None:
    """The commit that wrote the rows which were read, or, where that is unknown, the latest one."""
    wanted = partition_name({"dataset": dataset})
    for commit in warehouse.history("eval_datasets"):
        if commit.metadata.get("partition") == wanted and data_version in (None, commit.metadata.get("data_version")):
            return commit
    return None


def _paid_by(warehouse: Warehouse, response_id: str | None) -> str | None:
    if response_id is None:
        return None
    rows = warehouse.scan("responses").filter(pl.col("response_id") == response_id).select("run_id").head(1).collect()
    return rows.item() if rows.height else None


def _parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
