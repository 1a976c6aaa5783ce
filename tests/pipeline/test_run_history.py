"""The storage of runs and events: the files are those of Dagster's own, whoever writes or reads them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from eval_assets.assets.file_reading import VERSION_TAG
from eval_assets.automation.home import ask, remembered
from eval_assets.automation.instance import open_instance
from eval_assets.checks.partitioned import partitioned_spec
from eval_assets.names import Names
from tests.shop import own_storage


@dg.asset(check_specs=[dg.AssetCheckSpec("sound", asset="rows")])
def rows() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"n": 3}, check_results=[dg.AssetCheckResult(passed=True)])


def instance_in(home: Path, *, ours: bool) -> dg.DagsterInstance:
    home.mkdir(exist_ok=True)
    return dg.DagsterInstance.local_temp(str(home), overrides=own_storage(str(home)) if ours else {})


def run(instance: dg.DagsterInstance) -> str:
    result = dg.materialize([rows], instance=instance)
    assert result.success
    return result.run_id


def told(instance: dg.DagsterInstance, run_id: str) -> tuple[object, list[str], object]:
    record = instance.get_run_record_by_id(run_id)
    assert record is not None
    events = [entry.dagster_event_type.value for entry in instance.all_logs(run_id) if entry.dagster_event_type]
    found = instance.get_latest_materialization_event(dg.AssetKey("rows"))
    return record.dagster_run.status, events, found and found.asset_materialization


def schema_of(database: Path) -> tuple[list[tuple[str]], list[tuple[str]], tuple[str]]:
    with closing(sqlite3.connect(database)) as opened:
        tables = opened.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
        versions = opened.execute("SELECT version_num FROM alembic_version").fetchall()
        return tables, versions, opened.execute("PRAGMA journal_mode").fetchone()


@pytest.mark.parametrize("writer", ["ours", "Dagster's"])
def test_the_other_storage_reads_what_one_wrote_and_goes_on(tmp_path: Path, writer: str) -> None:
    ours_writes = writer == "ours"
    home = tmp_path / "home"
    with instance_in(home, ours=ours_writes) as instance:
        assert isinstance(instance.event_log_storage, SqliteEventLogStorage)
        assert (type(instance.event_log_storage) is SqliteEventLogStorage) != ours_writes
        run_ids = [run(instance) for _ in range(3)]
        before = [told(instance, run_id) for run_id in run_ids]
    with instance_in(home, ours=not ours_writes) as instance:
        assert [told(instance, run_id) for run_id in run_ids] == before
        run_ids.append(run(instance))
        assert {told(instance, run_id)[0] for run_id in run_ids} == {dg.DagsterRunStatus.SUCCESS}
    assert "ASSET_CHECK_EVALUATION" in before[0][1]
    assert "ASSET_MATERIALIZATION" in before[0][1]


def test_the_database_of_every_run_is_made_as_dagster_makes_it(tmp_path: Path) -> None:
    made = []
    for ours in (True, False):
        home = tmp_path / f"home-{ours}"
        with instance_in(home, ours=ours) as instance:
            run_ids = [run(instance) for _ in range(3)]
        made.append([schema_of(home / "history" / "runs" / f"{run_id}.db") for run_id in run_ids])
        assert sorted(path.stem for path in (home / "history" / "runs").glob("*.db")) == sorted([*run_ids, "index"])
        assert not [*(home / "history" / "runs").glob("*.new"), *(home / "history" / "runs").glob("*-wal")]
    assert made[0] == made[1]


PARTITIONS = dg.StaticPartitionsDefinition(["first", "second"])
SOUND = partitioned_spec("sound", asset=dg.AssetKey("below"), description="", partitions_def=PARTITIONS)


@dg.asset(partitions_def=PARTITIONS)
def above(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return dg.MaterializeResult(data_version=dg.DataVersion(context.partition_key))


@dg.asset(partitions_def=PARTITIONS, deps=[above], check_specs=[SOUND])
def below() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"n": 3}, check_results=[dg.AssetCheckResult(passed=False)])


@dg.asset_check(asset=below)
def of_its_own() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def rows_of(database: Path) -> dict[str, list[object]]:
    with closing(sqlite3.connect(database)) as opened:
        opened.row_factory = sqlite3.Row
        names = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: [dict(row) for row in opened.execute(f"SELECT * FROM {name}")] for name in names}  # noqa: S608
    for row in (row for rows in found.values() for row in rows):
        row.pop("create_timestamp", None)
    return found


def recorded(home: Path) -> list[dg.EventLogEntry]:
    """What two runs of a graph with checks have ours keep, in its order."""
    with instance_in(home, ours=True) as instance:
        storage, kept = instance.event_log_storage, []
        keep = storage.store_event
        storage.store_event = lambda event: (kept.append(event), keep(event))[1]  # type: ignore[method-assign]
        job = dg.Definitions([above, below], asset_checks=[of_its_own], jobs=[dg.define_asset_job("all")])
        for partition in ("first", "second", "first"):
            ran = job.resolve_job_def("all").execute_in_process(instance=instance, partition_key=partition)
            assert ran.success
    return kept


def test_events_stand_in_its_tables_as_dagster_writes_them(tmp_path: Path) -> None:
    events = recorded(tmp_path / "ours")
    with instance_in(tmp_path / "dagster", ours=False) as instance:
        for event in events:
            instance.event_log_storage.store_event(event)
    runs = {event.run_id for event in events}
    assert len(runs) == 3
    for name in ("index", *runs):
        ours, expected = (rows_of(tmp_path / who / "history" / "runs" / f"{name}.db") for who in ("ours", "dagster"))
        for tables in (ours, expected):
            del tables["secondary_indexes"]  # they say when the database was made
        assert ours == expected
    assert {"asset_keys", "asset_event_tags", "asset_check_executions", "event_logs"} <= set(ours)


def test_it_finds_what_dagster_finds(tmp_path: Path) -> None:
    recorded(tmp_path)
    keys = [dg.AssetKey("above"), dg.AssetKey("below"), dg.AssetKey("absent")]

    def found(instance: dg.DagsterInstance) -> list[object]:
        storage, kind = instance.event_log_storage, dg.DagsterEventType.ASSET_MATERIALIZATION
        filters = [dg.AssetRecordsFilter(key, asset_partitions=["second"]) for key in keys]
        return [
            storage.get_asset_records(keys),
            storage.get_asset_records(keys),
            *(storage.fetch_materializations(each, limit=1) for each in filters),
            *(storage.get_latest_tags_by_partition(key, kind, [VERSION_TAG], ["first", "other"]) for key in keys),
        ]

    looked = []
    for is_wiped in (False, True):
        for ours in (True, False):
            with instance_in(tmp_path, ours=ours) as instance:
                looked.append(found(instance))
                if is_wiped and ours:
                    instance.wipe_assets([dg.AssetKey("above")])
                    looked[-1] = found(instance)
        assert looked[-2] == looked[-1]
    assert looked[0] != looked[2]


def test_the_settings_of_a_new_instance_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with open_instance(tmp_path) as instance:
        assert type(instance.event_log_storage) is not SqliteEventLogStorage
        run_id = run(instance)
    assert (tmp_path / "history" / "runs" / f"{run_id}.db").exists()


def test_what_an_instance_has_seen_is_remembered_past_its_closing(tmp_path: Path) -> None:
    home, state = tmp_path / "home", tmp_path / "state"
    state.mkdir()
    with instance_in(home, ours=True) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("prompts", partition="ask"))
        ask(home, state, instance, Names())
    assert dict(remembered(home, state, Names()) or {})["prompts"] == ["ask"]
    with instance_in(home, ours=True) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("prompts", partition="other"))
    assert remembered(home, state, Names()) is None
