"""Tables in an object store, where each look is a request: their logs are read, and written to, through a copy here."""

import sys
import threading

import polars as pl
import pytest
from deltalake import DeltaTable

from eval_assets.errors import OvertakenError, StorageError
from eval_assets.storage.remote import mirror
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import SCHEMAS
from tests.loopback_s3 import LoopbackS3

TABLE = "prompts"


@pytest.fixture
def open_warehouse(store, root):
    return lambda: Warehouse(root, store.options)


@pytest.fixture
def looks_count_no_longer(monkeypatch):
    monkeypatch.setattr(mirror, "SECONDS_BETWEEN_LOOKS", 0.0)


def rows(prompt: str, text: str = "") -> pl.DataFrame:
    empty = {column: [None] for column in SCHEMAS[TABLE]}
    return pl.DataFrame(empty, schema=SCHEMAS[TABLE]).with_columns(prompt=pl.lit(prompt), description=pl.lit(text))


def write(tables: Warehouse, prompt: str, text: str = "") -> None:
    tables.replace(TABLE, rows(prompt, text), {"prompt": prompt})


def prompts(tables: Warehouse) -> set[str]:
    return set(tables.scan(TABLE).collect()["prompt"])


def test_many_looks_at_a_table_are_few_requests(store, open_warehouse):
    write(open_warehouse(), "a")
    before = store.n_requests
    tables = open_warehouse()
    for _ in range(10):
        assert tables.exists(TABLE)
        assert prompts(tables) == {"a"}
        assert tables.last_commit(TABLE, {"prompt": "a"}).version == 1
    # A list, two entries of the log, one data file.
    assert store.n_requests - before == 4


def test_of_a_partition_only_its_own_files_are_fetched(store, open_warehouse):
    tables = open_warehouse()
    for name in "abc":
        write(tables, name, name)
    before = store.asked
    assert open_warehouse().scan(TABLE, {"prompt": "b"}).collect()["description"].to_list() == ["b"]
    assert store.asked["GET data"] - before.get("GET data", 0) == 1


def test_a_commit_is_its_data_and_its_entry(store, open_warehouse):
    tables = open_warehouse()
    write(tables, "a")
    before = store.n_requests
    write(tables, "b")
    assert prompts(tables) == {"a", "b"}
    assert store.n_requests - before == 2


def test_what_this_process_writes_is_seen_at_once_by_every_thread(open_warehouse):
    tables = open_warehouse()
    seen: dict[str, set[str]] = {}

    def work(name: str) -> None:
        assert not tables.exists(TABLE) or prompts(tables) is not None
        for number in range(4):
            write(tables, f"{name}{number}")
            assert f"{name}{number}" in prompts(tables)
        written.wait()
        seen[name] = prompts(tables)

    written = threading.Barrier(3)
    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = {f"{name}{number}" for name in "abc" for number in range(4)}
    assert seen == dict.fromkeys("abc", everything)


def test_what_others_write_is_seen_once_the_last_look_is_old(open_warehouse, monkeypatch):
    here, there = open_warehouse(), open_warehouse()
    assert not here.exists(TABLE)
    write(there, "a")
    assert not here.exists(TABLE)
    here.look_anew(TABLE)
    assert prompts(here) == {"a"}
    write(there, "b")
    monkeypatch.setattr(mirror, "SECONDS_BETWEEN_LOOKS", 0.0)
    assert prompts(here) == {"a", "b"}


def test_a_snapshot_stays_what_it_was_whatever_is_written(open_warehouse):
    tables = open_warehouse()
    write(tables, "a")
    before = tables.snapshot(TABLE)
    lazy = before.scan()
    write(tables, "b")
    assert set(before.scan().collect()["prompt"]) == set(lazy.collect()["prompt"]) == {"a"}
    assert prompts(tables) == {"a", "b"}


def test_a_commit_made_on_an_old_look_is_made_all_the_same(open_warehouse):
    here, there = open_warehouse(), open_warehouse()
    write(here, "a")
    assert prompts(there) == {"a"}
    write(here, "b")
    write(there, "c")
    assert prompts(there) == {"a", "b", "c"}
    assert [commit.version for commit in there.history(TABLE)] == [3, 2, 1, 0]


def test_two_writers_of_one_partition_leave_the_rows_of_the_later_one(open_warehouse):
    here, there = open_warehouse(), open_warehouse()
    for number in range(3):
        write(here, "a", f"here {number}")
        write(there, "a", f"there {number}")
    here.look_anew(TABLE)
    assert here.scan(TABLE).collect()["description"].to_list() == ["there 2"]


def test_what_another_machine_wrote_meanwhile_is_not_written_again_and_what_was_there_is(store, open_warehouse):
    made = {"data_version": "v1", "code_version": "1", "inputs": "{}"}
    here, there = open_warehouse(), open_warehouse()
    assert not here.exists(TABLE)
    first = there.replace(TABLE, rows("a", "there"), {"prompt": "a"}, {**made, "run_id": "there"})
    assert here.replace(TABLE, rows("a", "here"), {"prompt": "a"}, {**made, "run_id": "here"}) == first
    assert here.scan(TABLE).collect()["description"].to_list() == ["there"]
    other = here.replace(TABLE, rows("a", "here"), {"prompt": "a"}, {**made, "data_version": "v2"})
    assert (other.version, here.scan(TABLE).collect()["description"].to_list()) == (first.version + 1, ["here"])
    # A later run that computes the same anew, to mend it perhaps, writes it.
    later = open_warehouse()
    again = later.replace(TABLE, rows("a", "mended"), {"prompt": "a"}, {**made, "data_version": "v2"})
    assert again.version == other.version + 1


