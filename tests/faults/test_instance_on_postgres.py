"""The Dagster instance in Postgres: nine machines that open it first, what is said when it can't be used."""

import multiprocessing
import os
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from eval_assets.automation.home import ask, remembered
from eval_assets.automation.instance import open_instance
from eval_assets.automation.run_storage import trim_runs
from eval_assets.errors import StorageError
from eval_assets.names import Names
from tests.machines import lacking, postgres_in

SETTINGS = "telemetry: {enabled: false}\nstorage:\n  postgres:\n    postgres_url: {env: TESTED_POSTGRES}\n"
N_MACHINES = 9

WITH_POSTGRES = pytest.mark.skipif(
    lacking("dagster_postgres", "postgres") is not None, reason=str(lacking("dagster_postgres", "postgres"))
)


@dg.asset(name="prompts", partitions_def=dg.StaticPartitionsDefinition([str(n) for n in range(N_MACHINES)]))
def prompts() -> None:
    """Stands for a file that is read."""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A project whose settings name Postgres, and no instance yet."""
    folder = tmp_path / "machine"
    folder.mkdir()
    (folder / "dagster.yaml").write_text(SETTINGS)
    monkeypatch.setenv("DAGSTER_HOME", str(folder / ".dagster"))
    return folder


def first_run(folder: str, number: int) -> bool:
    """Open the instance of a machine of its own for the first time, and record a run."""
    machine = Path(folder) / f"machine-{number}"
    machine.mkdir()
    (machine / "dagster.yaml").write_text(SETTINGS)
    os.environ["DAGSTER_HOME"] = str(machine / ".dagster")
    with open_instance(machine / ".dagster") as instance:
        return dg.materialize([prompts], instance=instance, partition_key=str(number)).success


@WITH_POSTGRES
@pytest.mark.slow
def test_nine_machines_open_it_first_and_nothing_is_lost(tmp_path, machine, monkeypatch) -> None:
    with postgres_in(tmp_path / "postgres") as address:
        monkeypatch.setenv("TESTED_POSTGRES", address)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        with context.Pool(N_MACHINES) as machines:
            assert all(machines.starmap(first_run, [(str(tmp_path), n) for n in range(N_MACHINES)], chunksize=1))
        with open_instance(machine / ".dagster") as instance:
            # The project's settings were copied, and ours, which are about SQLite, not added.
            assert (machine / ".dagster/dagster.yaml").read_text() == SETTINGS
            assert type(instance.run_storage).__module__.startswith("dagster_postgres")
            assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
            assert len(instance.get_runs()) == N_MACHINES
            seen = ask(machine / ".dagster", tmp_path, instance, Names())
            assert list(seen["prompts"]) == [str(n) for n in range(N_MACHINES)]
            assert remembered(machine / ".dagster", tmp_path, Names()) is None  # other machines may write there

            for _ in range(2):
                assert dg.materialize([prompts], instance=instance, partition_key="0").success
            # All ended less than a day before tomorrow: those that a later one replaced go.
            assert trim_runs(instance, timedelta(days=-1).days, Names()).n_runs == 2
            assert len(instance.get_runs()) == N_MACHINES


@WITH_POSTGRES
def test_a_database_that_is_away_is_said_in_one_sentence_without_its_password(machine, monkeypatch) -> None:
    monkeypatch.setenv("TESTED_POSTGRES", "postgresql+psycopg2://eval:hidden-word@127.0.0.1:9/postgres")
    monkeypatch.setattr("dagster_postgres.utils.time.sleep", lambda _: None)
    with pytest.raises(StorageError, match=r"can't be used, OperationalError: .*Connection refused") as refused:
        opened(machine)
    assert "hidden-word" not in str(refused.value)


def test_a_package_that_is_missing_is_named_with_what_installs_it(machine, monkeypatch) -> None:
    monkeypatch.setenv("TESTED_POSTGRES", "postgresql+psycopg2://eval@127.0.0.1:9/postgres")
    monkeypatch.setitem(sys.modules, "dagster_postgres", None)
    with pytest.raises(StorageError, match=r"dagster_postgres.*pip install 'eval-assets\[postgres\]'"):
        opened(machine)


def opened(machine: Path) -> None:
    with open_instance(machine / ".dagster"):
        pass
