"""Names in somebody else's deployment: everything takes the prefix, two projects fit beside others' definitions."""

import logging
from pathlib import Path

import dagster as dg
import pytest

from eval_assets.automation.home import ask, remembered
from eval_assets.automation.instance import open_instance
from eval_assets.automation.run_storage import trim_runs
from eval_assets.config.settings import Settings, settings_from
from eval_assets.definitions import assembled, build_definitions
from eval_assets.errors import ConfigError
from eval_assets.names import Names
from tests.command_line import isolated
from tests.dagster_staleness import AutomationSensor, stale_in_dagster
from tests.projects import Lab
from tests.small_project import project_with

EVALUATION = "dataset: qa\nmodels: [echo]\nprompts: [ask]\nwithout_metrics: [toxicity]\nschedule: {cron: '@daily'}\n"
PLAIN = {
    "jobs": {"compare_candidates", "evaluate_cell", "maintain", "read_files", "refresh"},
    "schedules": {"evaluate_e", "maintain_weekly"},
    "sensors": {"collect_batches", "refresh_stale", "watch_files"},
    "resources": {"engine_room"},
}
"""Written out: who has runs, ticks and switched-on sensors under these names keeps them."""


def location(folder: Path, names: Names) -> dg.Definitions:
    project = project_with(folder, **{"evaluations/e.yaml": EVALUATION})
    settings = Settings(folder / "data", str(folder / "warehouse"), folder / "state")
    return assembled(project, object(), settings, names)