def test_rows_made_from_a_partition_that_changed_are_refused_and_others_are_not(open_warehouse):
    here, there = open_warehouse(), open_warehouse()
    write(here, "a")
    since = here.snapshot(TABLE)
    write(there, "b")
    here.replace(TABLE, rows("a", "made from a"), {"prompt": "a"}, since=since)
    since = here.snapshot(TABLE)
    write(there, "a", "meanwhile")
    with pytest.raises(OvertakenError, match="lost against other writers"):
        here.replace(TABLE, rows("a", "too late"), {"prompt": "a"}, since=since)
    here.look_anew(TABLE)
    assert sorted(here.scan(TABLE).collect()["description"]) == ["", "meanwhile"]


def test_other_programs_read_what_was_written_and_we_what_they_write(
    store, root, open_warehouse, looks_count_no_longer
):
    tables = open_warehouse()
    odd = "o'brien: 100%/a=b é"
    for number in range(25):  # over two checkpoints
        write(tables, odd, str(number))
    others = DeltaTable(f"{root}/{TABLE}", storage_options=store.options)
    assert others.version() == 25
    assert pl.scan_delta(others).collect().select("prompt", "description").rows() == [(odd, "24")]
    assert any(key.endswith("20.checkpoint.parquet") for key in store.names(root.removeprefix("s3://")))
    assert tables.delete(TABLE, "description = '24'") == 1
    assert prompts(tables) == prompts(open_warehouse()) == set()


def test_a_table_with_checkpoints_is_opened_without_its_whole_log(store, open_warehouse, monkeypatch):
    monkeypatch.setattr(mirror, "SIZE", 4)  # commits that are summed up together
    tables = open_warehouse()
    for number in range(20):
        write(tables, f"p{number}")
    before = store.n_requests
    assert len(prompts(open_warehouse())) == 20
    # A list, the checkpoint of version 20 and where it is said, the entries from 16 on, and the data.
    assert store.n_requests - before == 1 + 2 + 5 + 20


def test_large_data_is_read_in_the_store(store, open_warehouse, monkeypatch):
    write(open_warehouse(), "a", "text")
    monkeypatch.setattr(mirror, "FETCHED_WHOLE_BYTES", 10)
    tables = open_warehouse()
    assert tables.scan(TABLE, {"prompt": "a"}).collect()["description"].to_list() == ["text"]
    assert prompts(tables) == {"a"}
    assert not list(tables._mirrored.rglob("*.zstd.parquet"))


def test_a_table_that_was_made_anew_is_read_anew(store, root, open_warehouse, looks_count_no_longer):
    tables = open_warehouse()
    write(tables, "a")
    assert prompts(tables) == {"a"}
    tables.objects.remove(f"{TABLE}/_delta_log/{1:020d}.json")
    tables.objects.remove(f"{TABLE}/_delta_log/{0:020d}.json")
    write(open_warehouse(), "b")
    assert prompts(tables) == {"b"}


def test_a_store_that_answers_503_and_slowly_loses_nothing(root):
    with LoopbackS3(latency_seconds=0.02) as store:
        tables = Warehouse(root, store.options)
        write(tables, "a")
        store.fail_next(3)
        write(tables, "b")
        store.fail_next(2)
        assert prompts(Warehouse(root, store.options)) == {"a", "b"}


@pytest.mark.parametrize("conditions", ["ignored", "refused"])
def test_a_store_without_conditional_writes_is_refused_before_anything_is_written(root, conditions):
    with LoopbackS3(conditions=conditions) as store:
        with pytest.raises(StorageError, match="expected an object store with conditional writes"):
            write(Warehouse(root, store.options), "a")
        assert not any(TABLE in key for key in store.names())


def test_the_proof_of_conditional_writes_is_made_once_for_a_warehouse(store, open_warehouse):
    write(open_warehouse(), "a")
    before = store.asked
    tables = open_warehouse()
    tables.create("models")
    tables.create("judges")
    after = store.asked
    claims = [kind for kind in after if kind.endswith("_claims") and after[kind] != before.get(kind)]
    assert [kind.partition(" ")[0] for kind in claims] == ["GET"]


def test_a_commit_that_isnt_published_yet_is_seen_by_nobody(open_warehouse, monkeypatch):
    tables = open_warehouse()
    write(tables, "a")
    publishing, reading = threading.Event(), threading.Event()
    put = mirror.Mirror._put_entries

    def put_late(self, entries):
        publishing.set()
        reading.wait(5.0)
        raise KeyboardInterrupt  # the process is ended before its entry is in the store

    monkeypatch.setattr(mirror.Mirror, "_put_entries", put_late)
    seen: list[set[str]] = []

    def read() -> None:
        publishing.wait()
        reading.set()
        seen.append(prompts(tables))

    reader = threading.Thread(target=read)
    reader.start()
    with pytest.raises(KeyboardInterrupt):
        write(tables, "b")
    reader.join()
    assert seen == [{"a"}]
    monkeypatch.setattr(mirror.Mirror, "_put_entries", put)
    write(tables, "c")
    assert prompts(tables) == prompts(open_warehouse()) == {"a", "c"}


def test_a_warehouse_in_an_object_store_without_its_package_says_what_to_install(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(StorageError, match=r"takes the package obstore: `pip install 'eval-assets\[remote\]'`"):
        Warehouse(root).exists(TABLE)
