"""`ea.open_project`: what evaluations found, searches over their states, plans and runs."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import eval_assets as ea
from eval_assets.errors import ConfigError, RunFailedError, StorageError
from tests.small_project import compute_everything, project_with

CODE = "def short(messages):\n    return 'Because.'\n\ndef long(messages):\n    return 'Because of that, I think.'\n"
FILES = {
    "models/short.yaml": "provider: callable\ncallable: answers_of_open_project:short\n",
    "models/long.yaml": "provider: callable\ncallable: answers_of_open_project:long\n",
    "models/echo.yaml": "provider: callable\ncallable: answers_of_open_project:short\n",
    "evaluations/e.yaml": "dataset: qa\nmodels: [short, long]\nprompts: [ask]\nmetrics: [token_f1]\n"
    "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level, token_count]\n",
    "evaluations/other.yaml": "dataset: qa\nmodels: [short]\nprompts: [ask]\nmetrics: [contains]\n"
    "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level, token_count]\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with two evaluations, computed twice, the second time with another prompt."""
    folder = tmp_path_factory.mktemp("opened")
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("EVAL_ASSETS_WAREHOUSE", "EVAL_ASSETS_DATA", "DAGSTER_HOME"):
            patch.delenv(variable, raising=False)
        write_project(folder)
        compute_everything(folder, run_id="run-1")
        (folder / "data/prompts/ask.md").write_text("## user\nBriefly: {{ inputs }}\n")
        compute_everything(folder, run_id="run-2")
        yield folder


def write_project(folder: Path) -> None:
    (folder / "answers_of_open_project.py").write_text(CODE)
    project_with(folder, **FILES)


@pytest.fixture(scope="module")
def opened(folder: Path) -> ea.OpenedProject:
    return ea.open_project(folder)


def test_a_project_is_opened_by_its_folder_its_files_or_from_below(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "data" / "prompts")
    for opened in (ea.open_project(folder), ea.open_project(folder / "data"), ea.open_project()):
        assert opened.folder == folder
        assert opened.evaluations == ("e", "other")
    assert repr(opened) == f"<project {folder}: evaluations e, other>"


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="evaluations"):
        ea.open_project(tmp_path)


def test_a_report_shows_itself_and_gives_frames(opened: ea.OpenedProject) -> None:
    report = opened.report("e")
    assert "long@ask" in repr(report)
    assert report._repr_markdown_().startswith("**e: ")
    assert "<html" in report.html
    assert report.metrics["short@ask/exact_match/v1/mean"] == 1
    assert report.summary.filter(candidate="long@ask", metric="token_f1")["is_baseline"].to_list() == [False]
    assert report.json["evaluation"] == "e"
    assert report.outdated == ()
    assert report.verdict.verdict.value == "GO"
    (flip,) = report.flips("long@ask", "exact_match")
    assert (flip.candidate_output, flip.baseline_output) == ("Because of that, I think.", "Because.")


def test_scores_come_long_in_either_kind_of_frame(opened: ea.OpenedProject) -> None:
    scores = opened.scores("e")
    assert scores.filter(candidate="short@ask", metric="exact_match")["score"].to_list() == [1.0]
    as_pandas = opened.scores("e", as_pandas=True)
    assert type(as_pandas).__module__.startswith("pandas")
    assert as_pandas["score"].tolist() == scores["score"].to_list()


@pytest.mark.parametrize("name", ["report", "scores"])
def test_an_unknown_evaluation_is_refused_and_one_without_results_says_so(
    opened: ea.OpenedProject, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match="there is no 'missing'"):
        getattr(opened, name)("missing")
    project_with(tmp_path)
    with pytest.raises(StorageError, match="no results yet"):
        getattr(ea.open_project(tmp_path), name)("e")


def test_a_search_finds_states_by_plain_polars_filters(opened: ea.OpenedProject) -> None:
    found = opened.search_runs(pl.col("metrics.exact_match/v1/mean") == 1, evaluations="e")
    assert found.select("candidate", "run_id").rows() == [("short@ask", "run-2"), ("short@ask", "run-1")]
    both = opened.search_runs([pl.col("is_current"), pl.col("model") == "long"])
    assert both.select("evaluation", "candidate", "prompt_version").rows() == [("e", "long@ask", 2)]


def test_a_search_is_ordered_by_columns_or_expressions_and_cut(opened: ea.OpenedProject) -> None:
    by_name = opened.search_runs(order_by=["evaluation DESC", "candidate", pl.col("prompt_version")])
    assert by_name.select("evaluation", "candidate", "prompt_version").rows() == [
        ("other", "short@ask", 1), ("other", "short@ask", 2),
        ("e", "long@ask", 1), ("e", "long@ask", 2), ("e", "short@ask", 1), ("e", "short@ask", 2),
    ]  # fmt: skip
    best = opened.search_runs(order_by="metrics.exact_match/v1/mean DESC", evaluations=["e"], limit=1)
    assert best["candidate"].to_list() == ["short@ask"]
    assert opened.search_runs(limit=0).height == 0


def test_scores_that_a_state_lacks_come_last_in_an_order(opened: ea.OpenedProject) -> None:
    found = opened.search_runs(order_by="metrics.contains/v1/mean")
    assert found["evaluation"].to_list()[-4:] == ["e"] * 4