def named(definitions: dg.Definitions) -> dict[str, set[str]]:
    repository = definitions.get_repository_def()
    return {
        "jobs": {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")},
        "schedules": {schedule.name for schedule in repository.schedule_defs},
        "sensors": {
            sensor.name for sensor in repository.sensor_defs if sensor.name != "default_automation_condition_sensor"
        },
        "resources": set(definitions.resources or {}),
    }


@dg.asset
def prompts() -> int:
    """What people call their own assets."""
    return 1


def test_without_a_prefix_every_name_is_the_one_it_was(tmp_path: Path) -> None:
    assert named(location(tmp_path, Names())) == PLAIN


def test_under_a_prefix_every_name_has_it(tmp_path: Path) -> None:
    definitions = location(tmp_path, Names(("team-a", "evals"), "quality"))
    prefixed = {kind: {f"team_a_evals_{name}" for name in names} for kind, names in PLAIN.items()}
    assert named(definitions) == prefixed
    graph = definitions.resolve_asset_graph()
    assert all(key.path[:2] == ["team-a", "evals"] for key in graph.get_all_asset_keys())
    assert {graph.get(key).group_name for key in graph.get_all_asset_keys()} == {"quality"}
    pools = {pool for key in graph.get_all_asset_keys() for pool in graph.get(key).pools or ()}
    assert pools == {"team_a_evals_model_requests"}


def test_two_projects_stand_beside_the_assets_executor_and_resources_of_others(tmp_path: Path) -> None:
    own = dg.Definitions(
        assets=[prompts], executor=dg.multiprocess_executor, resources={"workbench": object(), "engine_room": object()}
    )
    evals = location(tmp_path / "a", Names(("evals",)))
    more = location(tmp_path / "b", Names(("more", "evals")))
    merged = dg.Definitions.merge(own, evals, more)
    dg.Definitions.validate_loadable(merged)
    assert merged.executor is dg.multiprocess_executor
    assert all(
        job.executor_def is dg.in_process_executor
        for job in merged.get_repository_def().get_all_jobs()
        if not job.name.startswith("__")
    )


@pytest.mark.usefixtures("unchecked")
def test_a_run_under_a_prefix_is_recorded_for_its_assets_and_nothing_is_run_twice(files, provider) -> None:
    files.change("evaluations", "main", models=["alpha"], prompts=["short"])
    files.remove("evaluations", "other")
    names = Names(("evals",))
    with dg.DagsterInstance.ephemeral() as instance:
        lab = Lab(files, instance, names)
        assert not lab.run().failed
        assert instance.get_materialized_partitions(dg.AssetKey(["evals", "comparison"])) == {"main"}
        assert instance.get_latest_materialization_event(dg.AssetKey("comparison")) is None
        jobs = {run.job_name for run in instance.get_runs()}
        assert jobs == {"evals_read_files", "evals_evaluate_cell", "evals_compare_candidates"}
        assert stale_in_dagster(lab) == {"evals/prompts": {"long"}, "evals/models": {"beta"}}  # that nothing uses
        n_sent = provider.requests
        assert lab.refresh().success
        assert provider.requests == n_sent
        sensor = AutomationSensor(lab)
        assert sensor.tick() == {}
        files.edit_prompt("short")
        lab.read_files()
        assert sensor.tick()["predictions"] == {"main:alpha@short"}
        assert lab.refresh(where="queue").success
        (requested, *_) = instance.get_backfills()
        target = requested.asset_backfill_data.target_subset
        assert {key.path[0] for key in target.asset_keys} == {"evals"}
        assert provider.requests == n_sent
        files.write_prompt("short", "{{ inputs }}")
        # Under other names the instance has seen nothing; replies are at hand all the same.
        assert not Lab(files, instance, Names()).plan().is_empty
        assert not Lab(files, instance, Names()).run().failed
        assert provider.requests == n_sent


@pytest.mark.usefixtures("unchecked")
def test_the_command_line_records_its_runs_under_the_projects_prefix(cli, files, provider) -> None:
    (files.folder / "eval-assets.toml").write_text('key_prefix = ["evals"]\n')
    assert cli("run", "other")[0] == 0
    with dg.DagsterInstance.get() as instance:
        assert instance.get_materialized_partitions(dg.AssetKey(["evals", "comparison"])) == {"other"}
        assert instance.get_latest_materialization_event(dg.AssetKey("comparison")) is None
    sent = provider.requests
    code, _, said = cli("run", "other")
    assert (code, provider.requests) == (0, sent)
    assert "evaluate_cell" not in said


def test_what_an_instance_has_seen_is_remembered_under_its_names(tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        names = Names(("evals",))
        instance.report_runless_asset_event(dg.AssetMaterialization(names.key("prompts"), partition="ask"))
        state = tmp_path / "state"
        state.mkdir()
        ask(tmp_path, state, instance, names)
        assert dict(remembered(tmp_path, state, names) or {})["prompts"] == ["ask"]
        assert remembered(tmp_path, state, Names()) is None


def test_only_the_projects_own_runs_go_from_an_instance_that_is_shared() -> None:
    with dg.instance_for_test() as instance:
        for job in ("evals_refresh", "theirs", "refresh", "evals_theirs"):
            instance.add_run(dg.DagsterRun(job_name=job, status=dg.DagsterRunStatus.SUCCESS))
        assert trim_runs(instance, -1, Names(("evals",))).n_runs == 1
        assert {run.job_name for run in instance.get_runs()} == {"theirs", "refresh", "evals_theirs"}


def test_the_projects_file_says_the_prefix_to_every_door(tmp_path: Path) -> None:
    project_with(tmp_path)
    (tmp_path / "eval-assets.toml").write_text('key_prefix = ["evals"]\ngroup = "quality"\n')
    assert settings_from({}, data_dir=tmp_path).key_prefix == ("evals",)
    graph = build_definitions(tmp_path).resolve_asset_graph()
    assert graph.get(dg.AssetKey(["evals", "prompts"])).group_name == "quality"
    with pytest.raises(ConfigError, match=r"eval-assets.toml: expected key_prefix = \[\"other\"\] .* got \['evals'\]"):
        build_definitions(tmp_path, key_prefix="other")


def test_a_prefix_that_the_command_line_does_not_know_is_told(tmp_path: Path, caplog) -> None:
    project_with(tmp_path)
    with caplog.at_level(logging.WARNING):
        build_definitions(tmp_path, key_prefix=["evals"])
    assert f'{tmp_path / "eval-assets.toml"}: write key_prefix = ["evals"], so that' in caplog.text


def test_a_prefix_that_dagster_would_refuse_is_refused_with_its_reason(tmp_path: Path) -> None:
    project_with(tmp_path)
    with pytest.raises(ConfigError, match="key_prefix: expected parts of letters, digits, '_' and '-', got 'ev/als'"):
        build_definitions(tmp_path, key_prefix="ev/als")
    (tmp_path / "eval-assets.toml").write_text('key_prefix = ["ev als"]\n')
    with pytest.raises(ConfigError, match=r"eval-assets\.toml:1: key_prefix"):
        build_definitions(tmp_path)


def test_an_instance_that_others_use_without_settings_stays_without(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "theirs").mkdir()
    isolated(monkeypatch, tmp_path / "theirs")
    with dg.instance_for_test(temp_dir=str(tmp_path / "theirs")):
        (tmp_path / "theirs" / "dagster.yaml").unlink()
    with open_instance(tmp_path / "project" / ".dagster"):
        assert not (tmp_path / "theirs" / "dagster.yaml").exists()
    isolated(monkeypatch, tmp_path / "ours")
    with open_instance(tmp_path / "project" / ".dagster"):
        assert (tmp_path / "ours" / "dagster.yaml").exists()
