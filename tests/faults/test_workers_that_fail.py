"""Workers and a broker that go while cells run on them: what was paid is kept, and the next run completes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

from eval_assets.definitions import build_definitions
from eval_assets.names import EVALUATE_CELL
from eval_assets.storage.warehouse import Warehouse
from tests.loopback import Fault, LoopbackProvider
from tests.machines import REPOSITORY, SECONDS, Redis, lacking, processes_below, until
from tests.projects import Files, echo_or_verdict, write_project

WHY_NOT = lacking("dagster_celery", "redis", "redis-server")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))]

SETTINGS = """
telemetry: {enabled: false}
run_launcher:
  module: dagster_celery.launcher
  class: CeleryRunLauncher
  config: {broker: {env: CELERY_BROKER_URL}, backend: {env: CELERY_BROKER_URL}}
run_monitoring: {enabled: false}
"""
WORKER = ("-A", "dagster_celery.app", "worker", "--pool", "solo", "-Q", "dagster", "-l", "warning")
SECONDS_AWAY = 10
N_ROWS = 4


class Workers:
    """A machine with a worker in a folder of its own, and runs that are launched to it.

    Args:
        folder: Of the test.
        files: The project, of which the machine has a copy.
        broker: Address of the broker.
    """

    def __init__(self, folder: Path, files: Files, broker: str) -> None:
        self.folder, self.home, self.lake = folder / "machine", folder / "home", folder / "lake"
        shutil.copy(REPOSITORY / "definitions.py", files.folder)
        shutil.copy(REPOSITORY / "deploy/dagster_celery_config.py", files.folder)
        shutil.copytree(files.folder, self.folder)
        self.home.mkdir()
        (self.home / "dagster.yaml").write_text(SETTINGS)
        self.environment = {
            **os.environ,
            "CELERY_BROKER_URL": broker,
            "DAGSTER_HOME": str(self.home),
            "EVAL_ASSETS_WAREHOUSE": str(self.lake),
            "EVAL_ASSETS_STATE": str(self.folder / "state"),
            "PYTHONPATH": f"{self.folder}:{REPOSITORY}",
        }
        self._data, self._started = files.data, list[subprocess.Popen[bytes]]()

    @cached_property
    def defs(self) -> dg.Definitions:
        return build_definitions(self._data)

    def start(self, die_at: str = "") -> None:
        with (self.folder / "worker.log").open("a") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.machines", "celery", *WORKER],
                cwd=self.folder,
                env={**self.environment, "DIE_AT": die_at},
                stdout=log,
                stderr=log,
            )
        self._started.append(worker)

    def kill(self) -> None:
        for process in processes_below(self.folder):
            os.kill(process, signal.SIGKILL)
        self.wait()

    def wait(self) -> None:
        """Until no worker is left."""
        while self._started:
            self._started.pop().wait(SECONDS)

    def launch(self, instance: dg.DagsterInstance, cell: str) -> str:
        """Launch the run of a cell; its id."""
        here = ModuleCodePointer("definitions", "defs", ".")
        origin = JobPythonOrigin(EVALUATE_CELL, RepositoryPythonOrigin(sys.executable, here))
        job = self.defs.resolve_job_def(EVALUATE_CELL)
        run = instance.create_run_for_job(job, job_code_origin=origin, tags={"dagster/partition": cell})
        instance.launch_run(run.run_id, None)
        return run.run_id

    def ends(self, instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
        """How a run ends."""

        def run() -> dg.DagsterRun:
            found = instance.get_run_by_id(run_id)
            assert found is not None
            return found

        until(lambda: run().is_finished, f"the end of the run; {(self.folder / 'worker.log').read_text()[-2000:]}")
        return run().status


@pytest.mark.filterwarnings("ignore:Task name 'execute_job' is already registered")  # at each launch after the first
def test_what_a_dead_worker_was_answered_is_kept_and_a_broker_may_go_and_come_back(tmp_path, monkeypatch) -> None:
    faults: dict[str, Fault] = {}

    def fault(body):
        asked = body["messages"][-1]["content"]
        return next((fault for part, fault in faults.items() if part in asked), None)

    redis = Redis(tmp_path / "redis")
    with LoopbackProvider(answer=echo_or_verdict, faults=fault) as provider:
        files = write_project(tmp_path / "project", provider.base_url, n_rows=N_ROWS)
        files.change("evaluations", "main", judges=[])
        for model in ("alpha", "beta"):
            limits = {"max_concurrency": 8, "max_retries": 500, "timeout_seconds": 300}
            files.change("models", model, limits=limits)
        workers = Workers(tmp_path, files, redis.url)
        for name in ("CELERY_BROKER_URL", "DAGSTER_HOME", "EVAL_ASSETS_WAREHOUSE"):
            monkeypatch.setenv(name, workers.environment[name])
        monkeypatch.syspath_prepend(files.folder)
        try:
            with dg.DagsterInstance.get() as instance:
                _story(instance, workers, provider, redis, faults)
        finally:
            workers.kill()
            redis.stop()
    responses = Warehouse(str(workers.lake)).scan("responses").collect()
    assert responses.height == responses["request_key"].n_unique() == provider.paid


def _story(
    instance: dg.DagsterInstance,
    workers: Workers,
    provider: LoopbackProvider,
    redis: Redis,
    faults: dict[str, Fault],
) -> None:
    read = workers.defs.resolve_job_def("read_files").execute_in_process(
        instance=instance, run_config={"ops": {"read": {"config": {"files": _files(workers)}}}}
    )
    assert read.success

    # Killed while it asks: two of four are answered, two are under way.
    faults.update({"question 2": Fault("hang"), "question 3": Fault("hang")})
    workers.start()
    first = workers.launch(instance, "main:alpha@short")
    until(lambda: provider.requests == N_ROWS and provider.paid == N_ROWS - 2, "two answers")
    workers.kill()
    faults.clear()
    mark_as_canceled(instance, first)

    # Killed in the middle of a commit, that of what the dead one was answered: replies are in their table, and their
    # journal is still there.
    workers.start(die_at="between")
    second = workers.launch(instance, "main:alpha@short")
    workers.wait()
    mark_as_canceled(instance, second)

    workers.start()
    assert workers.ends(instance, workers.launch(instance, "main:alpha@short")) == dg.DagsterRunStatus.SUCCESS
    assert provider.paid == N_ROWS
    assert provider.requests == N_ROWS + 2  # those under way were sent again, and nothing else

    # The broker goes while a cell runs, and comes back.
    faults["question 3"] = Fault(429, retry_after="0.5")
    third = workers.launch(instance, "main:beta@short")
    until(lambda: provider.paid == 2 * N_ROWS - 1, "three of the four answers of the third cell")
    redis.stop()
    time.sleep(SECONDS_AWAY)
    faults.clear()
    redis.start()
    fourth = workers.launch(instance, "main:beta@long")
    assert workers.ends(instance, third) == dg.DagsterRunStatus.SUCCESS
    assert workers.ends(instance, fourth) == dg.DagsterRunStatus.SUCCESS
    assert provider.paid == 3 * N_ROWS
    assert set(provider.paid_by_hash.values()) == {1}


def mark_as_canceled(instance: dg.DagsterInstance, run_id: str) -> None:
    """As the button of the UI does, for a run whose worker is gone."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.STARTED
    instance.report_run_canceled(run)


def _files(workers: Workers) -> list[str]:
    kinds = {"eval_datasets": "datasets", "prompts": "prompts", "models": "models", "evaluations": "evaluations"}
    data = workers.folder / "data"
    return [
        f"{table}/{path.stem}"
        for table, kind in kinds.items()
        for path in sorted((data / kind).iterdir())
        if path.suffix in (".yaml", ".md")
    ]
