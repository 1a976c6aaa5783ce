"""The job `refresh` and the sensor `watch_files`: what they ask Dagster to run."""

import dagster as dg
import pytest

from eval_assets.automation import watching
from eval_assets.automation.backfill import partitions_by_asset
from eval_assets.config.project_files import load_project
from eval_assets.plan_runs import QUIET
from eval_assets.stages.stage_table import OF_CELLS

pytestmark = pytest.mark.usefixtures("unchecked")

BETA_CELLS = {"main:beta@long", "main:beta@short"}


@pytest.fixture
def refresh(lab):
    """Run the job; asset → partitions it launched, and the backfills of the instance."""

    def run(**config):
        with lab.engine_room() as engine_room:
            job = lab.definitions(engine_room).resolve_job_def("refresh")
            run_config = {**QUIET, "ops": {"launch_stale": {"config": config}}}
            result = job.execute_in_process(instance=lab.instance, run_config=run_config)
        return result.output_for_node("launch_stale"), lab.instance.get_backfills()

    return run


def watched(lab, engine_room, cursor):
    """Evaluate the sensor; `job[partition]` of each run it asks for, and its cursor."""
    sensor = lab.definitions(engine_room).resolve_sensor_def("watch_files")
    context = dg.build_sensor_context(instance=lab.instance, cursor=cursor)
    result = sensor(context)
    return [f"{request.job_name}[{request.partition_key}]" for request in result.run_requests], result.cursor


def targeted(backfill):
    """Asset → partitions of a backfill."""
    subset = backfill.asset_backfill_data.target_subset
    targets = {}
    for key, partition in subset.iterate_asset_partitions():
        targets.setdefault(key.to_user_string(), set()).add(partition)
    return targets


def test_refresh_requests_exactly_the_partitions_of_the_plan(lab, refresh):
    expected = {table: set(keys) for table, keys in partitions_by_asset(lab.plan()).items()}
    chosen, (backfill,) = refresh()
    assert targeted(backfill) == expected == {table: set(keys) for table, keys in chosen.items()}
    assert backfill.title == "refresh"


@pytest.mark.slow
def test_refresh_leaves_fresh_cells_alone(lab, refresh):
    lab.run()
    former = len(lab.instance.get_backfills())
    assert refresh()[0] == {}
    assert len(lab.instance.get_backfills()) == former
    lab.files.change_parameter("beta", temperature=1)
    chosen, (backfill, *_) = refresh()
    assert set(chosen["models"]) == {"beta"}
    assert {table: set(chosen[table]) for table in OF_CELLS} == dict.fromkeys(OF_CELLS, BETA_CELLS)
    assert chosen["comparison"] == ["main"]
    assert set(targeted(backfill)["predictions"]) == BETA_CELLS


def test_refresh_of_a_choice_launches_no_more(lab, refresh):
    chosen, _ = refresh(evaluations=["main"], models=["beta"], prompts=["short"], max_cost_usd=1.0)
    assert chosen["predictions"] == ["main:beta@short"]
    assert set(chosen["models"]) == {"beta", "referee"}
    (backfill,) = lab.instance.get_backfills()
    assert backfill.run_config["ops"]["predictions"] == {"config": {"max_cost_usd": 1.0}}


def test_a_dry_run_launches_nothing_and_shows_the_plan(lab, refresh):
    chosen, backfills = refresh(dry_run=True)
    assert (chosen, list(backfills)) == ({}, [])


def test_the_sensor_asks_for_each_changed_file_once(lab):
    with lab.engine_room() as engine_room:
        first, cursor = watched(lab, engine_room, None)
        assert len(first) == 9  # a dataset, 2 prompts, 3 models, a judge, 2 evaluations
        assert watched(lab, engine_room, cursor) == ([], cursor)  # asked for, not read yet
        lab.read_files()
        assert watched(lab, engine_room, cursor) == ([], "{}")
        assert watched(lab, engine_room, None) == ([], "{}")  # a new sensor reads nothing again
        lab.files.edit_prompt("short")
        asked, cursor = watched(lab, engine_room, "{}")
        assert asked == ["read_prompts[short]"]
        lab.files.write_prompt("short", "{{ inputs }}")  # taken back before it was read
        assert watched(lab, engine_room, cursor) == ([], "{}")


def test_a_sensor_that_finds_everything_as_it_was_reads_no_file(lab, monkeypatch):
    n_looks = []
    monkeypatch.setattr(watching, "load_project", lambda folder: n_looks.append(1) or load_project(folder))
    with lab.engine_room() as engine_room:
        lab.read_files()
        sensor = lab.definitions(engine_room).resolve_sensor_def("watch_files")

        def tick(cursor):
            result = sensor(dg.build_sensor_context(instance=lab.instance, cursor=cursor))
            return [request.job_name for request in result.run_requests or ()], result.cursor

        assert [tick("{}"), tick("{}"), tick("{}")] == [([], "{}")] * 3
        assert len(n_looks) == 1
        lab.files.edit_prompt("short")
        asked, cursor = tick("{}")
        assert (asked, len(n_looks)) == (["read_prompts"], 2)
        assert [tick(cursor), tick(cursor)] == [([], cursor)] * 2
        assert len(n_looks) == 2
        lab.read_files()
        assert tick(cursor) == ([], "{}")  # its table has it now
        (lab.files.data.parent / "new_module.py").write_text("x = 1\n")
        tick("{}")
        assert len(n_looks) == 4


def test_the_sensor_leaves_out_files_that_are_new_or_broken(lab):
    with lab.engine_room() as engine_room:
        lab.read_files()
        lab.files.write_prompt("new", "{{ inputs }}")  # has no partition before the code location is reloaded
        (lab.files.data / "prompts" / "long.md").write_text("no section")
        lab.files.edit_prompt("short")
        asked, cursor = watched(lab, engine_room, "{}")
        assert "read_prompts[short]" in asked
        assert not {"read_prompts[new]", "read_prompts[long]"} & set(asked)
        assert "prompts/new" not in cursor


def test_the_sensor_reads_the_sound_files_beside_broken_ones(lab):
    data = lab.files.data
    (data / "models/tag.yaml").write_text("provider: !ENV X\n")
    (data / "judges/itself.yaml").write_text("definition: &d [*d]\n")
    (data / "evaluations/folder.yaml").mkdir()
    (data / "prompts/gone.md").symlink_to("nowhere.md")
    (data / "datasets/bare.yaml").write_text("task: text\n")
    with lab.engine_room() as engine_room:
        asked, _ = watched(lab, engine_room, None)
    assert {
        "read_models[alpha]",
        "read_prompts[short]",
        "read_evaluations[main:predictions]",
        "read_eval_datasets[qa]",
    } <= set(asked)
    assert not [run for run in asked if any(name in run for name in ("tag", "itself", "folder", "gone", "bare"))]
