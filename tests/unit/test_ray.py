"""`engine: ray` without Ray: its fields, what travels, what the end of a worker costs."""

import asyncio
import os
import pickle
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from eval_assets.checking.remarks import missing_prerequisites
from eval_assets.cluster import ray_session
from eval_assets.cluster.parcels import packed, unpacked
from eval_assets.cluster.ray_session import ATTEMPTS, RaySession, Share
from eval_assets.errors import ClusterError, ConfigError, MetricError, ProviderError
from eval_assets.metrics.scoring.computing import OpenScores
from eval_assets.metrics.scoring.ray_shards import RayShards, share_of
from eval_assets.providers.failures import PartitionFailure, RequestFailed
from eval_assets.providers.local.replicas import LocalWeights, ReplicatedClient
from eval_assets.requests.exchange import Request
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.file_versions import FileVersions
from eval_assets.storage.warehouse import Warehouse
from tests.ray_stand_in import RayTaskError, StandInRay, WorkerCrashedError, session_over
from tests.small_project import FILES, project_with
from tests.unit.test_metric_custom import choice, metrics_of, module  # noqa: F401  a fixture
from tests.unit.test_metric_rows import resolved
from tests.unit.test_metric_scoring import run, written
from tests.unit.test_responses import reply

LOCAL_MODEL = "provider: transformers\nmodel: some/model\n"
DIED = WorkerCrashedError("The worker died unexpectedly.\nCheck its log.")


def with_model(folder, text):
    return project_with(folder, **{"models/echo.yaml": text})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "provider: openai\nmodel: gpt\nengine: ray\n",
            r"models/echo\.yaml:3: engine: .*expected `engine: ray` with provider transformers, got 'openai': ",
        ),
        (
            f"{LOCAL_MODEL}device: cuda:1\nengine: ray\n",
            r"models/echo\.yaml:4: engine: .*expected `device: cpu` or `device: cuda` .* got 'cuda:1'",
        ),
        (
            f"{LOCAL_MODEL}replicas: 2\n",
            r"models/echo\.yaml:3: replicas: .*expected `replicas` with `engine: ray`, got 2 with `engine: local`",
        ),
        (f"{LOCAL_MODEL}engine: dask\n", r"models/echo\.yaml:3: engine: .*'dask'"),
    ],
)
def test_a_model_that_no_cluster_can_hold_is_refused_where_its_file_says_so(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        with_model(tmp_path, text).model("echo")


def test_limits_that_nobody_states_keep_every_replica_busy(tmp_path):
    limits = with_model(tmp_path, f"{LOCAL_MODEL}engine: ray\nreplicas: 3\nbatch_size: 4\n").model("echo").file.limits
    assert limits.max_concurrency == limits.start_concurrency == 24  # two batches of 4 for each of 3


def test_the_engine_is_no_part_of_any_data_version(tmp_path):
    def versions(folder, *, engine):
        files = {"models/echo.yaml": LOCAL_MODEL + engine, "evaluations/e.yaml": FILES["evaluations/e.yaml"] + engine}
        found = FileVersions(project_with(tmp_path / folder, **files))
        return [
            found.version(kind, name).sha256
            for kind, name in (("models", "echo"), ("evaluations", "e"), ("judges", "right"))
        ]

    assert versions("ray", engine="engine: ray\n") == versions("local", engine="")


def test_a_stored_evaluation_is_computed_by_the_engine_that_its_file_names_now(tmp_path):
    stored = project_with(tmp_path).evaluation("e")
    project = project_with(tmp_path, **{"evaluations/e.yaml": f"{FILES['evaluations/e.yaml']}engine: ray\n"})
    room = EngineRoom(project=project, warehouse=Warehouse(str(tmp_path / "w")), state_dir=tmp_path / "s")
    assert (stored.file.engine, room.engine_of(stored)) == ("local", "ray")


@pytest.mark.parametrize("file", ["models/echo.yaml", "evaluations/e.yaml"])
def test_check_says_how_to_install_ray(tmp_path, monkeypatch, file):
    monkeypatch.setattr("eval_assets.checking.remarks.is_ray_installed", lambda: False)
    texts = {"models/echo.yaml": LOCAL_MODEL, "evaluations/e.yaml": FILES["evaluations/e.yaml"]}
    project = project_with(tmp_path, **{file: f"{texts[file]}engine: ray\n"})
    assert [said for said in missing_prerequisites(project, FileVersions(project), "e", {}) if "ray" in said] == [
        f"evaluation e: `engine: ray` needs the package ray, which isn't installed: {ray_session.RAY_INSTALLATION}"
    ]


def test_without_ray_a_run_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_session, "is_ray_installed", lambda: False)
    shards = RayShards(RaySession(tmp_path), Share())
    with pytest.raises(ClusterError, match=r"needs the package ray, .*pip install 'eval-assets\[ray\]'"):
        run([written(2)], resolved("contains"), shards=shards)


