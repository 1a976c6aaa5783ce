"""Requests that several machines want: each is claimed by one of them, and nothing that was paid is lost."""

import contextlib
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eval_assets.requests.exchange import Reply
from eval_assets.storage.remote import lane_claims, owners, sharing
from eval_assets.storage.remote.object_store import Objects
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.warehouse import Warehouse
from tests.remote_machine import REQUESTS

ROOT = Path(__file__).parents[2]
LANE = "openai-tiny"
A, B, C = REQUESTS


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock of the heartbeats, which stands still unless it is told to go; nobody beats by themselves."""

    class Clock:
        now = 1_000.0

        def monotonic(self) -> float:
            return self.now

    found = Clock()
    monkeypatch.setattr(owners, "time", found)
    monkeypatch.setattr(sharing, "TICK_SECONDS", 3_600.0)
    return found


@pytest.fixture
def machine(store, root, tmp_path):
    """A store of replies as a process of its own machine has it."""
    return lambda name: ResponseStore(Warehouse(root, store.options), tmp_path / name)


class Started:
    """A process of a machine of its own, which does as it is told."""

    def __init__(self, root: str, options: dict[str, str], folder: Path) -> None:
        command = [sys.executable, "-m", "tests.remote_machine", root, json.dumps(options), str(folder), LANE]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def say(self, *words: str) -> list[str]:
        """Have something done, and wait until it is."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def started(store, root, tmp_path):
    """Starts such processes; those left are killed."""
    found: list[Started] = []

    def start(name: str) -> Started:
        found.append(Started(root, store.options, tmp_path / name))
        return found[-1]

    yield start
    for one in found:
        one.process.kill()
        one.process.communicate()


def reply(text: str = "x") -> Reply:
    return Reply(outcome="ok", output=text, finish_reason="stop", latency_seconds=1.0, requested_at=datetime.now(UTC))


def claim(writer, *keys: str) -> lane_claims.Claimed:
    return writer.claims.claim(dict.fromkeys(keys, writer.claims.seen))


def keep(writer, key: str, run_id: str) -> None:
    writer.append(key, REQUESTS[key], reply(), run_id)


def stored(of: ResponseStore) -> list[tuple[str, str]]:
    """Request key and run of every reply in the table, as a fresh look finds them."""
    of._warehouse.look_anew("responses")
    rows = of._warehouse.scan("responses").collect()
    return sorted(
        zip(rows["request_key"], rows["run_id"], strict=True), key=lambda row: ([*REQUESTS].index(row[0]), row[1])
    )


def test_a_request_is_claimed_by_one_and_the_rest_is_left_to_the_other(machine):
    with machine("one").open_lane(LANE) as one, machine("two").open_lane(LANE) as two:
        assert claim(one, A, B).fresh == {A, B}
        second = claim(two, B, C)
        assert second.fresh == {C}
        assert second.others.keys() == {B}
        assert second.others[B].state_dir.endswith("one")


def test_a_claim_is_over_when_its_reply_is_in_the_table_and_who_gets_it_looks_again(machine):
    second = machine("two")
    with machine("one").open_lane(LANE) as one, second.open_lane(LANE) as two:
        claim(one, A)
        assert claim(two, A, B).others.keys() == {A}
        keep(one, A, "run-1")
        one.flush()
        later = claim(two, A)
        assert later.stale == {A}
        second._warehouse.scan("responses")
        assert stored(second) == [(A, "run-1")]
        # What was looked for since then can't have come meanwhile.
        assert claim(two, C).fresh == {C}


def test_what_fails_is_free_for_others_at_once(machine):
    with machine("one").open_lane(LANE) as one, machine("two").open_lane(LANE) as two:
        claim(one, A)
        one.claims.drop([A])
        one.keep_up()
        assert claim(two, A).fresh == {A}


def test_a_lane_that_is_closed_leaves_no_claim_and_no_heartbeat(store, root, machine):
    with machine("one").open_lane(LANE) as one:
        claim(one, A)
    left = [key for key in store.names(root.removeprefix("s3://")) if "/_claims/" in key]
    assert [key.rpartition("/_claims/")[2] for key in left] == [f"lanes/{LANE}.json"]
    found = Objects(root, store.options).read(f"_claims/lanes/{LANE}.json")
    assert found is not None
    assert found.content["claims"] == {}


def test_a_heartbeat_that_changes_is_alive_however_long_it_takes(machine, clock):
    with machine("one").open_lane(LANE) as one, machine("two").open_lane(LANE) as two:
        claim(one, A)
        for _ in range(20):
            clock.now += owners.EXPIRED_AFTER_SECONDS - 1
            one.claims._owner.beat()
            assert claim(two, A).others.keys() == {A}


