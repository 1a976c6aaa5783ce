"""A real Ray on this machine: what its workers compute equals what this process does, and what the end of one costs."""

import asyncio
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from eval_assets.cluster.ray_session import ATTEMPTS, RaySession, Share
from eval_assets.config.evaluation import MetricChoice
from eval_assets.config.given import GivenFunction, given_target
from eval_assets.errors import MetricError
from eval_assets.metrics.registry import resolve_metrics
from eval_assets.metrics.scoring.prediction_scores import score_predictions
from eval_assets.metrics.scoring.ray_shards import RayShards
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.local.replicas import LocalWeights, ReplicatedClient
from eval_assets.requests.exchange import Reply, Request
from tests.small_project import compute_everything, project_with
from tests.tiny_models import save_llama
from tests.unit.test_metric_rows import CELL, prediction_frame
from tests.unit.test_metric_scoring import written
from tests.unit.test_responses import reply

pytest.importorskip("ray", reason="needs the extra `ray`, which is no part of the lock files")

METRICS = """
import os, signal
from pathlib import Path

def n_words(output) -> int:
    return len(output.split())

def deadly(output, marker, always) -> bool:
    if "deadly" in output and (always or not Path(marker).exists()):
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return True
"""
PROJECT = {
    "datasets/qa.yaml": "task: question-answering\n",
    "datasets/qa.jsonl": "".join(
        f'{{"example_id": "e{n}", "inputs": "why {"abcdefgh"[: n % 8]}", "targets": "{"xyz" * (n % 3)}a"}}\n'
        for n in range(20)
    ),
    "models/echo.yaml": "provider: transformers\nmodel: tiny\nparameters: {temperature: 0, max_tokens: 8}\n",
    "models/past.yaml": "provider: recorded\nfile: past.jsonl\n",
    "models/past.jsonl": "".join(f'{{"example_id": "e{n}", "output": "a b {"x" * (n % 5)}"}}\n' for n in range(20)),
    "judges/right.yaml": None,
    "evaluations/e.yaml": "dataset: qa\nmodels: [echo, past]\nprompts: [ask]\nwithout_metrics: [toxicity]\n"
    "metrics: [rougeL, {metric: n_words, function: 'words_of:n_words'}]\n",
}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "deaths.py").write_text(METRICS)
    opened = RaySession(folder)
    yield opened
    opened.close()


@pytest.fixture
def project_dir(session):
    return session._project_dir


def scored(session, metrics, frames, **options):
    shards = RayShards(session, Share())
    scoring = score_predictions(frames, metrics, previous=None, cell=CELL, run_id="r", shards=shards, **options)
    return pl.concat(scoring)


def deadly(project_dir, marker, *, always):
    parameters = {"marker": str(marker), "always": always}
    choice = MetricChoice(metric="deadly", function="deaths:deadly", parameters=parameters)
    return resolve_metrics("question-answering", (choice, MetricChoice(metric="contains")), ("toxicity",), project_dir)


def test_nothing_listens_beyond_this_machine(session):
    assert [node["NodeManagerAddress"] for node in session.ray.nodes()] == ["127.0.0.1"]


def test_scores_of_a_cluster_are_those_of_this_process(session):
    metrics = resolve_metrics("question-answering", (MetricChoice(metric="rougeL"),), ("toxicity",))
    here = pl.concat(score_predictions([written(60)], metrics, previous=None, cell=CELL, run_id="r"))
    assert scored(session, metrics, [written(60)], batch_rows=8).equals(here)


def test_a_worker_that_is_killed_costs_its_shard_and_that_is_computed_by_another(session, project_dir, tmp_path, capfd):
    frame = prediction_frame(["a"] * 4 + ["deadly"] + ["b"] * 4, ["a"] * 9)
    metrics = deadly(project_dir, tmp_path / "died", always=False)
    scores = scored(session, metrics, [frame], batch_rows=3)
    assert (tmp_path / "died").exists()
    assert scores["outcome"].unique().to_list() == ["ok"]
    assert scores.height == 9 * len(metrics)
    assert capfd.readouterr().out == ""  # what Ray says of it is no part of what a command prints


