"""The job `refresh`, schedules and sensors: what they run, and what they ask Dagster to run."""

import os
import signal

import dagster as dg
import pytest

from eval_assets import run_jobs
from eval_assets.assets.file_reading import read_file, reading_config
from eval_assets.assets.planned_code import CODE_TAG, code_now
from eval_assets.automation import refresh as refresh_module
from eval_assets.automation import watching
from eval_assets.automation.backfill import partitions_by_asset
from eval_assets.automation.claims import claim
from eval_assets.automation.refresh import refresh_config
from eval_assets.config.project_files import load_project
from eval_assets.names import Names
from eval_assets.stages.stage_table import FILES, OF_CELLS, OF_EVALUATIONS
from tests.dagster_staleness import AutomationSensor
from tests.loopback import Fault
from tests.projects import Lab

pytestmark = pytest.mark.usefixtures("unchecked")

MAIN_CELLS = {"main:alpha@short", "main:beta@long"}
BETA_CELLS = {"main:beta@long"}


@pytest.fixture
def files(files):
    """Two candidates of `main` that share neither model nor prompt, and the one of `other`."""
    files.change("evaluations", "main", skip=["alpha@long", "beta@short"])
    return files


@pytest.fixture
def refresh(lab):
    """Run the job; asset → partitions it launched, and the backfills of the instance."""

    def run(**config):
        return launched(lab.refresh(**config)), lab.instance.get_backfills()

    return run


def launched(run):
    """Table → partitions that a run of the job has run or launched."""
    (output,) = (event for event in run.all_node_events if event.is_successful_output)
    return output.step_output_data.metadata["partitions"].value


def ticked(lab, engine_room, sensor, cursor):
    """Evaluate a sensor; the configuration of the one run it asks for, if it does, and its cursor."""
    context = dg.build_sensor_context(instance=lab.instance, cursor=cursor)
    result = lab.definitions(engine_room).resolve_sensor_def(sensor)(context)
    configs = [next(iter(request.run_config["ops"].values()))["config"] for request in result.run_requests or ()]
    assert len(configs) <= 1
    return configs[0] if configs else {}, result.cursor


def watched(lab, engine_room, cursor):
    """Evaluate the sensor `watch_files`; the files it asks to be read, and its cursor."""
    config, cursor = ticked(lab, engine_room, "watch_files", cursor)
    return config.get("files", []), cursor


def written_twice(lab):
    """Partitions of cells and evaluations that more than one run has written."""
    twice = []
    for table in (*OF_CELLS, *OF_EVALUATIONS):
        written = lab.instance.fetch_materializations(dg.AssetKey(table), limit=100).records
        partitions = [record.partition_key for record in written]
        twice += [f"{table}/{key}" for key in set(partitions) if partitions.count(key) > 1]
    return twice


def targeted(backfill):
    """Asset → partitions of a backfill."""
    subset = backfill.asset_backfill_data.target_subset
    targets = {}
    for key, partition in subset.iterate_asset_partitions():
        targets.setdefault(key.to_user_string(), set()).add(partition)
    return targets


def test_refresh_on_the_queue_requests_exactly_the_partitions_of_the_plan(lab, refresh):
    expected = {table: set(keys) for table, keys in partitions_by_asset(lab.plan()).items()}
    chosen, (backfill, reading) = refresh(where="queue")
    assert expected == {table: set(keys) for table, keys in chosen.items()}
    assert targeted(backfill) == {table: keys for table, keys in expected.items() if table not in FILES}
    assert backfill.title == "refresh"
    assert backfill.tags[CODE_TAG] == code_now()
    # Files are read where the plan was made, and by nobody else.
    assert set(targeted(reading)) == set(FILES)
    assert lab.plan().roots == ()


