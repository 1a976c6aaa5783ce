"""A small project of recorded predictions keeps the ids, keys and data versions of the release that first printed them.

Rows with every kind of value and end are among them: text beyond ASCII, numbers, lists, an empty output, a prompt that
one example can't fill.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from eval_assets.config.settings import Settings
from eval_assets.stages.edges import compute
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import cells_of
from eval_assets.stages.spending import Spending
from eval_assets.stages.stage_table import FILES, OF_CELLS, OF_EVALUATIONS
from eval_assets.storage.warehouse import Warehouse

EXAMPLES = [
    {"example_id": "é1", "inputs": "Wo liegt Zürich?", "targets": "in der Schweiz", "level": 1.5, "topic": "geo"},
    {"example_id": "q2", "inputs": "2 + 2?", "targets": ["4", 4.0], "level": 1e22, "topic": "sums"},
    {"example_id": "q3", "inputs": {"question": "Why?", "n": None}, "targets": "Because.", "topic": "geo"},
    {"example_id": "q4", "inputs": 'say "hi"\n\tthen \u2028 stop \x7f', "targets": "hi", "level": -0.0},
    {"example_id": "q5", "inputs": "No output", "targets": "x", "level": 3},
    {"example_id": "q6", "inputs": "Empty", "context": ["a", "b"], "level": 3},
    {"example_id": "q7", "inputs": "emoji 🙂", "targets": "🙂", "level": 0.1},
]
RECORDS = [
    {"id": "é1", "said": {"text": "in der Schweiz"}, "seconds": 0.1, "in": 12, "out": 3},
    {"id": "q2", "said": {"text": "4"}, "seconds": 1e-7, "in": 7},
    {"id": "q3", "said": {"text": 'Because "of" \\ é'}, "seconds": 12345678.9},
    {"id": "q4", "said": {"text": "hi\u2028\x7f\x01 there"}, "seconds": 2},
    {"id": "q5", "said": {"text": {"answer": None}}, "seconds": "0.5"},
    {"id": "q6", "said": {"text": ""}},
    {"id": "q7", "said": {"text": ["🙂", 1.0]}, "seconds": 0.30000000000000004},
]
FILES_OF_PROJECT = {
    "datasets/qa.yaml": "task: question-answering\ncluster: topic\nslices: [topic]\n",
    "datasets/qa.jsonl": "".join(json.dumps(row) + "\n" for row in EXAMPLES),
    "prompts/ask.md": "## system\nKurz é.\n## user\n{{ inputs }}\nLevel {{ level }}\n",
    "models/by-id.yaml": "provider: recorded\nfile: by-id.jsonl\ncolumns: {example_id: id, output: said.text, "
    "latency_seconds: seconds, prompt_tokens: in, completion_tokens: out}\n",
    "models/by-id.jsonl": "".join(json.dumps(row) + "\n" for row in RECORDS),
    "models/in-order.yaml": "provider: recorded\nfile: in-order.csv\ncolumns: {example_id: null}\n",
    "models/in-order.csv": 'output\nSchweiz\n4\n"Because, of é"\nhi\nx\ny\n🙂\n',
    "evaluations/e.yaml": "dataset: qa\nmodels: [by-id, in-order]\nprompts: [ask]\nsamples: 1\n"
    "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level, token_count]\n"
    "metrics: [token_f1, contains]\ngates: [{metric: token_f1, max_drop: 0.05}]\n",
}


KEPT = ("prediction_id", "request_key", "messages", "example", "output", "outcome", "error_kind", "error", "reused")
ANSWERED = ("lane", "request_key", "key_schema", "request", "outcome", "output", "latency_seconds", "prompt_tokens")
ALL = ("eval_datasets", *OF_CELLS, *OF_EVALUATIONS)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    write_files(tmp_path, FILES_OF_PROJECT)
    run_everything(tmp_path, run_id="first")
    return Warehouse(str(tmp_path / "warehouse"))


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).write_text(text, encoding="utf-8")


def run_everything(folder: Path, *, run_id: str) -> None:
    root = folder / "warehouse"
    with EngineRoom.from_settings(Settings(folder / "data", str(root), root / "_state")) as room:
        for table in FILES:
            for name in room.project.names(table.removeprefix("eval_")):
                compute(room, table, name, Spending(), run_id=run_id)
        for cell in cells_of(room.project, "e"):
            for table in OF_CELLS:
                compute(room, table, cell.key, Spending(), run_id=run_id)
        for table in OF_EVALUATIONS:
            compute(room, table, "e", Spending(), run_id=run_id)


def versions_of(warehouse: Warehouse, *tables: str) -> dict[str, str]:
    return {
        f"{table}/{partition}": commit.metadata["data_version"]
        for table in tables
        for partition, commit in warehouse.last_commits(table).items()
    }


def digest(warehouse: Warehouse, table: str, *columns: str) -> str:
    """Hash of some columns of all rows of a table."""
    rows = warehouse.scan(table, {}).select(columns).collect().rows()
    return hashlib.sha256(json.dumps(sorted(rows, key=repr)).encode()).hexdigest()[:16]


def test_data_versions_stay(warehouse: Warehouse) -> None:
    assert versions_of(warehouse, "eval_datasets", "predictions", "heuristic_metrics") == {
        "eval_datasets/dataset=qa": "a45b343f871340e0",
        "predictions/evaluation=e/model=by-id/prompt=ask": "6c23e722e548250e",
        "predictions/evaluation=e/model=in-order/prompt=ask": "463f69ccabe430ad",
        "heuristic_metrics/evaluation=e/model=by-id/prompt=ask": "1ef6774f09763e5c",
        "heuristic_metrics/evaluation=e/model=in-order/prompt=ask": "04da3f5b2d0f937b",
    }


def test_ids_and_keys_stay(warehouse: Warehouse) -> None:
    first = warehouse.scan("predictions", {}).filter(example_id="é1", sample_index=0).sort("model").collect()
    assert first.select("prediction_id", "request_key").rows() == [
        ("p-0efff5bfde0c76c6d7e3afb5", "539fd7d070474832ce74c4bbb907614379a824fbd260b1509649d71b47b7db2b"),
        ("p-d967595626b739572e0b8c01", "d22c89f1d9f8ea03073abd88486839d5a894e9dd59ed9cf8af5516a0dbf03b81"),
    ]
    assert digest(warehouse, "predictions", *KEPT) == "3e6789e7a1a2c154"
    assert digest(warehouse, "responses", *ANSWERED) == "e2e674d09e9006bb"


def test_a_second_run_reuses_every_reply(warehouse: Warehouse, tmp_path: Path) -> None:
    versions = versions_of(warehouse, *ALL)
    rows = warehouse.scan("responses", {}).collect()
    run_everything(tmp_path, run_id="second")
    assert versions_of(warehouse, *ALL) == versions
    assert warehouse.scan("responses", {}).collect().height == rows.height
    of_replies = warehouse.scan("predictions", {}).filter(pl.col("response_id").is_not_null()).collect()
    assert of_replies["reused"].all()
    assert set(of_replies["response_id"]) == set(rows["response_id"])
    counted = warehouse.scan("runs", {}).select("run_id", "n_rows", "n_reused", "n_sent", "n_failed").collect()
    # Of 7 examples one has no level that its prompt could show; one record is empty, which counts as failed.
    assert sorted(counted.rows()) == [
        ("first", 6, 0, 6, 0),
        ("first", 6, 0, 6, 1),
        ("second", 6, 6, 0, 0),
        ("second", 6, 6, 0, 1),
    ]


def test_an_example_that_the_file_lacks_is_a_failed_row(tmp_path: Path) -> None:
    write_files(tmp_path, {**FILES_OF_PROJECT, "models/by-id.jsonl": json.dumps(RECORDS[0]) + "\n"})
    run_everything(tmp_path, run_id="first")
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    rows = warehouse.scan("predictions", {}).filter(model="by-id").sort("position").collect()
    assert rows["outcome"].to_list() == ["ok"] + ["error"] * 6
    assert rows["error_kind"].to_list() == [None, "not_recorded", "template", *["not_recorded"] * 4]
    assert "column 'said.text' of by-id.jsonl for sample 0 of example 'q2'" in rows["error"][1]
    assert warehouse.scan("responses", {}).filter(pl.col("lane").str.contains("by-id")).collect().height == 1
    (run,) = warehouse.scan("runs", {}).filter(model="by-id").collect().to_dicts()
    assert (run["n_rows"], run["n_sent"], run["n_failed"], run["ended"]) == (6, 6, 5, "complete")
    assert json.loads(run["failures"]) == {"not_recorded": 5}