def test_a_search_gives_a_pandas_frame_if_asked(opened: ea.OpenedProject) -> None:
    frame = opened.search_runs(as_pandas=True)
    assert frame["run_ids"].tolist()[0] == ["run-2"]
    assert str(frame["started_at"].dtype).startswith("datetime64")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"filter": pl.col("metrics.exact_match/mean") > 0}, r"filter.*'metrics\.exact_match/mean'; did you mean"),
        ({"filter": "metrics.exact_match > 0"}, "expected polars expressions"),
        ({"order_by": "modle"}, "order_by.*'modle'; did you mean 'model'"),
        ({"order_by": [3]}, "expected names of columns"),
        ({"limit": -1}, "limit: expected a number of rows from 0"),
    ],
)
def test_a_search_that_cannot_be_is_refused(opened: ea.OpenedProject, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        opened.search_runs(**arguments)


def test_a_plan_tells_what_would_run_and_sends_nothing(opened: ea.OpenedProject) -> None:
    assert opened.plan().n_to_send == 0
    anew = opened.plan("e", models=["long"], cache="refresh")
    assert anew.n_to_send == 1
    assert "e:long@ask" in repr(anew)
    with pytest.raises(ConfigError, match="did you mean 'long'"):
        opened.plan(models=["lonk"])
    with pytest.raises(ConfigError, match="limit: expected a number of rows from 1"):
        opened.plan(limit=0)


def test_only_runs_import_dagster(folder: Path) -> None:
    code = (
        "import sys; import eval_assets as ea; opened = ea.open_project(sys.argv[1]); opened.report('e').text; "
        "opened.search_runs(); opened.plan(); sys.exit('dagster' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)


def test_each_call_sees_what_was_edited_computed_and_deleted_since_the_last_one(tmp_path: Path) -> None:
    write_project(tmp_path)
    opened = ea.open_project(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("EVAL_ASSETS_WAREHOUSE", "EVAL_ASSETS_DATA", "DAGSTER_HOME"):
            patch.delenv(variable, raising=False)
        compute_everything(tmp_path, run_id="run-1")
        assert opened.report("other").outdated == ()
        (tmp_path / "data/prompts/ask.md").write_text("## user\nBriefly: {{ inputs }}\n")
        assert len(opened.report("other").outdated) == 1
        compute_everything(tmp_path, run_id="run-2")
        assert opened.report("other").outdated == ()
        assert opened.search_runs(evaluations="other")["run_id"].to_list() == ["run-2", "run-1"]
        shutil.rmtree(tmp_path / "data" / "warehouse")
        with pytest.raises(StorageError, match="no results yet"):
            opened.report("other")
        compute_everything(tmp_path, run_id="run-3")
        assert opened.search_runs(evaluations="other")["run_id"].to_list() == ["run-3"]


def test_an_id_is_traced_back_to_its_row(opened: ea.OpenedProject) -> None:
    prediction = opened.report("e").report.predictions["prediction_id"][0]
    assert opened.trace(prediction)["prediction"]["prediction_id"] == prediction


def test_a_run_from_python_is_that_of_the_command_line_in_the_instance_of_its_project(tmp_path: Path) -> None:
    write_project(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("EVAL_ASSETS_WAREHOUSE", "EVAL_ASSETS_DATA", "DAGSTER_HOME"):
            patch.delenv(variable, raising=False)
        opened, started = ea.open_project(tmp_path), list[str]()
        outcome = opened.run("e", models=["short"], on_start=started.append)
        assert "DAGSTER_HOME" not in os.environ
        assert (tmp_path / ".dagster" / "dagster.yaml").exists()
        assert any("e:short@ask" in what for what in started)
        assert not outcome.unfinished
        assert re.match(r"\d runs, 0 rows without a result\ne: GO, ", repr(outcome))
        again = opened.run("e", models=["short"])
        assert again.plan.is_empty
        assert again.summary.n_runs == 0
    (row,) = opened.search_runs().iter_rows(named=True)
    assert (row["cost_usd"], row["spent_usd"]) == (None, None)  # no price is set
    assert (row["candidate"], row["n_sent"], row["outcomes"]) == ("short@ask", 1, '{"ok": 1}')
    assert row["report_page"] == str(tmp_path / "data" / "warehouse" / "reports" / "e.html")


def test_a_run_works_in_a_notebook_whose_event_loop_is_running(tmp_path: Path) -> None:
    write_project(tmp_path)

    async def cell() -> int:
        return ea.open_project(tmp_path).run("e", models=["short"]).summary.n_runs

    with pytest.MonkeyPatch.context() as patch:
        for variable in ("EVAL_ASSETS_WAREHOUSE", "EVAL_ASSETS_DATA", "DAGSTER_HOME"):
            patch.delenv(variable, raising=False)
        assert asyncio.run(cell()) > 0


def test_a_run_that_could_not_be_finished_is_an_error_unless_it_is_looked_at(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "data" / "evaluations" / "other.yaml").write_text("dataset: nothing\nmodels: [short]\nprompts: [ask]\n")
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("EVAL_ASSETS_WAREHOUSE", "EVAL_ASSETS_DATA", "DAGSTER_HOME"):
            patch.delenv(variable, raising=False)
        opened = ea.open_project(tmp_path)
        with pytest.raises(RunFailedError, match="not run: other"):
            opened.run(models=["short"])
        assert opened.run(models=["short"], check=False).unfinished == ("not run: other",)
        assert opened.report("e").metrics["short@ask/exact_match/v1/mean"] == 1
