"""Engines on several machines with one warehouse: together they pay for each request once, and none waits for ever."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eval_assets.config.model import Limits
from eval_assets.config.prices import Prices
from eval_assets.errors import BudgetExceededError, StoppedError
from eval_assets.providers.dispatch import claiming
from eval_assets.providers.dispatch.ahead import Lookups, Together
from eval_assets.providers.dispatch.event_loop import LoopThread
from eval_assets.requests.budget import Budget
from eval_assets.requests.exchange import Reply
from eval_assets.requests.keys import canonical_request, key_of, lane_of
from eval_assets.storage.remote import owners, sharing
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.warehouse import Warehouse
from tests.engines import answered, engine_on, identity_at, jobs
from tests.loopback import LoopbackProvider

ROOT = Path(__file__).parents[2]
LIMITS = Limits(max_concurrency=4, timeout_seconds=20.0)


@pytest.fixture
def provider():
    with LoopbackProvider(latency_seconds=0.05) as running:
        yield running


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Look at others' claims ten times a second."""
    monkeypatch.setattr(claiming, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(sharing, "TICK_SECONDS", 0.05)


@pytest.fixture
def engine(store, root, tmp_path, provider):
    def opened(name: str, **options):
        held = ResponseStore(Warehouse(root, store.options), tmp_path / name)
        return engine_on(provider, tmp_path, **({"store": held, "run_id": f"run-{name}", "limits": LIMITS} | options))

    return opened


def asked_ahead(engine_of, name: str, n: int) -> dict[int, str | None]:
    """Every reply, asked for at once in an event loop."""
    thread = LoopThread(name)
    held = engine_of(name).store
    together = Together(thread, Lookups(held))
    engine = engine_of(name, together=together, store=held)

    async def ask() -> dict[int, str | None]:
        answers = await asyncio.gather(*(engine.ahead.ask(job.request) for job in jobs(n)))
        return {index: answer.reply.output for index, answer in enumerate(answers)}

    try:
        with engine:
            return thread.run(ask)
    finally:
        thread.run(engine.client.aclose)
        thread.run(together.aclose)
        thread.close()


def test_runs_of_one_partition_on_two_machines_pay_once_and_both_have_every_reply(engine, provider):
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda name: answered(engine(name), jobs(40)), ["one", "two"]))
    assert provider.requests == 40
    outputs = [{tag: answer.reply.output for tag, answer in answers.items()} for answers in found]
    assert outputs[0] == outputs[1] == {index: f"echo: question {index}" for index in range(40)}
    # Each sent some: the second doesn't wait for the first one's last request before it sends its own.
    n_sent = [sum(not answer.reused for answer in answers.values()) for answers in found]
    assert sum(n_sent) == 40
    assert min(n_sent) > 0


def test_plans_asked_ahead_on_two_machines_pay_once_and_both_have_every_reply(engine, provider):
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda name: asked_ahead(engine, name, 40), ["one", "two"]))
    assert provider.requests == 40
    assert found[0] == found[1] == {index: f"echo: question {index}" for index in range(40)}


def test_what_one_machine_may_not_pay_any_more_the_other_sends(engine, provider):
    poor = engine("poor", budget=Budget(0.1), prices=Prices(request_usd=0.03))
    with poor:
        with pytest.raises(BudgetExceededError):
            answered(poor, jobs(12))
        n_paid = provider.requests
        assert 0 < n_paid < 12
        # The poor one is still open: what it didn't send is free all the same.
        assert len(answered(engine("rich"), jobs(12))) == 12
    assert provider.requests == 12


@pytest.mark.parametrize("die_at", ["append", "commit", "entry", "release"])
def test_a_machine_that_is_killed_costs_what_was_under_way(
    engine, provider, store, root, tmp_path, monkeypatch, die_at
):
    command = [sys.executable, "-m", "tests.faults.worker", provider.base_url, str(tmp_path / "killed"), "60", "run-1"]
    environment = {**os.environ, **store.environment, "WAREHOUSE": root}
    killed = subprocess.run([*command, die_at], cwd=ROOT, env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    n_paid_before = provider.paid
    assert n_paid_before > 0
    monkeypatch.setattr(owners, "EXPIRED_AFTER_SECONDS", 0.4)
    monkeypatch.setattr(owners, "WATCH_SECONDS", 0.1)
    heir = engine("heir")
    answers = answered(heir, jobs(60))
    assert {tag: answer.reply.output for tag, answer in answers.items()} == {
        index: f"echo: question {index}" for index in range(60)
    }
    # Lost: nothing that was received. Paid twice: what was under way, as many as one engine sends at once.
    assert provider.paid <= 60 + 8
    heir.store._warehouse.look_anew("responses")
    rows = heir.store._warehouse.scan("responses").collect()
    assert rows["request_key"].n_unique() == 60
    assert rows["response_id"].n_unique() == rows.height
    assert sum(answer.reused for answer in answers.values()) >= n_paid_before - 8


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_clock_that_is_minutes_off_pays_nothing_twice(engine, provider, minutes):
    """Machines compare no times of day: only a heartbeat that changes counts, and a reply is one whenever it came."""
    elsewhere = engine("elsewhere")
    identity = identity_at(provider.base_url)
    requested_at = datetime.now(UTC) + timedelta(minutes=minutes)
    with elsewhere.store.open_lane(lane_of(identity)) as writer:
        for job in jobs(3):
            canonical = canonical_request(identity, job.request)
            came = Reply("ok", "from elsewhere", "stop", latency_seconds=1.0, requested_at=requested_at)
            assert writer.claims.claim({key_of(canonical): writer.claims.seen}).fresh
            writer.append(key_of(canonical), canonical, came, "run-elsewhere")
        here = answered(engine("here"), jobs(4))
    assert [here[tag].reply.output for tag in range(4)] == ["from elsewhere"] * 3 + ["echo: question 3"]
    assert provider.requests == 1


def test_who_waits_for_another_machine_can_be_stopped(engine, provider):
    stop = threading.Event()
    holder = engine("holder")
    with holder.store.open_lane(lane_of(identity_at(provider.base_url))) as writer:
        waiting = engine("waiting", stop=stop)
        identity = identity_at(provider.base_url)
        keys = [key_of(canonical_request(identity, job.request)) for job in jobs(3)]
        assert len(writer.claims.claim(dict.fromkeys(keys, writer.claims.seen)).fresh) == 3
        threading.Timer(0.5, stop.set).start()
        with pytest.raises(StoppedError):
            answered(waiting, jobs(3))
    assert provider.requests == 0