def test_what_is_below_a_file_that_cant_be_read_is_not_queued(lab, files, monkeypatch):
    def unreadable(room, names, table, name, *, run_id):
        if (table, name) == ("prompts", "long"):
            raise dg.Failure("not this one")
        return read_file(room, names, table, name, run_id=run_id)

    monkeypatch.setattr(run_jobs, "read_file", unreadable)
    result = lab.refresh(where="queue", raise_on_error=False)
    assert not result.success
    (backfill, _) = lab.instance.get_backfills()
    assert targeted(backfill)["predictions"] == {"main:alpha@short", "other:alpha@short"}


@pytest.mark.slow
def test_refresh_leaves_fresh_cells_alone(lab, refresh):
    lab.run()
    former = len(lab.instance.get_backfills())
    assert refresh()[0] == {}
    assert len(lab.instance.get_backfills()) == former
    lab.files.change_parameter("beta", temperature=1)
    chosen, (backfill, *_) = refresh(where="queue")
    assert set(chosen["models"]) == {"beta"}
    assert {table: set(chosen[table]) for table in OF_CELLS} == dict.fromkeys(OF_CELLS, BETA_CELLS)
    assert chosen["comparison"] == ["main"]
    assert set(targeted(backfill)["predictions"]) == BETA_CELLS


def test_refresh_of_a_choice_launches_no_more(lab, refresh):
    chosen, _ = refresh(evaluations=["main"], models=["beta"], prompts=["long"], max_cost_usd=1.0, where="queue")
    assert chosen["predictions"] == ["main:beta@long"]
    assert set(chosen["models"]) == {"beta", "referee"}
    (backfill, _) = lab.instance.get_backfills()
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
        assert asked == ["prompts/short"]
        lab.files.write_prompt("short", "{{ inputs }}")  # taken back before it was read
        assert watched(lab, engine_room, cursor) == ([], "{}")


def test_a_sensor_that_finds_everything_as_it_was_reads_no_file(lab, monkeypatch):
    n_looks = []
    monkeypatch.setattr(watching, "load_project", lambda *where: n_looks.append(1) or load_project(*where))
    with lab.engine_room() as engine_room:
        lab.read_files()
        sensor = lab.definitions(engine_room).resolve_sensor_def("watch_files")

        def tick(cursor):
            result = sensor(dg.build_sensor_context(instance=lab.instance, cursor=cursor))
            return [request.run_config for request in result.run_requests or ()], result.cursor

        assert [tick("{}"), tick("{}"), tick("{}")] == [([], "{}")] * 3
        assert len(n_looks) == 1
        lab.files.edit_prompt("short")
        asked, cursor = tick("{}")
        assert (asked, len(n_looks)) == ([reading_config(Names(), ["prompts/short"])], 2)
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
        assert "prompts/short" in asked
        assert not {"prompts/new", "prompts/long"} & set(asked)
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
        "models/alpha",
        "prompts/short",
        "evaluations/main",
        "eval_datasets/qa",
    } <= set(asked)
    assert not [run for run in asked if any(name in run for name in ("tag", "itself", "folder", "gone", "bare"))]


def test_refresh_runs_the_plan_itself_and_each_cell_stays_a_run(lab, provider):
    run = lab.refresh()
    assert run.success
    assert lab.plan().is_empty
    jobs = sorted(child.job_name for child in lab.instance.get_runs() if child.run_id != run.run_id)
    assert jobs == ["compare_candidates"] * 2 + ["evaluate_cell"] * 3 + ["read_files"]
    assert written_twice(lab) == []
    (backfill,) = lab.instance.get_backfills()
    assert backfill.status.value == "COMPLETED_SUCCESS"
    assert launched(lab.refresh()) == {}
    assert AutomationSensor(lab).settle() == []


def test_a_file_that_cannot_be_read_fails_the_refresh_and_stops_only_what_is_below_it(lab, monkeypatch):
    lab.files.write("datasets", "more", {"task": "question-answering"})
    rows = lab.files.data / "datasets" / "more.jsonl"
    rows.write_text((lab.files.data / "datasets" / "qa.jsonl").read_text())
    lab.files.change("evaluations", "other", dataset="more")

    def claim_and_spoil(*claimed):
        claim(*claimed)
        rows.write_text("not a row\n")

    monkeypatch.setattr(refresh_module, "claim", claim_and_spoil)
    run = lab.refresh(raise_on_error=False)
    assert not run.success
    failure = next(event for event in run.all_events if event.is_step_failure).step_failure_data
    assert "read_files[eval_datasets/more]" in failure.user_failure_data.description
    assert set(lab.instance.get_materialized_partitions(dg.AssetKey("aggregate_reports"))) == MAIN_CELLS


