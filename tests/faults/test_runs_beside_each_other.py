"""Runs beside each other, beside a pruning, beside the dead: all end, nothing is lost, nothing is paid twice."""

import contextlib
import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from eval_assets.automation.backfill import record_backfill
from eval_assets.automation.instance import DATABASES, open_instance
from eval_assets.automation.leftovers import alive, end_what_the_dead_left
from eval_assets.config.judge import Judge, JudgeFile
from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import StoppedError
from eval_assets.judges.formats import FormatMemory
from eval_assets.judges.panels import judge_predictions
from eval_assets.names import Names
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.providers.identity import identity_of
from eval_assets.requests.exchange import Reply
from eval_assets.requests.keys import key_of
from eval_assets.storage import locks
from eval_assets.storage.batches import own_folder, staged
from eval_assets.storage.replies.lane_writer import frame_of
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.replies.stored_replies import row_of
from eval_assets.storage.warehouse import Warehouse
from tests.builders import frame_of as rows_of
from tests.builders import prediction

ROOT = Path(__file__).parents[2]
VERDICT = '{"justification": "x", "verdict": "pass"}'
SCALE = {"type": "pass_fail"}


def model(name: str, served: str | None = None) -> Model:
    return Model(name=name, file=ModelFile(provider="openai", model=served or name, base_url="http://nowhere/v1"))


def judge(name: str, asks: str | None = None, **fields) -> Judge:
    own = {"definition": f"{name}?", "scale": SCALE, **({} if asks is None else {"model": asks})}
    return Judge(name=name, file=JudgeFile(**own, **fields))


class Client:
    """Answers after a while; counts what was asked."""

    asked: list[str]

    def __init__(self, asked: list[str], seconds: float = 0.05) -> None:
        self.asked, self.seconds = asked, seconds

    async def complete(self, request):
        import asyncio

        self.asked.append(json.dumps(request.messages))
        await asyncio.sleep(self.seconds)
        return Reply("ok", VERDICT, "stop", self.seconds, datetime.now(UTC), 1, 1)

    async def aclose(self) -> None: ...


def stage(root: Path, run_id: str, models: list[Model], judges: list[Judge], asked: list[str], **terms) -> None:
    """One judging stage, as a process of its own would hold it: with a store of its own."""
    store = ResponseStore(Warehouse(str(root)), root / "_state")
    row = prediction(evaluation="trial", prediction_id="p-1", output="out")
    terms = {"on_wait": lambda said: None, **terms}
    engines = {
        each.name: Engine(identity=identity_of(each), client=Client(asked), store=store, run_id=run_id, **terms)
        for each in models
    }
    with contextlib.ExitStack() as stack:
        for engine in engines.values():
            stack.enter_context(engine)
        frames = judge_predictions(
            [rows_of("predictions", [row])],
            [each for each in judges if not each.name.startswith("juror")],
            engines,
            models={each.name: each for each in models},
            formats=FormatMemory(),
            run_id=run_id,
            jurors={each.name: each for each in judges if each.name.startswith("juror")},
        )
        assert pl.concat(frames)["outcome"].unique().to_list() == ["ok"]


