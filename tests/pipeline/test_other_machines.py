"""A run on a machine that lacks something says what, and leaves the other cells alone."""

from types import SimpleNamespace

import dagster as dg
import pytest

from eval_assets.assets.planned_code import CODE_TAG, code_now
from eval_assets.automation.failed_runs import first_failure
from eval_assets.names import EVALUATE_CELL
from eval_assets.plan_runs import QUIET
from eval_assets.resources.shared_room import ProgressLines
from tests.projects import Lab

pytestmark = pytest.mark.usefixtures("unchecked")


def executed(lab: Lab, cell: str, **tags: str) -> dg.ExecuteInProcessResult:
    """Run a cell as a worker does, which is handed a run and its tags."""
    with lab.engine_room() as room:
        job = lab.definitions(room).resolve_job_def(EVALUATE_CELL)
        return job.execute_in_process(
            instance=lab.instance, run_config=QUIET, tags={"dagster/partition": cell, **tags}, raise_on_error=False
        )


def test_each_cell_runs_where_it_can_and_says_why_where_it_cannot(lab, files, provider, monkeypatch) -> None:
    monkeypatch.delenv("KEY_OF_BETA", raising=False)
    files.change("models", "beta", api_key_env="KEY_OF_BETA")
    files.change("evaluations", "main", judges=[])
    lab.read_files()

    without_key = executed(lab, "main:beta@short")
    assert not without_key.success
    assert "needs the environment variable KEY_OF_BETA, which is not set" in str(first_failure(without_key.all_events))

    other_release = executed(lab, "main:alpha@short", **{CODE_TAG: "0.0.1-00000000"})
    assert not other_release.success
    assert f"expected eval-assets 0.0.1-00000000, with which this run was planned, got {code_now()} on" in str(
        first_failure(other_release.all_events)
    )
    assert provider.requests == 0

    assert executed(lab, "main:alpha@short", **{CODE_TAG: code_now()}).success
    assert provider.requests == 4

    files.change("evaluations", "main", prompts=["short"])
    undeclared = executed(lab, "main:alpha@long")
    assert not undeclared.success
    assert "main:alpha@long" in str(first_failure(undeclared.all_events))
    assert provider.requests == 4


def test_progress_is_a_row_of_dagsters_database_every_ten_seconds_at_most() -> None:
    said: list[str] = []
    lines = ProgressLines(said.append)
    for cell in ("main:alpha@short", "main:alpha@short", "main:beta@short"):
        lines(cell, "predictions", SimpleNamespace(done=1))
    assert [line.partition(" ")[0] for line in said] == ["main:alpha@short", "main:beta@short"]