@pytest.fixture
def begun(monkeypatch):
    """Stands for the module in `sys.modules`."""
    ray = StandInRay()
    monkeypatch.setattr(ray_session, "is_ray_installed", lambda: True)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    return ray


def test_workers_of_this_machine_import_what_this_process_does_and_listen_to_it_alone(begun, tmp_path):
    session = RaySession(tmp_path)
    assert not begun.begun_with
    assert session.ray is session.ray is begun
    said = dict(begun.begun_with)
    assert said.pop("runtime_env") == {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}}
    assert said == {"address": "local", "log_to_driver": False, "logging_level": 40, "include_dashboard": False}
    assert not begun._private.ray_constants.ENABLE_RAY_CLUSTER
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    session.close()
    assert begun.is_shut_down


def test_workers_elsewhere_are_sent_the_project_without_tables_and_our_code(begun, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as head:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{head.getsockname()[1]}")
        session = RaySession(tmp_path, [tmp_path / "data" / "warehouse", Path("/elsewhere")])
        assert session.ray is begun
    sent = begun.begun_with["runtime_env"]
    assert sent["working_dir"] == str(tmp_path)
    assert sent["py_modules"] == [str(Path(ray_session.__file__).parents[1])]
    assert [name for name in sent["excludes"] if "/" in name] == ["**/__pycache__", "/data/warehouse"]
    assert ".env*" in sent["excludes"]
    monkeypatch.chdir("/")
    assert unpacked(session.pack(tmp_path / "x")) == Path("/x")
    session.close()


def test_a_cluster_where_nobody_answers_is_said_at_once(begun, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(ClusterError, match=rf"^expected a Ray cluster at {address} \(RAY_ADDRESS\), nobody answers: "):
        _ = RaySession(tmp_path).ray


@pytest.mark.parametrize("kind", [RuntimeError, Exception])  # as Ray raises them
def test_a_cluster_that_does_not_take_us_is_said(begun, tmp_path, monkeypatch, kind):
    def init(**_):
        raise kind("Version mismatch: the cluster has Python 3.12")

    monkeypatch.setattr(begun, "init", init, raising=False)
    with pytest.raises(ClusterError, match=r"^expected Ray on this machine, it can't be used: Version mismatch: "):
        _ = RaySession(tmp_path).ray


def test_a_connection_of_the_process_is_used_and_left_open(begun, tmp_path, monkeypatch):
    monkeypatch.setattr(begun, "is_initialized", lambda: True)
    session = RaySession(tmp_path)
    assert session.ray is begun
    session.close()
    assert (begun.begun_with, begun.is_shut_down) == ({}, False)


def test_what_is_known_already_starts_no_cluster(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_session, "is_ray_installed", lambda: False)
    table, _ = run([written(2)], resolved("contains"))
    again, _ = run([written(2)], resolved("contains"), table.lazy(), shards=RayShards(RaySession(tmp_path), Share()))
    assert again["score"].equals(table["score"])


def test_paths_of_the_project_are_those_of_the_worker_and_others_stay(tmp_path, monkeypatch):
    parcel = packed({"in": tmp_path / "data" / "x", "out": Path("/elsewhere")}, pickle.Pickler, tmp_path)
    monkeypatch.chdir("/")
    assert unpacked(parcel) == {"in": Path("/data/x"), "out": Path("/elsewhere")}
    assert unpacked(packed(tmp_path, pickle.Pickler)) == tmp_path


def test_what_this_process_holds_is_not_given_out_twice(tmp_path):
    session = session_over(StandInRay(resources={"CPU": 5.0, "GPU": 2.0}), tmp_path)
    assert session.take(Share(2), None) == 2
    with pytest.raises(
        ClusterError, match=r"expected room for a worker of 2 CPUs, the Ray cluster has 5 CPUs, 4 of them"
    ):
        session.take(Share(2), 1)
    assert session.take(Share(1, 1), None) == 1  # one processor is left, and two accelerators
    session.give_back(Share(2), 2)
    with pytest.raises(ClusterError, match="expected room for 3 workers of 2 CPUs each, the Ray cluster has it for 2"):
        session.take(Share(2), 3)


def scored(ray, folder, metrics=None, n_rows=9):
    shards = RayShards(session_over(ray, folder), Share())
    return run([written(n_rows)], metrics or resolved("contains"), shards=shards, batch_rows=3)


def test_shards_stand_in_the_order_of_their_rows(tmp_path, module):  # noqa: F811  the fixture
    metrics = (*resolved("rouge1"), *metrics_of(choice("is_short")))
    here, report_here = run([written(9)], metrics)
    there, report = scored(StandInRay(), tmp_path, metrics)
    assert there.equals(here)
    assert report == report_here


def test_a_shard_is_given_to_another_worker_until_it_is_computed(tmp_path):
    here, _ = run([written(9)], resolved("contains"))
    there, _ = scored(StandInRay(*[DIED] * (ATTEMPTS - 1)), tmp_path)
    assert there.equals(here)


def test_a_shard_over_which_every_worker_ends_is_an_error_of_its_rows(tmp_path):
    ray = StandInRay(*[DIED] * ATTEMPTS, resources={"CPU": 1.0})
    table, report = scored(ray, tmp_path)
    failed = table.filter(pl.col("outcome") == "error")
    assert failed["position"].to_list() == [0, 1, 2]
    assert failed["reason"].unique().to_list() == [
        "3 workers of Ray ended over its 3 rows: The worker died unexpectedly."
    ]
    assert report.outcomes["contains"] == {"ok": 6, "error": 3}


def test_such_a_shard_is_computed_by_the_next_run(tmp_path):
    table, _ = scored(StandInRay(*[DIED] * ATTEMPTS), tmp_path, n_rows=3)
    again, report = run([written(3)], resolved("contains"), table.lazy())
    assert again["outcome"].to_list() == ["ok"] * 3
    assert report.n_rescored == 3


def test_a_worker_that_cannot_run_our_code_ends_the_run(tmp_path):
    with pytest.raises(
        ClusterError, match=r"can't compute metrics: ModuleNotFoundError: No module named 'eval_assets'$"
    ):
        scored(StandInRay(RayTaskError(ModuleNotFoundError("No module named 'eval_assets'"))), tmp_path)


def test_a_worker_with_other_libraries_is_refused(tmp_path):
    (metric,) = resolved("rouge1")
    with pytest.raises(MetricError, match=r"metric 'rouge1': expected .*0\.0\.1.* on every worker of Ray, one has"):
        scored(StandInRay(), tmp_path, [replace(metric, signature="overlap.rouge:rouge1 (rouge-score 0.0.1)")])


def test_a_metric_that_cannot_travel_is_named(tmp_path):
    (metric,) = resolved("contains")
    odd = replace(metric, label="odd", parameters={**metric.parameters, "held": lambda: None})
    with pytest.raises(MetricError, match=r"^metric 'odd' can't be carried to workers of Ray: "):
        scored(StandInRay(), tmp_path, [metric, odd])


def test_a_metric_on_an_accelerator_takes_one(tmp_path):
    (metric,) = resolved("contains")
    on_gpu = replace(metric, parameters={"device": "cuda"})
    assert (share_of([metric]).gpus, share_of([metric, on_gpu]).gpus) == (0, 1)


def test_shards_that_nobody_waits_for_are_broken_off_and_not_begun_again(tmp_path):
    class Busy(StandInRay):
        begun, ended, n_begun = threading.Event(), threading.Event(), 0

        def get(self, work):
            self.n_begun += 1
            self.begun.set()
            assert self.ended.wait(60)
            raise DIED

        def cancel(self, work, *, force):
            self.ended.set()

    ray = Busy(resources={"CPU": 1.0})

    def interrupted():
        with RayShards(session_over(ray, tmp_path), Share()) as shards:
            shards.submit(OpenScores(written(2), [], {}))
            assert ray.begun.wait(60)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert ray.n_begun == 1


class Echo:
    async def complete(self, request):
        said = request.messages[0]["content"]
        if said == "odd":
            raise RequestFailed("no such question", "odd")
        return reply(output=said)


class EchoWeights(LocalWeights):
    __slots__ = ()

    def client(self):
        if self.model == "absent":
            raise ProviderError("torch is absent")
        return Echo()


def asked(ray, folder, *texts, model="echo", n_wanted=2):
    async def ask():
        weights = EchoWeights(model, gguf_file=None, device="cpu", batch_size=None, threads=1)
        client = ReplicatedClient(weights, session_over(ray, folder), Share(), n_wanted=n_wanted, most_each=2)
        requests = [Request(({"role": "user", "content": text},)) for text in texts]
        said = await asyncio.gather(*map(client.complete, requests), return_exceptions=True)
        await client.aclose()
        with pytest.raises(PartitionFailure, match="the model was closed"):
            await client.complete(requests[0])
        return said

    return asyncio.run(ask())


def test_each_request_has_its_reply_and_replicas_end_with_the_client(tmp_path):
    ray = StandInRay()
    assert [said.output for said in asked(ray, tmp_path, *"abcde")] == [*"abcde"]
    assert len(ray.started) == 2
    assert ray.killed == ray.started
    assert ray.options == [{"num_cpus": 1, "num_gpus": 0, "max_concurrency": 2, "max_restarts": 0}]


def test_a_replica_that_ends_is_replaced_once_and_its_requests_are_asked_again(tmp_path):
    ray = StandInRay(DIED, DIED)
    assert [said.output for said in asked(ray, tmp_path, "a", "b", n_wanted=1)] == ["a", "b"]  # both were with it
    assert len(ray.started) == 2


def test_a_request_over_which_every_replica_ends_fails(tmp_path):
    [failed] = asked(StandInRay(*[DIED] * ATTEMPTS), tmp_path, "a")
    assert isinstance(failed, RequestFailed)
    assert (failed.kind, str(failed)) == (
        "worker_ended",
        "3 workers of Ray ended over it: The worker died unexpectedly.",
    )


def test_what_a_replica_raises_is_raised_here(tmp_path):
    [failed, answered] = asked(StandInRay(), tmp_path, "odd", "a")
    assert (type(failed), failed.kind, answered.output) == (RequestFailed, "odd", "a")
    [absent] = asked(StandInRay(), tmp_path, "a", model="absent")
    assert (type(absent), str(absent)) == (ProviderError, "torch is absent")
    [unknown] = asked(StandInRay(RayTaskError(ModuleNotFoundError("eval_assets"))), tmp_path, "a")
    assert (type(unknown), str(unknown)) == (
        PartitionFailure, "workers of Ray can't load the model: ModuleNotFoundError: eval_assets",
    )  # fmt: skip
