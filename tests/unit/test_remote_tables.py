"""Tables in an object store, where each look is a request: `file://` is one to a warehouse, and here to open tables."""

import threading
from pathlib import Path

import polars as pl
import pytest

from eval_assets.storage import open_tables, warehouse
from eval_assets.storage.integrity.data_files import NamedTable
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import SCHEMAS

TABLE = "prompts"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(open_tables, "LOCAL", "local://")
    return tmp_path.as_uri()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What asks the store whether there is something new."""
    made: list[str] = []
    opening, updating = NamedTable.__init__, NamedTable.update_incremental

    def opened(table: NamedTable, *arguments: object, **named: object) -> None:
        made.append("open")
        opening(table, *arguments, **named)

    def updated(table: NamedTable) -> None:
        made.append("update")
        updating(table)

    monkeypatch.setattr(NamedTable, "__init__", opened)
    monkeypatch.setattr(NamedTable, "update_incremental", updated)
    return made


def write(tables: Warehouse, prompt: str) -> None:
    empty = {column: [None] for column in SCHEMAS[TABLE]}
    frame = pl.DataFrame(empty, schema=SCHEMAS[TABLE]).with_columns(prompt=pl.lit(prompt))
    tables.replace(TABLE, frame, {"prompt": prompt})


def prompts(tables: Warehouse) -> set[str]:
    return set(tables.scan(TABLE).collect()["prompt"])


def test_many_looks_at_a_table_are_one_request(root, looks):
    write(Warehouse(root), "a")
    looks.clear()
    tables = Warehouse(root)
    for _ in range(10):
        assert tables.exists(TABLE)
        assert prompts(tables) == {"a"}
        assert tables.last_commit(TABLE, {"prompt": "a"}).version == 1
    assert looks.count("open") == 1
    assert len(looks) <= 3


def test_what_this_process_writes_is_seen_at_once_by_every_thread(root):
    tables = Warehouse(root)
    seen: dict[str, set[str]] = {}

    def work(name: str) -> None:
        assert not tables.exists(TABLE) or prompts(tables)
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


def test_what_others_write_is_seen_once_the_last_look_is_old(root, monkeypatch):
    here, there = Warehouse(root), Warehouse(root)
    assert not here.exists(TABLE)
    write(there, "a")
    assert not here.exists(TABLE)
    for module in (open_tables, warehouse):
        monkeypatch.setattr(module, "SECONDS_BETWEEN_LOOKS", 0.0)
    assert prompts(here) == {"a"}
    write(there, "b")
    assert prompts(here) == {"a", "b"}


def test_a_snapshot_stays_what_it_was_whatever_is_written(root):
    tables = Warehouse(root)
    write(tables, "a")
    before = tables.snapshot(TABLE)
    lazy = before.scan()
    write(tables, "b")
    assert set(before.scan().collect()["prompt"]) == set(lazy.collect()["prompt"]) == {"a"}
    assert prompts(tables) == {"a", "b"}


def test_a_commit_made_on_an_old_look_is_made_all_the_same(root):
    here, there = Warehouse(root), Warehouse(root)
    write(here, "a")
    assert prompts(there) == {"a"}
    write(here, "b")
    write(there, "c")
    assert prompts(there) == {"a", "b", "c"}