def test_a_shard_that_kills_each_worker_fails_its_rows_and_no_others(session, project_dir, tmp_path):
    frame = prediction_frame(["a"] * 4 + ["deadly"] + ["b"] * 4, ["a"] * 9)
    metrics = deadly(project_dir, tmp_path / "died", always=True)
    scores = scored(session, metrics, [frame], batch_rows=3)
    failed = scores.filter(pl.col("outcome") == "error")
    assert sorted(failed["position"].unique()) == [3, 4, 5]  # batches of 3: the deadly row stands with its neighbours
    assert failed.height == 3 * len(metrics)
    assert failed["score"].null_count() == failed.height
    [reason] = failed["reason"].unique()
    assert reason.startswith(f"{ATTEMPTS} workers of Ray ended over its 3 rows: ")


def given(function):
    target = given_target("mine")
    choice = MetricChoice(metric="mine", function=target)
    return resolve_metrics(
        "text", (choice,), ("toxicity", "ari_grade_level", "flesch_kincaid_grade_level", "token_count"),
        given={target: GivenFunction(function, "v1")},
    )  # fmt: skip


def test_a_function_that_was_handed_over_travels_by_value(session):
    bonus = 3
    scores = scored(session, given(lambda output: len(output) + bonus), [prediction_frame(["ab", "c"], ["", ""])])
    assert scores["score"].to_list() == [5.0, 4.0]


def test_a_function_that_holds_what_cannot_travel_is_refused_by_name(session):
    lock = threading.Lock()

    def guarded(output):
        with lock:
            return len(output)

    with pytest.raises(MetricError, match=r"metric 'mine' can't be carried to workers of Ray: .*engine: local"):
        scored(session, given(guarded), [prediction_frame(["ab"], [""])])


class EchoUntilKilled:
    """Answers with the message; a deadly one ends the process, `once` only where nothing marks that it did."""

    def __init__(self, marker: str) -> None:
        self._marker = Path(marker)

    async def complete(self, request: Request) -> Reply:
        said = str(request.messages[0]["content"])
        if said == "deadly" or (said == "once" and not self._marker.exists()):
            self._marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if said == "odd":
            raise RequestFailed("no such question", "odd")
        return reply(output=f"{said} by {os.getpid()}")


@dataclass(frozen=True, slots=True)
class EchoWeights(LocalWeights):
    def client(self):
        return EchoUntilKilled(str(self.model))


def asked(session, marker, *texts):
    async def ask():
        weights = EchoWeights(marker, gguf_file=None, device="cpu", batch_size=None, threads=1)
        client = ReplicatedClient(weights, session, Share(), n_wanted=2, most_each=2)
        try:
            requests = [Request(({"role": "user", "content": text},)) for text in texts]
            return await asyncio.gather(*map(client.complete, requests), return_exceptions=True)
        finally:
            await client.aclose()

    return asyncio.run(ask())


def test_requests_are_shared_out_and_a_failure_is_that_of_its_request(session, tmp_path):
    *replies, failed = asked(session, tmp_path / "died", *"abcdefgh", "odd")
    assert [said.output[0] for said in replies] == [*"abcdefgh"]
    assert len({said.output.split()[-1] for said in replies}) == 2
    assert isinstance(failed, RequestFailed)
    assert (str(failed), failed.kind) == ("no such question", "odd")


def test_a_replica_that_is_killed_is_replaced_and_its_requests_are_answered(session, tmp_path):
    replies = asked(session, tmp_path / "died", *"abc", "once", *"defgh")
    assert [said.output.split()[0] for said in replies] == [*"abc", "once", *"defgh"]


def test_a_request_that_kills_each_replica_fails_and_others_are_answered(session, tmp_path):
    *replies, deadly = asked(session, tmp_path / "died", *"abcdefgh", "deadly")
    assert isinstance(deadly, RequestFailed)
    assert deadly.kind == "worker_ended"
    assert str(deadly).startswith(f"{ATTEMPTS} workers of Ray ended over it: ")
    assert [said.output[0] for said in replies] == [*"abcdefgh"]


