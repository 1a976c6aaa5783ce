"""Ids, keys and versions that stand in warehouses: one of each kind, as the release that wrote them printed it."""

from pathlib import Path

import polars as pl

from eval_assets.config.project_files import load_project
from eval_assets.judges.fingerprint import judge_fingerprint
from eval_assets.metrics.registry import metric_fingerprint, resolve_metrics
from eval_assets.metrics.scoring.prediction_scores import score_predictions
from eval_assets.reports.evaluation_report import examples_sha256
from eval_assets.requests.keys import ModelIdentity, lane_of
from eval_assets.stages.answer_rows import prediction_id
from eval_assets.stages.file_versions import FileVersions
from eval_assets.stages.graph import Cell
from eval_assets.storage.versions import record_version
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import provenance
from tests.builders import frame_of, prediction

FILES = {
    "datasets/qa.yaml": "task: question-answering\nlabels: [{file: qa-labels.jsonl}]\n",
    "datasets/qa.jsonl": '{"example_id": "é", "inputs": "Wo?", "targets": ["Zürich", 1.0], "context": "x"}\n',
    "datasets/qa-labels.jsonl": '{"example_id": "é", "model": "local", "prompt": "ask", "rater": "ann", "label": 3}\n',
    "prompts/ask.md": "## system\nKurz.\n## user\nFrage é: {{ inputs }}\n",
    "models/local.yaml": "provider: openai\nbase_url: http://localhost:8000/v1\nmodel: m\nparameters: {top_p: 1.0}\n",
    "judges/grader.yaml": (
        "definition: Good.\nrubric: 1 is bad, 2 is good\nscale: {min: 1, max: 2}\nmodel: local\nversion: v1\n"
    ),
}
"""Path in `data/` → text."""


def test_versions_of_files_stay(tmp_path: Path) -> None:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    project = load_project(tmp_path)
    versions = FileVersions(project)
    assert versions.sha256("datasets", "qa") == "8f2b70c48d256d82"
    assert versions.sha256("prompts", "ask") == "5eb387f422a588f2"
    assert versions.sha256("models", "local") == "56b5154e27078e50"
    assert versions.sha256("judges", "grader") == "4a9b2e5dd454c89a"
    fingerprint = judge_fingerprint(project.judge("grader"))
    assert fingerprint == "2416a5408b1cfcde65aa525d9f41c06f8ac73a674b5b62a48e24c48377c62232"


def test_ids_of_predictions_and_scores_stay() -> None:
    assert prediction_id(Cell("trial", "alpha", "ask"), "é", 1, "ab") == "p-26ccbaf37b54f7805710846b"
    [metric] = [metric for metric in resolve_metrics("question-answering") if metric.label == "exact_match"]
    assert metric_fingerprint(metric) == "6326cef965573d749feb39dcec1e38b55f4ff9da0f54fd18ff47b55177cb4260"
    cell = {"evaluation": "trial", "model": "alpha", "prompt": "ask"}
    answered = frame_of("predictions", [prediction(output="Zürich")])
    [scores] = score_predictions([answered], [metric], previous=None, cell=cell, run_id="r")
    assert scores["score_id"].to_list() == ["s-01568ab008f36aa52763e0e5"]


def test_what_is_recorded_with_tables_stays(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    content = {"z": "é", "a": 1.0}
    record_version(
        warehouse, "prompts", name="ask", content_sha256="ab", content=content, source="", description="", run_id="r"
    )
    assert warehouse.scan("prompts").collect()["content"].to_list() == ['{"a": 1.0, "z": "é"}']
    inputs = {"z/é": "1", "a/b": "2"}
    recorded = provenance(run_id="r", data_version="d", code_version="c", inputs=inputs)
    assert recorded["inputs"] == '{"a/b": "2", "z/\\u00e9": "1"}'


def test_names_of_lanes_and_of_sets_of_examples_stay() -> None:
    identity = ModelIdentity("openai", "http://localhost:8000/v1", "m")
    assert lane_of(identity) == "openai-localhost-8000-m-d6bd5e87"
    rows = pl.DataFrame({"example_id": ["é", "a"], "example_sha256": ["2", "1"]})
    assert examples_sha256(rows) == "8673fd7040a9bbd72902abb4373e3f3b118cd2bf8a42080eaa915a93737f142c"
