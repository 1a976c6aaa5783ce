"""One table through every door and on every surface: the same numbers everywhere."""

import json
import re
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

import eval_assets as ea
from eval_assets.compat import mlflow
from eval_assets.reports.metric_keys import metric_key
from tests.command_line import exit_code, isolated

ROWS = json.loads((Path(__file__).parents[1] / "data" / "mlflow_models_evaluate.json").read_text("utf-8"))["rows"]
TASK = "question-answering"
COLUMNS = {"inputs": "question", "targets": "truth", "context": "passage"}
METRICS = ["exact_match", "token_f1", "rougeL", "ari_grade_level", "flesch_kincaid_grade_level", "token_count"]
CANDIDATE = "answer@as-asked"
DIGITS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    """A project with the table as a dataset and its outputs as recorded predictions, computed by the command line."""
    folder = tmp_path_factory.mktemp("doors")
    lines = [json.dumps({**row, "example_id": str(number)}) for number, row in enumerate(ROWS)]
    card = f"task: {TASK}\nfile: qa.jsonl\ncolumns: {json.dumps(COLUMNS)}\n"
    files = {
        "datasets/qa.yaml": card,
        "datasets/qa.jsonl": "\n".join(lines),
        "models/answer.yaml": "provider: recorded\nfile: answer.jsonl\ncolumns: {output: answer}\n",
        "models/answer.jsonl": "\n".join(lines),
        "prompts/as-asked.md": "## user\n{{ inputs }}\n",
        "evaluations/doors.yaml": f"dataset: qa\nmodels: [answer]\nprompts: [as-asked]\nmetrics: {METRICS}\n"
        "without_metrics: [toxicity]\ngates: [{metric: token_f1, min: 0.99}]\n",
    }
    for name, text in files.items():
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        isolated(patch, folder / "dagster")
        patch.delenv("EVAL_ASSETS_DATA", raising=False)
        patch.chdir(folder)
        assert exit_code(folder / "data", "run", "doors", "--no-gate") == 0
        yield folder


@pytest.fixture(scope="module")
def stored(folder: Path) -> pl.DataFrame:
    """The aggregates as the table holds them: what everything else is held against."""
    rows = ea.open_project(folder).report("doors").report.aggregates.filter(pl.col("slice_column").is_null())
    table = pl.scan_delta(str(folder / "data" / "warehouse" / "aggregate_reports")).collect()
    assert table.filter(pl.col("slice_column").is_null()).select(rows.columns).equals(rows)
    return rows


@pytest.fixture(scope="module")
def means(stored: pl.DataFrame) -> dict[str, float]:
    """Key → mean of each metric, in MLflow's words."""
    found = {metric_key(row["metric"], row["version"], "mean"): row["mean"] for row in stored.iter_rows(named=True)}
    assert found["exact_match/v1/mean"] == 0.4  # two of five answers are the truth to the letter
    assert len(found) == len(METRICS)
    return found


@pytest.fixture(scope="module")
def scores(folder: Path) -> dict[str, list[float]]:
    """Metric → its scores in the order of the rows, as the table holds them."""
    table = pl.scan_delta(str(folder / "data" / "warehouse" / "heuristic_metrics")).filter(evaluation="doors")
    rows = table.sort("position").group_by("metric", maintain_order=True).agg("score").collect()
    return dict(rows.iter_rows())