def at_once(*runs) -> list[bool]:
    """Start all; whether each has ended after 60 s."""
    threads = [threading.Thread(target=run, daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return [not thread.is_alive() for thread in threads]


ONE, TWO, THREE = model("m1"), model("m2"), model("m3")
JURORS = [judge("juror1", "m1"), judge("juror2", "m2")]
ORDERS = {
    "judges in opposite order": (
        ([ONE, TWO], [judge("a", "m1"), judge("b", "m2")]),
        ([TWO, ONE], [judge("b", "m2"), judge("a", "m1")]),
    ),
    "three in a ring": (
        ([ONE, TWO], [judge("a", "m1"), judge("b", "m2")]),
        ([TWO, THREE], [judge("b", "m2"), judge("c", "m3")]),
        ([THREE, ONE], [judge("c", "m3"), judge("a", "m1")]),
    ),
    "juries in opposite order": (
        ([ONE, TWO], [judge("j", kind="jury", jurors=["juror1", "juror2"]), *JURORS]),
        ([TWO, ONE], [judge("j", kind="jury", jurors=["juror2", "juror1"]), *JURORS]),
    ),
    "two names of one model": (
        ([ONE, model("again", "m1"), TWO], [judge("a", "m1"), judge("b", "m2"), judge("c", "again")]),
        ([TWO, ONE], [judge("b", "m2"), judge("a", "m1")]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
def test_runs_that_need_the_same_models_in_another_order_all_end_and_pay_once(tmp_path: Path, order: str) -> None:
    asked: list[str] = []
    runs = [
        lambda number=number, models=models, judges=judges: stage(tmp_path, f"run-{number}", models, judges, asked)
        for number, (models, judges) in enumerate(ORDERS[order])
    ]
    assert at_once(*runs) == [True] * len(runs)
    # Every judge asks its model once about the one output, however many runs want it.
    rows = Warehouse(str(tmp_path)).scan("responses").collect()
    assert len(asked) == rows.height == rows["request_key"].n_unique()


def test_a_run_that_waits_says_for_whom_and_stops_when_asked(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(locks, "REMIND_SECONDS", 0.2)
    stop, said = threading.Event(), []
    ended: list[str] = []

    def waiting() -> None:
        try:
            stage(
                tmp_path, "run-2", [ONE, TWO], [judge("a", "m1"), judge("b", "m2")], [], stop=stop, on_wait=said.append
            )
        except StoppedError as error:
            ended.append(str(error))

    store = ResponseStore(Warehouse(str(tmp_path)), tmp_path / "_state")
    lane = Engine(identity=identity_of(TWO), client=Client([]), store=store, run_id="x")._session.lane
    with store.open_lane(lane, label="run run-1"):
        thread = threading.Thread(target=waiting, daemon=True)
        thread.start()
        while len(said) < 2 and thread.is_alive():
            time.sleep(0.05)
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
    assert said[0].startswith(f"waiting for run run-1 (process {os.getpid()} on ")
    assert "if that process hangs, end it" in said[1]
    assert "stopped while waiting for run run-1" in ended[0]
    # What it had taken before is free again.
    assert at_once(lambda: stage(tmp_path, "run-3", [ONE], [judge("a", "m1")], [])) == [True]


def replies(n: int, name: str, age: timedelta = timedelta(0)) -> pl.DataFrame:
    rows = []
    for number in range(n):
        request = json.dumps({"q": f"{name} {number}"})
        reply = Reply("ok", "x", None, 0.1, datetime.now(UTC) - age, 1, 1, 0.01)
        key = key_of(request)
        rows.append(row_of(reply, lane="L", request_key=key, request=request, key_schema="1", run_id="r"))
    return frame_of(rows, folder=Path(), lane="L")


@pytest.mark.parametrize("chunk", [2, 5_000])
def test_pruning_keeps_what_another_machine_writes_meanwhile(tmp_path: Path, monkeypatch, chunk: int) -> None:
    monkeypatch.setattr("eval_assets.storage.replies.retention.IDS_AT_ONCE", chunk)
    warehouse, other = Warehouse(str(tmp_path)), Warehouse(str(tmp_path))
    warehouse.append("responses", pl.concat([replies(5, "old", timedelta(days=100)), replies(5, "new")]))
    opened, meanwhile = Warehouse._at, []

    def open_then_lose_the_race(self, table, version=None):
        """The other machine commits between our look at the table and our commit."""
        at = opened(self, table, version)
        if len(meanwhile) < 3:
            meanwhile.append(f"meanwhile {len(meanwhile)}")
            other.append("responses", replies(1, meanwhile[-1]))
        return at

    monkeypatch.setattr(Warehouse, "_at", open_then_lose_the_race)
    (pruned,) = ResponseStore(warehouse, tmp_path / "A").prune(timedelta(days=30))
    assert (pruned.n_replies, round(pruned.cost_usd, 9)) == (5, 0.05)
    left = Warehouse(str(tmp_path)).scan("responses").collect()["request"].to_list()
    wanted = [f"new {n}" for n in range(5)] + [f"{name} 0" for name in meanwhile]
    assert meanwhile
    assert sorted(json.loads(request)["q"] for request in left) == sorted(wanted)


def test_the_next_start_ends_what_a_killed_process_left_and_nothing_of_the_living(tmp_path: Path) -> None:
    @dg.asset
    def thing() -> None: ...

    job = dg.define_asset_job("job", selection=[thing])
    repository = dg.Definitions(assets=[thing], jobs=[job]).get_repository_def()
    graph, resolved = repository.asset_graph, repository.get_job("job")
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        started = {}
        for batch in ("dead", "living", "elsewhere", "finished"):
            record_backfill(instance, graph, Names(), {}, backfill_id=batch, description="", tags={})
            status = dg.DagsterRunStatus.SUCCESS if batch == "finished" else dg.DagsterRunStatus.STARTED
            run = instance.create_run_for_job(resolved, tags={"dagster/backfill": batch}, status=status)
            started[batch] = run.run_id
        foreign = instance.create_run_for_job(resolved).run_id  # somebody else's, started from the UI
        marks = tmp_path / "processes"
        # A killed process leaves its mark, and the kernel frees its lock.
        with pytest.raises(KeyboardInterrupt), alive(instance, marks, "dead"):
            raise KeyboardInterrupt
        (marks / "elsewhere.alive").write_text(json.dumps({"instance": "/another", "pid": 1}))
        (marks / "unwritten.alive").touch()
        with alive(instance, marks, "living"):
            assert end_what_the_dead_left(instance, marks) == 2
            assert sorted(path.name for path in marks.glob("*.alive")) == ["elsewhere.alive", "living.alive"]
        status = {name: instance.get_run_by_id(run_id).status.value for name, run_id in started.items()}
        assert status == {"dead": "FAILURE", "living": "STARTED", "elsewhere": "STARTED", "finished": "SUCCESS"}
        assert instance.get_run_by_id(foreign).status.value == "NOT_STARTED"
        assert instance.get_backfill("dead").status.value == "COMPLETED_FAILED"
        assert instance.get_backfill("living").status.value == "COMPLETED"  # as while it runs
        assert end_what_the_dead_left(instance, marks) == 0
        assert end_what_the_dead_left(instance, tmp_path / "never made") == 0


RUN_AND_SLEEP = """
import sys, time
from pathlib import Path
import dagster as dg
from eval_assets.automation.backfill import record_backfill
from eval_assets.automation.instance import open_instance
from eval_assets.automation.leftovers import alive
from eval_assets.names import Names

@dg.asset
def endless():
    print("ready", flush=True)
    time.sleep(120)

job = dg.define_asset_job("job", selection=[endless])
repository = dg.Definitions(assets=[endless], jobs=[job]).get_repository_def()
with open_instance(Path(sys.argv[1]) / "home") as instance, alive(instance, Path(sys.argv[1]), "batch"):
    record_backfill(instance, repository.asset_graph, Names(), {}, backfill_id="batch", description="", tags={})
    repository.get_job("job").execute_in_process(instance=instance, tags={"dagster/backfill": "batch"})
"""


@pytest.mark.slow
def test_a_run_whose_process_was_killed_fails_with_the_next_start(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    command = [sys.executable, "-c", RUN_AND_SLEEP, str(tmp_path / "marks")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    while process.stdout.readline() not in ("ready\n", ""):
        pass
    with open_instance(tmp_path / "home") as instance:
        assert end_what_the_dead_left(instance, tmp_path / "marks") == 0  # it lives
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.STARTED
        process.kill()
        process.communicate()
        assert end_what_the_dead_left(instance, tmp_path / "marks") == 1
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.FAILURE
        assert instance.get_backfill("batch").status.value == "COMPLETED_FAILED"


def test_frames_of_a_killed_process_are_swept_by_the_next_and_those_of_the_living_stay(tmp_path: Path) -> None:
    left = tmp_path / "frames" / "tmpdead"
    left.mkdir(parents=True)
    (left / "000000.parquet").write_bytes(b"x")
    frame = pl.DataFrame({"a": [1, 2]})
    with own_folder(tmp_path / "frames") as living, staged([frame], tmp_path / "frames") as read:
        assert living.exists()
        assert not left.exists()
        assert pl.concat(read()).equals(frame)
        assert pl.concat(read()).equals(frame)  # a commit may have to be repeated
    assert [path.name for path in (tmp_path / "frames").iterdir()] == [".lock"]


def test_a_process_killed_with_its_frames_leaves_them_to_the_next(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from eval_assets.storage.batches import own_folder\n"
        "with own_folder(Path(sys.argv[1])): print('ready', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    with own_folder(tmp_path):
        assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2  # it lives
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with own_folder(tmp_path) as own:
        assert [path for path in tmp_path.iterdir() if path.is_dir()] == [own]


def versions_of(home: Path) -> list[int]:
    counts = []
    for database in DATABASES:
        with contextlib.closing(sqlite3.connect(home / database)) as connection:
            counts.append(connection.execute("SELECT count(*) FROM alembic_version").fetchone()[0])
    return counts


@pytest.mark.slow
def test_first_openings_of_one_instance_take_turns(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from eval_assets.automation.instance import open_instance\n"
        "with open_instance(Path(sys.argv[1])) as i: i.get_runs()"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    command = [sys.executable, "-c", code, str(tmp_path / "home")]
    started = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [(process.communicate()[1], process.returncode) for process in started] == [("", 0)] * 3
    assert versions_of(tmp_path / "home") == [1, 1, 1]


@pytest.mark.parametrize("stamped", ["5771160a95ad", "29b539ebc72a"])
def test_an_instance_that_was_stamped_twice_is_mended(tmp_path: Path, monkeypatch, stamped: str) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with open_instance(tmp_path / "home") as instance:
        assert instance.get_runs() == []
    for database in DATABASES:
        with contextlib.closing(sqlite3.connect(tmp_path / "home" / database)) as connection, connection:
            connection.execute("INSERT OR IGNORE INTO alembic_version VALUES (?)", (stamped,))
    with open_instance(tmp_path / "home") as instance:
        assert instance.get_runs() == []
    assert versions_of(tmp_path / "home") == [1, 1, 1]


def test_an_instance_waits_for_whoever_opens_it_first(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    opened = threading.Event()

    def open_it() -> None:
        with open_instance(tmp_path):
            opened.set()

    with (tmp_path / ".opening.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread = threading.Thread(target=open_it, daemon=True)
        thread.start()
        assert not opened.wait(0.5)
    assert opened.wait(60)
    thread.join(60)
