"""Looking replies up by files that can hold them: the same replies are found, whatever becomes of the files."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eval_assets.requests.exchange import Reply
from eval_assets.requests.keys import key_of
from eval_assets.storage.replies import key_index
from eval_assets.storage.replies.responses import KEYS, ResponseStore
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


@pytest.fixture(scope="module")
def five_files(tmp_path_factory):
    """The folder of a warehouse with five files of ten replies each, for copies."""
    folder = tmp_path_factory.mktemp("five_files")
    store = ResponseStore(Warehouse(str(folder)))
    for first in range(0, 50, 10):
        put(store, range(first, first + 10))
    return folder


@pytest.fixture
def store(five_files, warehouse):
    """A store with those files."""
    shutil.copytree(five_files, warehouse.root, dirs_exist_ok=True)
    return ResponseStore(warehouse)


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


class TestKept:
    """Keys on the local disk: the next process reads none of those that are there."""

    @pytest.fixture(autouse=True)
    def few_are_many(self, monkeypatch):
        monkeypatch.setattr(key_index, "KEPT_FROM", 10)

    @pytest.fixture
    def kept(self, store, warehouse):
        """The folder of what the first process kept, of five files."""
        assert found(store, [3]) == {3: "text"}
        return Path(warehouse.root, "_state", KEYS, LANE)

    def test_the_next_process_reads_rows_alone(self, kept, warehouse, files_read):
        assert found(ResponseStore(Warehouse(warehouse.root)), [3, 41, 99]) == dict.fromkeys([3, 41], "text")
        assert files_read == [2]
        assert len(list(kept.iterdir())) == 1

    def test_what_came_since_is_read_and_kept_when_it_is_many(self, kept, store, warehouse, files_read):
        (before,) = kept.iterdir()
        put(store, range(50, 55))
        files_read.clear()
        assert found(ResponseStore(Warehouse(warehouse.root)), [3, 52]) == dict.fromkeys([3, 52], "text")
        assert files_read == [1, 2]
        assert [*kept.iterdir()] == [before]
        put(store, range(55, 60))
        assert found(ResponseStore(Warehouse(warehouse.root)), range(60)) == dict.fromkeys(range(60), "text")
        assert [*kept.iterdir()] != [before]
        files_read.clear()
        assert found(ResponseStore(Warehouse(warehouse.root)), [57, 1]) == dict.fromkeys([57, 1], "text")
        assert files_read == [2]

    def test_files_that_were_joined_make_it_start_anew(self, kept, warehouse):
        warehouse._at("responses").optimize.compact()
        assert len(found(ResponseStore(Warehouse(warehouse.root)), range(55))) == 50
        assert len(json.loads((next(kept.iterdir()) / "about.json").read_text())["files"]) == 1

    @pytest.mark.parametrize("file", ["hashes.npy", "files.npy", "about.json"])
    @pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-10])])
    def test_what_is_not_whole_is_not_used(self, kept, warehouse, file, damage):
        damage(next(kept.iterdir()) / file)
        assert len(found(ResponseStore(Warehouse(warehouse.root)), range(55))) == 50

    def test_keys_that_were_hashed_in_another_way_are_not_used(self, kept, warehouse, monkeypatch):
        monkeypatch.setattr(key_index, "_hashes", lambda keys: keys.hash(seed=1).to_numpy())
        assert len(found(ResponseStore(Warehouse(warehouse.root)), range(55))) == 50

    def test_a_folder_that_cannot_be_written_costs_time_alone(self, store, warehouse):
        Path(warehouse.root, "_state", KEYS).write_text("in the way")
        assert len(found(store, range(55))) == 50
