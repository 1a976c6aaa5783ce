"""Every state that a candidate was computed in, as a search over them sees it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from eval_assets.reports.states.state_frame import STATE_COLUMNS, state_frame
from eval_assets.storage.report_pages import ReportPages
from eval_assets.storage.warehouse import Warehouse
from tests.small_project import compute_everything, project_with

PROMPT = "## user\n{{ inputs }}\n"
MODEL = "provider: callable\ncallable: answers_of_states:shortly\nparameters: {temperature: 0}\n"
CODE = (
    "def shortly(messages, temperature):\n    return 'Because.' if messages[-1]['content'] == 'Why?' else 'No idea.'\n"
)
EVALUATION = (
    "dataset: qa\nmodels: [echo]\nprompts: [ask]\njudges: [right]\nmetrics: [contains]\n"
    "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level]\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project computed four times: as it was, with another prompt, with a further metric, as it was at first."""
    folder = tmp_path_factory.mktemp("states")
    started = {"models/echo.yaml": MODEL, "prompts/ask.md": PROMPT, "evaluations/e.yaml": EVALUATION}
    (folder / "answers_of_states.py").write_text(CODE)
    project_with(folder, **started)
    compute_everything(folder, run_id="run-1")
    (folder / "data/prompts/ask.md").write_text("## user\nBriefly: {{ inputs }}\n")
    compute_everything(folder, run_id="run-2")
    (folder / "data/evaluations/e.yaml").write_text(EVALUATION.replace("[contains]", "[contains, rougeL]"))
    compute_everything(folder, run_id="run-3", without=("predictions", "judge_scores"))
    project_with(folder, **started)
    compute_everything(folder, run_id="run-4")
    return folder


@pytest.fixture(scope="module")
def states(folder: Path) -> pl.DataFrame:
    return frame_of(folder)


def frame_of(folder: Path, *evaluations: str) -> pl.DataFrame:
    warehouse = Warehouse(str(folder / "data" / "warehouse"))
    return state_frame(warehouse, ReportPages(warehouse), evaluations or None)


def test_each_state_is_a_row_and_the_one_computed_last_comes_first(states: pl.DataFrame) -> None:
    assert states["run_id"].to_list() == ["run-3", "run-2", "run-1"]
    assert states["state"].n_unique() == 3
    assert list(states.columns[: len(STATE_COLUMNS)]) == list(STATE_COLUMNS)


def test_a_state_that_came_back_is_the_former_one_and_names_the_run_that_brought_it_back(states: pl.DataFrame) -> None:
    assert states["is_current"].to_list() == [False, False, True]
    assert states["run_ids"].to_list() == [["run-3", "run-2"], ["run-2"], ["run-1", "run-4"]]


def test_a_state_names_the_versions_of_everything_it_was_made_from(states: pl.DataFrame) -> None:
    assert states["prompt_version"].to_list() == [2, 2, 1]
    assert states["model_version"].to_list() == [1, 1, 1]
    assert states["evaluation_version"].to_list() == [2, 1, 1]
    assert states["judges.right"].to_list() == [1, 1, 1]
    assert states["dataset"].to_list() == ["qa"] * 3
    assert states["dataset_version"].n_unique() == 1


def test_parameters_of_the_model_are_columns(states: pl.DataFrame) -> None:
    assert states["params.temperature"].to_list() == [0, 0, 0]
    assert states["params.callable"].unique().to_list() == ["answers_of_states:shortly"]


def test_metrics_are_columns_under_their_keys_and_null_where_a_state_lacked_them(states: pl.DataFrame) -> None:
    assert states["metrics.contains/v1/mean"].to_list() == [0, 0, 1]
    assert states["metrics.contains/v1/n_scored"].to_list() == [1, 1, 1]
    assert states["metrics.rougeL/v1/mean"].to_list() == [0, None, None]
    assert states["metrics.token_count/variance"].to_list() == [0, 0, 0]  # of one row


def test_each_state_says_what_its_run_sent_and_reused(states: pl.DataFrame) -> None:
    # One prediction, one verdict, and a second try for the verdict, since the model doesn't answer as a judge has to.
    assert states["n_sent"].to_list() == [0, 3, 3]
    assert states["n_reused"].to_list() == [0, 0, 0]  # the run with another metric had nothing to ask
    assert states["n_rows"].to_list() == [1, 1, 1]
    assert states["outcomes"].to_list() == ['{"ok": 1}'] * 3


def test_times_are_those_of_the_run_that_computed_the_state(states: pl.DataFrame) -> None:
    assert (states["started_at"] <= states["ended_at"]).all()
    assert states["ended_at"].is_sorted(descending=True)
    assert (datetime.now(UTC) - states["ended_at"][0]).total_seconds() < 600


def test_the_report_page_is_an_artifact_of_the_present_state_alone(states: pl.DataFrame, folder: Path) -> None:
    page = str(folder / "data" / "warehouse" / "reports" / "e.html")
    assert states["report_page"].to_list() == [None, None, page]


def test_former_states_keep_their_metrics_when_the_rows_behind_them_are_gone(
    states: pl.DataFrame, folder: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "copied"))
    warehouse = Warehouse(str(copied / "data" / "warehouse"))
    for table in ("predictions", "heuristic_metrics", "judge_scores", "aggregate_reports"):
        warehouse.delta_table(table).vacuum(0, dry_run=False, enforce_retention_duration=False)
    assert frame_of(copied).drop("report_page").equals(states.drop("report_page"))


def test_a_state_that_was_never_compared_has_the_metrics_of_its_report(folder: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "copied"))
    shutil.rmtree(copied / "data" / "warehouse" / "comparison")
    assert frame_of(copied)["metrics.contains/v1/mean"].to_list() == [None, None, 1]


def test_only_the_chosen_evaluations_are_looked_through(folder: Path) -> None:
    assert frame_of(folder, "e").height == 3
    assert frame_of(folder, "other").height == 0


def test_a_warehouse_without_results_has_no_states(tmp_path: Path) -> None:
    found = state_frame(Warehouse(str(tmp_path)), tmp_path)
    assert found.height == 0
    assert dict(found.schema) == STATE_COLUMNS