def printed(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    exit_code(folder / "data", *arguments)
    return capsys.readouterr().out


def rounded(numbers: Any) -> Any:
    return {key: round(value, DIGITS) for key, value in numbers.items()}


def test_python_over_the_same_frame_has_the_numbers_of_the_command_line(
    means: dict[str, float], scores: dict[str, list[float]]
) -> None:
    result = ea.evaluate(pl.DataFrame(ROWS), "answer", columns=COLUMNS, task=TASK, metrics=METRICS)
    assert {key: value for key, value in result.metrics.items() if key.endswith("/mean")} == means
    assert {metric: result.df[metric].to_list() for metric in METRICS} == scores
    assert dict(result.summary.select("metric", "mean").iter_rows()) == {
        key.partition("/")[0]: mean for key, mean in means.items()
    }


def test_the_door_of_mlflow_has_the_numbers_of_the_command_line(
    means: dict[str, float], scores: dict[str, list[float]]
) -> None:
    import pandas as pd

    result = mlflow.evaluate(
        data=pd.DataFrame(ROWS), predictions="answer", targets="truth", extra_metrics=METRICS,
        evaluator_config={"col_mapping": {"inputs": "question", "context": "passage"}},
    )  # fmt: skip
    bare = {"exact_match/v1": "exact_match/v1/mean"}
    found = {bare.get(key, key): value for key, value in result.metrics.items()}
    assert {key: value for key, value in found.items() if key.endswith("/mean")} == means
    table = result.tables["eval_results_table"]
    columns = {column.removesuffix("/score").partition("/")[0]: column for column in table.columns}
    assert {metric: table[columns[metric]].tolist() for metric in METRICS if metric != "exact_match"} == {
        metric: found for metric, found in scores.items() if metric != "exact_match"
    }


def test_the_project_opened_from_python_has_them(
    folder: Path, means: dict[str, float], scores: dict[str, list[float]]
) -> None:
    project = ea.open_project(folder)
    report = project.report("doors")
    assert {key: value for key, value in report.metrics.items() if key.endswith("/mean")} == means
    long = project.scores("doors").sort("metric", pl.col("example_id").cast(pl.Int64))
    assert dict(long.group_by("metric", maintain_order=True).agg("score").iter_rows()) == scores


def test_a_search_over_runs_has_them(folder: Path, stored: pl.DataFrame, means: dict[str, float]) -> None:
    (row,) = ea.open_project(folder).search_runs(evaluations="doors").iter_rows(named=True)
    assert {key: row[f"metrics.{key}"] for key in means} == means
    (f1,) = stored.filter(metric="token_f1").iter_rows(named=True)
    told = ("variance", "p90", "ci_low", "ci_high", "n_scored", "n_total")
    assert {name: row[f"metrics.token_f1/{f1['version']}/{name}"] for name in told} == {name: f1[name] for name in told}


def test_the_report_in_every_format_has_them(
    folder: Path, stored: pl.DataFrame, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    by_metric = {row["metric"]: row for row in stored.iter_rows(named=True)}
    found = json.loads(printed(folder, capsys, "report", "doors", "--format", "json"))
    (candidate,) = found["candidates"]
    assert {metric: candidate["metrics"][metric]["mean"] for metric in METRICS} == {
        metric: by_metric[metric]["mean"] for metric in METRICS
    }
    printed(folder, capsys, "report", "doors", "--format", "parquet", "--output", str(tmp_path))
    assert pl.read_parquet(tmp_path / "aggregates.parquet").equals(stored)
    page = (folder / "data" / "warehouse" / "reports" / "doors.html").read_text()
    for text in (
        printed(folder, capsys, "report", "doors"),
        printed(folder, capsys, "report", "doors", "--format", "md"),
        printed(folder, capsys, "report", "doors", "--format", "html"),
        page,
    ):
        for metric in METRICS:
            assert re.search(rf"(?<![\d.]){shown(by_metric[metric])}(?![\d])", text), metric


def test_gates_and_the_history_have_them(
    folder: Path, stored: pl.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    (mean,) = stored.filter(metric="token_f1")["mean"]
    gates = json.loads(printed(folder, capsys, "gate", "doors", "--format", "json"))
    assert [gate["observed"] for gate in gates["gates"]] == [mean]
    history = ea.open_project(folder).report("doors").report.history
    assert dict(history.select("metric", "mean").iter_rows()) == dict(stored.select("metric", "mean").iter_rows())


def test_the_ui_of_dagster_has_them(folder: Path, stored: pl.DataFrame) -> None:
    with dg.DagsterInstance.get() as instance:
        events = instance.fetch_materializations(dg.AssetKey("aggregate_reports"), limit=1).records
    metadata = events[0].asset_materialization.metadata
    assert {row["metric"]: metadata[f"{row['metric']}_mean"].value for row in stored.iter_rows(named=True)} == dict(
        stored.select("metric", "mean").iter_rows()
    )


def shown(row: dict[str, Any]) -> str:
    """A mean as people read it, to be found in a text."""
    from eval_assets.wording.numbers import number_text

    return re.escape(number_text(row["mean"], within=(row["ci_low"], row["ci_high"])))