def test_what_another_run_is_about_to_write_is_left_to_it(lab, provider):
    other = dg.DagsterRun(job_name="evaluate_cell", run_id=dg.DagsterRun(job_name="x").run_id)
    lab.instance.add_run(other.with_status(dg.DagsterRunStatus.STARTED))
    claim(other, lab.instance, Names(), {"predictions": ["main:alpha@short"]})
    chosen = launched(lab.refresh(evaluations=["main"]))
    assert set(chosen["predictions"]) == BETA_CELLS


def test_automation_leaves_the_cells_of_a_refresh_under_way_alone(lab, monkeypatch):
    lab.read_files()
    sensor = AutomationSensor(lab)
    asked = []

    def claim_and_tick(*claimed):
        claim(*claimed)
        asked.append(sensor.tick())

    monkeypatch.setattr(refresh_module, "claim", claim_and_tick)
    assert lab.refresh().success
    assert asked == [{}]
    assert sensor.settle() == []
    assert written_twice(lab) == []


def test_no_tick_is_queued_while_a_refresh_of_the_evaluation_waits(files, tmp_path_factory):
    lab = Lab(files, dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))))
    lab.files.change("evaluations", "main", schedule={"cron": "0 6 * * *"})

    def scheduled(engine_room):
        schedule = lab.definitions(engine_room).resolve_schedule_def("evaluate_main")
        return schedule(dg.build_schedule_context(instance=lab.instance))

    with lab.engine_room() as engine_room:
        assert scheduled(engine_room).run_config == refresh_config(Names(), evaluations=["main"])
        assert ticked(lab, engine_room, "refresh_stale", None)[0] == {"evaluations": ["main", "other"]}
        waiting = dg.DagsterRun(job_name="refresh", run_config=refresh_config(Names(), evaluations=["main"]))
        lab.instance.add_run(waiting.with_status(dg.DagsterRunStatus.NOT_STARTED))
        assert isinstance(scheduled(engine_room), dg.SkipReason)
        assert ticked(lab, engine_room, "refresh_stale", None)[0] == {"evaluations": ["other"]}


def test_the_sensor_asks_for_a_refresh_once_per_change_and_not_for_failed_rows(lab, provider):
    with lab.engine_room() as engine_room:
        asked, cursor = ticked(lab, engine_room, "refresh_stale", None)
        assert asked == {"evaluations": ["main", "other"]}
        assert ticked(lab, engine_room, "refresh_stale", cursor) == ({}, cursor)  # asked for, perhaps it failed
    provider.faults = lambda _: Fault(500)
    lab.refresh()
    assert not lab.plan().is_empty  # failed rows
    with lab.engine_room() as engine_room:
        assert ticked(lab, engine_room, "refresh_stale", cursor) == ({}, "{}")
        lab.files.edit_prompt("long")
    with lab.engine_room() as engine_room:
        assert ticked(lab, engine_room, "refresh_stale", "{}")[0] == {"evaluations": ["main"]}


def test_a_refresh_that_is_cancelled_stops_cleanly(lab, provider):

    def cancel(_):
        if provider.requests == 1:
            os.kill(os.getpid(), signal.SIGINT)

    provider.faults = cancel
    run = lab.refresh(raise_on_error=False)
    unfinished = [child for child in lab.instance.get_runs() if not child.is_finished]
    assert unfinished == []
    assert lab.instance.get_run_by_id(run.run_id).status in {
        dg.DagsterRunStatus.CANCELED,
        dg.DagsterRunStatus.FAILURE,
    }
    (backfill,) = lab.instance.get_backfills()
    assert backfill.status.value == "COMPLETED_FAILED"
