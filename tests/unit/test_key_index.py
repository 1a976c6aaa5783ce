"""Looking replies up by files that can hold them: the same replies are found, whatever becomes of the files."""

from datetime import UTC, datetime

import pytest

from eval_assets.requests.exchange import Reply
from eval_assets.requests.keys import key_of
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.snapshots import Snapshot
from eval_assets.storage.warehouse import Warehouse

LANE = "openai-x-00000000"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def request_of(n):
    return f'{{"n":{n}}}'


def put(store, numbers, output="text"):
    """Store a reply to each of these requests, all in one file."""
    with store.open_lane(LANE) as writer:
        for n in numbers:
            reply = Reply("ok", output, "stop", 0.1, NOON.replace(minute=n % 60), 1, 2)
            writer.append(key_of(request_of(n)), request_of(n), reply, "run-1")


def found(store, numbers):
    keys = {key_of(request_of(n)): n for n in numbers}
    return {keys[key]: stored.reply.output for key, stored in store.lookup(LANE, keys).items()}


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(str(tmp_path))


@pytest.fixture
def store(warehouse):
    """A store with five files of ten replies each."""
    store = ResponseStore(warehouse)
    for first in range(0, 50, 10):
        put(store, range(first, first + 10))
    return store


@pytest.fixture
def files_read(monkeypatch):
    """How many files each look at rows reads."""
    counts, scan_files = [], Snapshot.scan_files

    def counted(self, files, partition):
        counts.append(len(files))
        return scan_files(self, files, partition)

    monkeypatch.setattr(Snapshot, "scan_files", counted)
    return counts


def test_keys_are_read_once_and_rows_from_the_files_that_hold_them(store, files_read):
    assert found(store, [3, 4, 41]) == dict.fromkeys([3, 4, 41], "text")
    assert files_read == [1, 1, 1, 1, 1, 2]  # the keys of each file, then rows of two files
    files_read.clear()
    assert found(store, [25, 99]) == {25: "text"}
    assert files_read == [1]


def test_replies_that_another_process_adds_are_found_and_only_their_keys_are_read(store, warehouse, files_read):
    assert found(store, [60]) == {}
    put(ResponseStore(Warehouse(warehouse.root)), [60])
    files_read.clear()
    assert found(store, [60, 1]) == {60: "text", 1: "text"}
    assert files_read == [1, 2]


def test_replies_are_found_after_their_files_were_joined(store, warehouse):
    assert len(found(store, range(50))) == 50
    warehouse._at("responses").optimize.compact()
    assert len(warehouse.snapshot("responses").files({"lane": LANE})) == 1
    assert found(store, range(55)) == dict.fromkeys(range(50), "text")


def test_deleted_replies_are_no_longer_found(store):
    assert len(found(store, range(50))) == 50
    store.prune(NOON - NOON)  # all of them are older than no time at all
    assert found(store, range(50)) == {}


def test_of_two_replies_in_different_files_the_newer_one_is_taken(store):
    later = Reply("ok", "newest", "stop", 0.1, NOON.replace(hour=13), 1, 2)
    with store.open_lane(LANE) as writer:
        writer.append(key_of(request_of(8)), request_of(8), later, "run-2")
    assert found(store, [8]) == {8: "newest"}


def test_another_lane_has_nothing(store):
    assert store.lookup("openai-y-00000000", [key_of(request_of(1))]) == {}
