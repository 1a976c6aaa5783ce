"""Processes killed while they submit and collect batches: each request is paid once, and every reply is collected."""

import multiprocessing
import random
import signal
from pathlib import Path

import pytest

from tests.faults.batch_worker import N, dying, opened, read, run
from tests.loopback import LoopbackProvider

WHOLE_RUN = [
    *("forget", "add", "write_atomically", "upload", "write_atomically", "create", "write_atomically", "forget"),
    *("status", "status", "status", "results", "append", "append", "append", "_write"),
    *("finish", "write_atomically", "write_atomically", "_drop_contents", "forget"),
]
"""What touches disk or provider: a record is planned, is creating, is submitted, has an outcome, is collected."""

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.faults.batch_worker"])
pytestmark = pytest.mark.usefixtures("hurried")


def killed(folder: Path, die_before: int) -> None:
    """Run in a process that dies before a step."""
    process = FORKING.Process(target=dying, args=(folder, die_before))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def everything_is_there_and_paid_once(
    folder: Path, provider: LoopbackProvider, *, n: int = N, n_accounts: int | None = 1
) -> bool:
    """Whether nothing is lost, left or paid twice, and how often the account says so; null asks no account."""
    with opened(folder) as room:
        predictions = room.warehouse.scan("predictions").collect()
        responses = room.warehouse.scan("responses").collect()
        runs = room.warehouse.scan("runs").collect()
        left = [path.name for path in (room.state_dir / "batches").glob("*/*") if path.suffix != ".json"]
        assert {record.state for record in room.store.batches.records()} == {"collected"}
    assert left == []
    assert predictions["outcome"].to_list() == ["ok"] * n
    assert responses.height == responses["request_key"].n_unique() == n
    assert n_accounts is None or runs["n_sent"].sum() == n * n_accounts
    assert (len(provider.batches.paid), set(provider.batches.paid.values())) == (n, {1})
    return provider.requests == 0


def test_the_steps_of_a_run_are_those_that_it_is_killed_between(folder, provider) -> None:
    process = FORKING.Process(target=dying, args=(folder, 0))
    process.start()
    process.join(60)
    assert (folder / "steps.txt").read_text().split() == WHOLE_RUN
    assert everything_is_there_and_paid_once(folder, provider)


# The second and third look, and the second reply that is kept, find on disk what the first ones did.
SAME_AS_BEFORE = (10, 11, 14)


@pytest.mark.parametrize(
    "step",
    [n for n in range(1, len(WHOLE_RUN) + 1) if n not in SAME_AS_BEFORE],
    ids=lambda step: f"{step}-{WHOLE_RUN[step - 1]}",
)
def test_a_run_killed_between_two_steps_pays_once_and_loses_nothing(folder, provider, step: int) -> None:
    killed(folder, step)
    run(folder)
    # Before the last step the account is written, and that it is isn't noted: the next run writes it once more.
    n_accounts = 2 if step == len(WHOLE_RUN) else 1
    assert everything_is_there_and_paid_once(folder, provider, n_accounts=n_accounts)
    assert len(provider.batches.created) == 1


def test_a_batch_whose_creation_nobody_heard_of_is_found_again(folder, provider) -> None:
    """It exists at the provider, and its process died before the response came."""
    process = FORKING.Process(target=dying, args=(folder, 0))
    provider.batches.on_call = lambda when, call: process.kill() if (when, call) == ("after", "POST /batches") else None
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    provider.batches.on_call = lambda *_: None
    run(folder)
    assert everything_is_there_and_paid_once(folder, provider)
    assert len(provider.batches.created) == 1


@pytest.mark.slow
def test_runs_killed_at_10_random_moments_pay_once_and_lose_nothing(folder, provider) -> None:
    """Each has a new row to ask about, and what the killed ones before it left behind."""
    provider.batches.looks_until_over = 3
    drawn, n_killed = random.Random(10), 0
    for n in range(10):
        with (folder / "data/datasets/qa.jsonl").open("a") as rows:
            rows.write(f'{{"example_id": "late {n}", "inputs": "late question {n}"}}\n')
        read(folder, eval_datasets="qa")
        process = FORKING.Process(target=dying, args=(folder, 0))
        process.start()
        process.join(drawn.uniform(0.1, 1.5))
        n_killed += process.is_alive()
        process.kill()
        process.join(60)
    run(folder)
    assert n_killed >= 5
    assert everything_is_there_and_paid_once(folder, provider, n=N + 10, n_accounts=None)
