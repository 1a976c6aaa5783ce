"""The command line, from check to trace, on a project with a loopback provider."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from eval_assets.stages import report_reading
from eval_assets.storage.warehouse import Warehouse
from tests.projects import Files

CHECKOUT = Path(__file__).resolve().parents[2]

CELL = {"evaluation": "other", "model": "alpha", "prompt": "short"}


def test_check_accepts_the_project_and_names_a_mistake(cli, files: Files) -> None:
    assert cli("check")[0] == 0
    files.change("evaluations", "main", models=["alpha", "betta"])
    code, out, _ = cli("check")
    assert code == 1
    assert "data/evaluations/main.yaml" in out
    assert "got 'betta'; did you mean 'beta'?" in out


def test_run_report_gate_and_trace_fit_together(cli, files: Files, provider) -> None:
    files.change("evaluations", "main", gates=[{"metric": "grader", "min": 1, "min_scored": 2}])
    code, _, err = cli("run", "main")
    assert code == 0, err
    # 4 rows × 4 candidates, and a verdict on each reply.
    assert len(provider.bodies) == 32
    assert err.splitlines()[-1] == "32 requests sent, 0 predictions reused"
    assert "described, not tested" not in cli("report", "main", "--brief")[1]
    code, _, err = cli("report", "main", "--brief", "--format", "md")
    assert (code, "--brief goes with --format table, got --format md" in err) == (2, True)
    code, out, _ = cli("report", "main", "--format", "json")
    report = json.loads(out)
    assert report["evaluation"] == "main"
    assert [(c["model"], c["prompt"]) for c in report["candidates"]] == [
        ("alpha", "short"),
        ("alpha", "long"),
        ("beta", "short"),
        ("beta", "long"),
    ]
    grader = report["candidates"][0]["metrics"]["grader"]
    assert {"n_total", "n_scored", "mean", "variance", "p90", "ci_low", "ci_high"} <= grader.keys()
    assert (grader["n_total"], grader["n_scored"], grader["mean"], grader["variance"]) == (4, 4, 4.0, 0.0)
    for style, expected in (("table", "alpha@short"), ("md", "alpha@short"), ("html", "<!doctype html>")):
        code, out, _ = cli("report", "main", "--format", style)
        assert (code, expected in out.replace("<!DOCTYPE", "<!doctype")) == (0, True)
    folder = files.folder / "tables"
    assert cli("report", "main", "--format", "parquet", "--output", str(folder))[0] == 0
    assert pl.read_parquet(folder / "aggregates.parquet").height > 0
    assert cli("gate", "main")[0] == 0
    score_id = Warehouse(str(files.data / "warehouse")).scan("judge_scores").select("score_id").head(1).collect().item()
    code, out, _ = cli("trace", score_id, "--json")
    traced = json.loads(out)
    assert code == 0
    for part in ("score", "judge", "prediction", "prompt", "model", "example"):
        assert traced[part]["run_id"], part
        assert traced[part]["delta"]["version"] >= 0, part
    assert traced["prompt"]["template"]
    assert traced["example"]["example_id"]


def test_the_report_is_read_once_for_its_page_and_what_the_ui_shows(
    cli_after_run, files_after_run: Files, monkeypatch
) -> None:
    read = []
    load_report = report_reading.load_report
    monkeypatch.setattr(report_reading, "load_report", lambda *args, **kw: read.append(1) or load_report(*args, **kw))
    files_after_run.change("evaluations", "main", gates=[{"metric": "grader", "min": 1, "min_scored": 2}])
    assert cli_after_run("run", "main")[0] == 0
    assert len(read) == 1


def test_a_gate_speaks_of_the_files_as_they_stand(cli_after_run, files_after_run: Files) -> None:
    cli, files = cli_after_run, files_after_run
    gate = {"metric": "grader", "min": 1, "min_scored": 2}
    files.change("evaluations", "main", gates=[gate])
    assert cli("run", "main")[0] == 0
    files.edit_prompt("short")
    code, out, _ = cli("gate", "main")
    assert code == 3
    assert "INCONCLUSIVE" in out
    assert "out of date: alpha@short: prompt short v1 → v2: user message changed; beta@short" in out
    assert 'name="results are up to date"' in cli("gate", "main", "--format", "junit")[1]
    for style in ("table", "md", "html"):
        assert "Out of date: alpha@short: prompt short v1" in cli("report", "main", "--format", style)[1]
    assert json.loads(cli("report", "main", "--format", "json")[1])["notes"][0]["text"].startswith("Out of date")
    assert cli("run", "main")[0] == 0
    assert cli("gate", "main")[0] == 0
    assert "Out of date" not in cli("report", "main")[1]


def test_a_gate_without_conditions_is_refused(cli_after_run) -> None:
    code, _, err = cli_after_run("gate", "other")
    assert code == 2
    assert "data/evaluations/other.yaml: expected `gates`" in err


def test_plan_counts_what_run_then_does(cli_after_run, files_after_run: Files, provider_after_run) -> None:
    cli, files, provider = cli_after_run, files_after_run, provider_after_run
    files.edit_prompt("short")
    code, out, _ = cli("plan", "main", "--json")
    partitions = {partition["partition"]: partition for partition in json.loads(out)["partitions"]}
    assert code == 0
    changed = partitions["main:alpha@short"]
    assert (changed["generate"], changed["judge"], changed["rescore"], changed["reuse"]) == (4, 4, 4, 0)
    assert any("prompt short v1 → v2" in cause for cause in changed["causes"])
    assert partitions["main:alpha@long"]["causes"] == []
    before = len(provider.bodies)
    cli("run", "main")
    # Two candidates with the edited prompt, four rows, a reply and a verdict each.
    assert len(provider.bodies) - before == 16


def test_a_missing_key_is_said_before_any_request(cli, files: Files, provider, monkeypatch) -> None:
    monkeypatch.delenv("ALPHA_KEY", raising=False)
    files.change("models", "alpha", api_key_env="ALPHA_KEY")
    code, _, err = cli("run", "other")
    assert code == 2
    assert "ALPHA_KEY" in err
    assert provider.bodies == []


def test_a_new_price_holds_for_the_next_request_and_makes_nothing_stale(
    cli_after_run, files_after_run: Files, provider_after_run
) -> None:
    cli, files, provider = cli_after_run, files_after_run, provider_after_run
    sent = len(provider.bodies)
    files.change("models", "alpha", prices={"request_usd": 0.25})
    assert json.loads(cli("plan", "other", "--json")[1])["partitions"][0]["causes"] == []
    files.add_rows(1)
    assert cli("run", "other")[0] == 0
    costs = Warehouse(str(files.data / "warehouse")).scan("predictions", CELL).sort("position").collect()
    assert len(provider.bodies) == sent + 1
    # Before there was a price the cost was unknown, which is not 0.
    assert costs["cost_usd"].to_list() == [None, None, None, None, 0.25]


def test_a_missing_dataset_is_said_by_the_run(cli, files: Files) -> None:
    (files.data / "datasets" / "qa.jsonl").unlink()
    code, _, err = cli("run", "other")
    assert code == 2
    assert "expected one row file qa.jsonl" in err


def test_an_unknown_name_is_answered_with_the_nearest(cli) -> None:
    code, _, err = cli("plan", "mian")
    assert code == 2
    assert "did you mean 'main'?" in err


def test_reload_without_a_dagster_says_how_to_start_one(cli) -> None:
    code, _, err = cli("reload", "--url", "http://127.0.0.1:9")
    assert code == 1
    assert "no Dagster answers at http://127.0.0.1:9" in err
    assert "make ui" in err


def test_help_shows_examples(cli) -> None:
    code, out, _ = cli("--help")
    assert code == 0
    assert "eval-assets run quickstart" in out


def test_the_cache_can_be_looked_at_and_pruned(cli_after_run) -> None:
    cli = cli_after_run
    code, out, _ = cli("cache", "stats")
    assert code == 0
    assert "alpha-1" in out
    assert cli("cache", "prune")[0] == 2
    assert cli("cache", "prune", "--unreferenced")[0] == 0


@pytest.mark.slow
def test_dagster_from_the_shell_gives_the_rows_of_the_command_line(files_after_run: Files) -> None:
    files = files_after_run
    kept = ["prediction_id", "output", "outcome", "request_key"]
    by_cli = (
        Warehouse(str(files.data / "warehouse")).scan("predictions", CELL).select(kept).sort("prediction_id").collect()
    )
    environment = {
        **os.environ,
        "EVAL_ASSETS_DATA": str(files.data),
        "DAGSTER_HOME": str(files.folder / "dagster"),
        "PYTHONPATH": os.pathsep.join([str(CHECKOUT), str(files.folder)]),
    }
    environment.pop("EVAL_ASSETS_WAREHOUSE", None)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("dagster")), "asset", "materialize", "-f", "definitions.py",
            "--select", "predictions", "--partition", "other:alpha@short",
        ],
        cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    by_dagster = (
        Warehouse(str(files.data / "warehouse")).scan("predictions", CELL).select(kept).sort("prediction_id").collect()
    )
    assert by_dagster.equals(by_cli)
    assert by_dagster["outcome"].to_list() == ["ok"] * 4