SHIPPED = """
import eval_assets
from pathlib import Path

HERE = {here!r}

def is_copy(output) -> bool:
    return not __file__.startswith(HERE) and "runtime_resources" in eval_assets.__file__

def has_data(output) -> bool:
    return (Path.cwd() / "data" / "terms.txt").exists() and not (Path.cwd() / "data" / "warehouse").exists()
"""
ASKS = """
import sys
from pathlib import Path
from eval_assets.cluster.ray_session import RaySession, Share
from eval_assets.config.evaluation import MetricChoice
from eval_assets.metrics.registry import resolve_metrics
from eval_assets.metrics.scoring.ray_shards import RayShards
from tests.unit.test_metric_rows import prediction_frame
from tests.unit.test_metric_scoring import run

folder = Path(sys.argv[1])
session = RaySession(folder, [folder / "data" / "warehouse"])
names = ("is_copy", "has_data")
choices = tuple(MetricChoice(metric=name, function=f"shipped:{name}") for name in names)
metrics = [metric for metric in resolve_metrics("text", choices, ("toxicity",), folder) if metric.label in names]
table, _ = run([prediction_frame(["a"], ["a"])], metrics, shards=RayShards(session, Share()))
print(table.select("metric", "score", "reason").rows())
session.close()
"""


@pytest.fixture
def cluster(tmp_path):
    """Another Ray on this machine, as one of other machines: it isn't started by us, and knows nothing of us."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{chosen.getsockname()[1]}"
    packages = str(Path(importlib.util.find_spec("ray").origin).parents[1])
    # On loopback only; nobody else can reach it, so that it needs no token in somebody's home.
    environment = {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    port = address.rpartition(":")[2]
    command = ["-m", "ray.scripts.scripts", "start", "--head", f"--port={port}", "--num-cpus=2", "--block"]
    started = subprocess.Popen(
        [sys.executable, *command, "--include-dashboard=false"], cwd=tmp_path, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env={**os.environ, **environment, "PYTHONPATH": packages},
    )  # fmt: skip
    try:
        yield {**environment, "RAY_ADDRESS": address}
    finally:
        started.terminate()
        started.wait()


def test_workers_that_are_not_ours_get_the_project_and_our_code(cluster, tmp_path):
    folder = tmp_path / "project"
    (folder / "data" / "warehouse").mkdir(parents=True)
    (folder / "data" / "warehouse" / "rows").write_text("kept here")
    (folder / "data" / "terms.txt").write_text("a")
    (folder / "shipped.py").write_text(SHIPPED.format(here=str(folder)))
    command = [sys.executable, "-c", ASKS, str(folder)]
    for _ in range(30):  # until it listens
        ended = subprocess.run(command, env={**os.environ, **cluster}, capture_output=True, text=True, check=False)
        if "nobody answers" not in ended.stderr:
            break
        time.sleep(1)
    assert ended.stdout.splitlines() == ["[('is_copy', 1.0, None), ('has_data', 1.0, None)]"], ended.stderr


MEASURED = {"created_at", "requested_at", "latency_seconds", "response_id"}


def test_a_project_on_ray_gives_the_tables_and_data_versions_of_one_without(session, tmp_path):
    def computed(name, **files):
        folder = tmp_path / name
        project_with(folder, **{**PROJECT, **files})
        (folder / "words_of.py").write_text(METRICS)
        (folder / "data" / "models" / "tiny").mkdir()
        save_llama(folder / "data" / "models" / "tiny")
        return compute_everything(folder, run_id="r")

    here = computed("here")
    there = computed(
        "there",
        **{
            "models/echo.yaml": f"{PROJECT['models/echo.yaml']}engine: ray\nreplicas: 2\n",
            "evaluations/e.yaml": f"{PROJECT['evaluations/e.yaml']}engine: ray\n",
        },
    )
    for table in ("predictions", "heuristic_metrics", "aggregate_reports"):
        rows = [warehouse.scan(table, {}).collect() for warehouse in (here, there)]
        assert rows[0].height
        assert {name for name in rows[0].columns if not rows[0][name].equals(rows[1][name])} <= MEASURED, table
        versions = [warehouse.last_commits(table) for warehouse in (here, there)]
        for partition, commit in versions[0].items():
            if "model=past" in partition or table == "heuristic_metrics":  # a live model's latency is measured anew
                assert versions[1][partition].metadata["data_version"] == commit.metadata["data_version"]