def test_what_a_killed_process_received_is_taken_up_once_its_heartbeat_stands_still(machine, started, clock, caplog):
    killed, heir = started("killed"), machine("heir")
    killed.say("claim", A, B)
    killed.say("keep", A)
    killed.process.kill()
    killed.process.wait()
    with heir.open_lane(LANE) as two:
        assert claim(two, A).others.keys() == {A}
        clock.now += owners.EXPIRED_AFTER_SECONDS - 1
        assert claim(two, A).others.keys() == {A}
        clock.now += owners.WATCH_SECONDS
        later = claim(two, A, B)
        assert (later.stale, later.others) == ({A, B}, {})  # look again: what it had received is in the table now
        assert stored(heir) == [(A, "run-of-killed")]
    assert "with 2 requests under way; its journals are taken up" in caplog.text


def test_journals_that_cant_be_reached_are_named_and_kept(machine, started, clock, caplog, tmp_path):
    killed, heir = started("killed"), machine("heir")
    killed.say("claim", A)
    killed.say("keep", A)
    killed.process.kill()
    killed.process.wait()
    (tmp_path / "killed").rename(tmp_path / "elsewhere")
    with heir.open_lane(LANE) as two:
        claim(two, A)
        clock.now += owners.EXPIRED_AFTER_SECONDS + 1
        assert claim(two, A).fresh == {A}
    assert f"not yet written lie in {tmp_path / 'killed'} on " in caplog.text
    # The machine comes back: its next run in that folder writes what it had received.
    with machine("elsewhere").open_lane(LANE):
        assert stored(heir) == [(A, "run-of-killed")]


def test_the_next_process_of_a_state_folder_waits_for_nobody(machine, started, clock):
    killed = started("same")
    killed.say("claim", A, B)
    killed.say("keep", A)
    killed.process.kill()
    killed.process.wait()
    store = machine("same")
    with store.open_lane(LANE) as next_one:
        assert claim(next_one, B).others == {}
        assert stored(store) == [(A, "run-of-same")]


def test_who_wakes_after_others_took_over_writes_nothing_under_them_and_loses_nothing(machine, started, clock, caplog):
    paused, heir = started("paused"), machine("heir")
    paused.say("claim", A, B, C)
    paused.say("keep", A)
    paused.process.send_signal(signal.SIGSTOP)
    with heir.open_lane(LANE) as two:
        claim(two, A)
        clock.now += owners.EXPIRED_AFTER_SECONDS + 1
        # The lock of its folder is held by the sleeper: its journals stay where they are.
        assert claim(two, A).fresh == {A}
        paused.process.send_signal(signal.SIGCONT)
        # It holds on to what nobody took, and knows what it lost: that isn't sent, and its reply isn't written.
        assert paused.say("flush") == ["1 in journals"]
        assert stored(heir) == []
        assert paused.say("holds", A, B) == ["False", "True"]
        keep(two, A, "run-of-heir")
        two.flush()
        assert stored(heir) == [(A, "run-of-heir")]
    paused.say("keep", B)
    paused.say("close")
    assert stored(heir) == [(A, "run-of-heir"), (B, "run-of-paused")]
    again = machine("paused")
    with again.open_lane(LANE):
        # What was paid twice is kept twice, and the later reply is the one that is used, as it was all along.
        assert stored(heir) == [(A, "run-of-heir"), (A, "run-of-paused"), (B, "run-of-paused")]
    again._warehouse.look_anew("responses")
    assert again.lookup(LANE, [A])[A].run_id == "run-of-heir"


def test_of_many_that_claim_at_once_each_request_has_one(machine):
    keys = [f"{number:064x}" for number in range(60)]
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(machine(f"m{number}").open_lane(LANE)) for number in range(4)]
        with ThreadPoolExecutor(4) as pool:
            rounds = [keys[start : start + 15] for start in range(0, 60, 15)]
            taken = [[f.fresh for f in pool.map(lambda w, part=part: claim(w, *part), writers)] for part in rounds]
        assert sorted(key for claims in taken for fresh in claims for key in fresh) == keys


def test_a_claim_whose_answer_is_lost_counts_once(store, machine):
    with machine("one").open_lane(LANE) as one, machine("two").open_lane(LANE) as two:
        store.drop_next(1)  # the write is made, its answer never comes, and it is repeated
        assert claim(one, A).fresh == {A}
        assert claim(two, A).others.keys() == {A}
