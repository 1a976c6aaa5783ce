"""Processes killed at the worst moments, full disks, corrupt rows: what was paid for is never paid for again."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from eval_assets.errors import StorageFullError
from eval_assets.storage.replies import journal
from tests.engines import answered, engine_on, jobs, store_in
from tests.loopback import LoopbackProvider

ROOT = Path(__file__).parents[2]
N = 120
CONCURRENCY = 8


@pytest.fixture
def provider():
    with LoopbackProvider(latency_seconds=0.02) as running:
        yield running


def start(provider, folder, *arguments, n=N):
    command = [sys.executable, "-m", "tests.faults.worker", provider.base_url, str(folder), str(n), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stored(folder):
    return store_in(folder)._warehouse.scan("responses").collect()


def every_request_is_answered_once(provider, folder, n=N):
    rows = stored(folder)
    return rows.height == rows["request_key"].n_unique() == rows["response_id"].n_unique() == n


@pytest.mark.parametrize(("moment", "n_lost"), [("append", CONCURRENCY), ("commit", 0), ("between", 0)])
def test_a_run_killed_at_the_worst_moment_loses_no_reply(provider, tmp_path, moment, n_lost):
    run = start(provider, tmp_path, "run-1", moment)
    run.communicate(timeout=60)
    assert run.returncode == -signal.SIGKILL
    paid_before = provider.paid
    assert paid_before >= 10  # 8 at once, flushed by 25
    engine = engine_on(provider, tmp_path, run_id="run-2")
    answers = answered(engine, jobs(N))
    assert all(answer.reply.output == f"echo: question {tag}" for tag, answer in answers.items())
    with store_in(tmp_path).open_lane(stored(tmp_path)["lane"][0]):
        pass  # whoever writes next clears up, if this run found everything in the table
    assert every_request_is_answered_once(provider, tmp_path)
    # Only replies that were under way at the kill are paid twice.
    assert provider.paid - N <= max(n_lost, CONCURRENCY)
    assert engine.report().n_corrupt == (1 if moment == "append" else 0)
    assert not list(store_in(tmp_path).state_dir.glob("*.journal"))


@pytest.mark.slow
def test_random_kills_lose_at_most_what_was_under_way(provider, tmp_path):
    n_kills = 0
    while n_kills < 3:
        run = start(provider, tmp_path, f"run-{n_kills}", n=600)
        before = provider.paid
        while run.poll() is None and provider.paid < before + random.randint(10, 80):
            time.sleep(0.005)
        if run.poll() is not None:
            break
        run.kill()
        run.communicate()
        n_kills += 1
    answers = answered(engine_on(provider, tmp_path), jobs(600))
    assert len(answers) == 600
    assert every_request_is_answered_once(provider, tmp_path, 600)
    assert provider.paid - 600 <= n_kills * CONCURRENCY


def test_an_interrupted_run_closes_cleanly(provider, tmp_path):
    run = start(provider, tmp_path, "run-1", n=2_000)
    while provider.paid < 30:
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, error = run.communicate(timeout=30)
    assert "KeyboardInterrupt" in error
    assert stored(tmp_path).height == provider.paid  # also those that were under way
    assert not list(store_in(tmp_path).state_dir.glob("*.journal"))


def test_two_runs_of_the_same_partition_at_once_pay_once(provider, tmp_path):
    runs = [start(provider, tmp_path, f"run-{n}") for n in range(2)]
    for run in runs:
        out, error = run.communicate(timeout=60)
        assert (run.returncode, out.strip()) == (0, str(N)), error
    assert provider.requests == N
    assert every_request_is_answered_once(provider, tmp_path)


def test_a_corrupt_row_is_asked_again_and_reported(provider, tmp_path):
    first = answered(engine_on(provider, tmp_path), jobs(10))
    warehouse = store_in(tmp_path)._warehouse
    rows = warehouse.scan("responses").collect()
    damaged = (
        pl.when(pl.col("response_id") == first[4].response_id)
        .then(pl.lit("tampered"))
        .otherwise("output")
        .alias("output")
    )
    warehouse.replace("responses", rows.with_columns(damaged), {"lane": rows["lane"][0]})
    engine = engine_on(provider, tmp_path)
    answers = answered(engine, jobs(10))
    assert provider.requests == 11
    assert answers[4].reply.output == "echo: question 4"
    assert engine.store.damage.response_ids == [first[4].response_id]
    assert engine.report().n_corrupt == 1


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MB, room for one journal segment and little more."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs needs root")
    yield folder
    subprocess.run([str(umount), "-l", str(folder)], check=True)


def fill(folder, leave_bytes):
    free = os.statvfs(folder)
    size = free.f_bavail * free.f_frsize - leave_bytes
    with (folder / "ballast").open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, size)


def test_a_full_disk_is_said_before_a_request_is_sent(provider, small_disk):
    fill(small_disk, journal.ALLOCATION_BYTES // 2)
    with pytest.raises(StorageFullError, match="free some space"):
        list(engine_on(provider, small_disk).answers(jobs(50)))
    assert provider.requests == 0


def test_a_disk_that_fills_up_during_a_run_loses_no_reply(provider, small_disk):
    provider.latency_seconds = 0.0
    provider.answer = lambda body: f"echo: {body['messages'][-1]['content']}" + " padding" * 2_000
    with pytest.raises(StorageFullError):  # noqa: PT012  the disk fills up while it iterates
        for n, _ in enumerate(engine_on(provider, small_disk).answers(jobs(3_000))):
            if n == 20:
                fill(small_disk, 4096)
    paid = provider.paid
    assert 20 < paid < 3_000
    (small_disk / "ballast").unlink()
    answers = answered(engine_on(provider, small_disk), jobs(paid))
    assert provider.paid == paid  # all of them were kept
    assert len(answers) == paid
