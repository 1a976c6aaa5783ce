"""`maintain` over a whole project: what was computed stays fresh and traceable, old runs go."""

import json
import sqlite3
from contextlib import closing

import dagster as dg
import pytest

from eval_assets.automation.instance import open_instance
from eval_assets.automation.run_storage import trim_runs
from eval_assets.names import Names
from eval_assets.plan_runs import QUIET
from eval_assets.storage.warehouse import Warehouse
from tests.storage_ages import age

pytestmark = pytest.mark.usefixtures("unchecked")


def age_runs(instance):
    """Let every run have ended long ago."""
    with closing(sqlite3.connect(f"{instance.root_directory}/history/runs.db")) as runs, runs:
        runs.execute("UPDATE runs SET update_timestamp = '2020-01-01 00:00:00'")


@pytest.mark.slow
def test_old_runs_go_and_those_of_latest_materializations_stay(cli_after_run, files_after_run):
    cli, files = cli_after_run, files_after_run
    files.edit_prompt("short")
    assert cli("run", "other")[0] == 0
    with open_instance(files.folder / "dagster") as instance:
        n_runs = instance.get_runs_count()
        assert trim_runs(instance, 1, Names()).n_runs == 0
        age_runs(instance)
        trimmed = trim_runs(instance, 1, Names())
        assert 0 < trimmed.n_runs == n_runs - instance.get_runs_count()
        assert trimmed.bytes_after < trimmed.bytes_before
    code, out, _ = cli("plan", "other", "--json")
    assert (code, [cell["stale"] for cell in json.loads(out)["partitions"]]) == (0, [False])


@pytest.mark.slow
def test_an_old_prediction_is_traced_and_a_stale_cell_explained_after_maintenance(cli_after_run, files_after_run):
    cli, files = cli_after_run, files_after_run
    files.change("evaluations", "main", models=["alpha"], prompts=["short"])
    files.add_rows(1)
    assert cli("run", "main")[0] == 0  # the dataset has another version now, which `other` wasn't made from
    root = str(files.data / "warehouse")
    prediction = Warehouse(root).scan("predictions", {"evaluation": "other", "model": "alpha", "prompt": "short"})
    identifier = prediction.collect()["prediction_id"][0]
    traced, planned = cli("trace", identifier, "--json")[1], cli("plan", "other")[1]
    assert "1 row added" in planned
    age(root, 100)
    code, out, _ = cli("maintain")
    assert code == 0
    assert "predictions: " in out
    assert "Dagster instance: " in out
    assert cli("trace", identifier, "--json")[1] == traced
    assert cli("plan", "other")[1] == planned


def test_the_job_says_what_it_freed_and_its_schedule_is_off(lab):
    with lab.engine_room() as engine_room:
        definitions = lab.definitions(engine_room)
        schedule = definitions.resolve_schedule_def("maintain_weekly")
        assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
        lab.read_files()
        with dg.DagsterInstance.local_temp() as instance:
            job = definitions.resolve_job_def("maintain")
            result = job.execute_in_process(instance=instance, run_config=QUIET)
        (event,) = [e for e in result.all_events if e.is_successful_output]
        assert "prompts: nothing to do" in event.step_output_data.metadata["freed"].value


@pytest.mark.parametrize("days", ["0", "soon", "predictions=0", "cells=3", "predictions=", "999999"])
def test_days_that_mean_nothing_are_refused(cli, days):
    code, _, err = cli("maintain", "--keep-days", days)
    assert code != 0
    assert "expected" in err
