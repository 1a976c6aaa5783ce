"""Summaries of commits: who reads them finds what the log says, and finds it after the log was cut off."""

import os
import shutil
import time
from pathlib import Path

import polars as pl
import pytest

from eval_assets.storage import commit_ledger, open_tables
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import SCHEMAS

TABLE = "prompts"


def replace(warehouse: Warehouse, name: str, data_version: str):
    frame = pl.DataFrame([{**dict.fromkeys(SCHEMAS[TABLE]), "prompt": name}], schema=SCHEMAS[TABLE])
    return warehouse.replace(TABLE, frame, {"prompt": name}, {"data_version": data_version})


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> str:
    """A warehouse with the creation of a table and 12 commits to three partitions, a summary for every 5."""
    monkeypatch.setattr(commit_ledger, "SIZE", 5)
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    for number in range(12):
        replace(warehouse, f"p{number % 3}", f"v{number}")
    return warehouse.root


def recorded(root: str):
    return [(commit.version, dict(commit.metadata)) for commit in Warehouse(root).history(TABLE)]


def test_summaries_say_what_the_log_says(root):
    summaries = Path(root, TABLE, commit_ledger.FOLDER)
    names = sorted(path.name.lstrip("0") for path in summaries.iterdir())  # 13 commits: 0 to 4 and 5 to 9
    assert names == ["4.newest.parquet", "4.parquet", "9.newest.parquet", "9.parquet"]
    from_summaries = recorded(root)
    shutil.rmtree(summaries)
    assert recorded(root) == from_summaries
    assert [version for version, _ in from_summaries] == list(range(12, -1, -1))


def test_commits_are_known_when_their_entries_are_gone(root):
    whole = recorded(root)
    for version in range(9):
        Path(root, TABLE, "_delta_log", f"{version:020d}.json").unlink()
    assert recorded(root) == whole
    assert {name: commit.version for name, commit in Warehouse(root).last_commits(TABLE).items()} == {
        "prompt=p0": 10,  # p0, p1, p2 in turn from version 1 on: 12 is a p2
        "prompt=p1": 11,
        "prompt=p2": 12,
    }


def test_the_newest_commits_are_known_without_a_look_at_older_ones(root):
    newest = Warehouse(root).last_commits(TABLE)
    for path in Path(root, TABLE, commit_ledger.FOLDER).iterdir():
        if path.name != f"{9:020d}.newest.parquet":
            path.unlink()
    for version in range(10):
        Path(root, TABLE, "_delta_log", f"{version:020d}.json").unlink()
    assert Warehouse(root).last_commits(TABLE) == newest


@pytest.mark.parametrize("damaged", [(9,), (4, 9)])
def test_where_what_is_newest_is_damaged_older_commits_are_read(root, damaged):
    newest = Warehouse(root).last_commits(TABLE)
    for version in damaged:
        Path(root, TABLE, commit_ledger.FOLDER, f"{version:020d}.newest.parquet").write_bytes(b"PAR1")
    assert Warehouse(root).last_commits(TABLE) == newest


def test_what_was_newest_two_summaries_ago_is_removed(root):
    warehouse = Warehouse(root)
    for number in range(12, 15):
        replace(warehouse, "p0", f"v{number}")
    kept = Path(root, TABLE, commit_ledger.FOLDER).glob("*.newest.parquet")
    assert sorted(int(path.name.partition(".")[0]) for path in kept) == [9, 14]
    assert warehouse.last_commit(TABLE, {"prompt": "p0"}).version == 15


def test_a_damaged_summary_is_read_from_the_log_and_written_anew(root):
    whole = recorded(root)
    first = Path(root, TABLE, commit_ledger.FOLDER, f"{4:020d}.parquet")
    first.write_bytes(first.read_bytes()[:50])
    assert recorded(root) == whole
    assert Warehouse(root).sum_up(TABLE) == 10
    assert len(pl.read_parquet(first)) == 5


def test_a_disk_that_takes_no_summary_takes_nothing_from_the_commit(root, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(commit_ledger, "_write", full)
    warehouse = Warehouse(root)
    assert [replace(warehouse, "p0", str(n)).version for n in range(3)] == [13, 14, 15]
    assert warehouse.sum_up(TABLE) == 10


def test_commits_of_another_process_are_seen_by_a_table_held_open(root):
    held, other = Warehouse(root), Warehouse(root)
    before = held.last_commits(TABLE)
    replace(other, "p1", "new")
    assert held.last_commits(TABLE) == {**before, "prompt=p1": other.last_commit(TABLE, {"prompt": "p1"})}
    assert held.version(TABLE) == 13


def test_a_table_made_anew_under_one_held_open_is_another_table(root):
    held = Warehouse(root)
    held.last_commits(TABLE)
    shutil.rmtree(Path(root, TABLE))
    fresh = Warehouse(root)
    for number in range(13):  # as many versions as before, and one more
        replace(fresh, "q", f"w{number}")
    assert {name: commit.metadata["data_version"] for name, commit in held.last_commits(TABLE).items()} == {
        "prompt=q": "w12"
    }
    assert held.scan(TABLE).collect()["prompt"].to_list() == ["q"]


def test_old_checkpoints_are_thinned_out_and_every_version_stays_readable(tmp_path, monkeypatch):
    monkeypatch.setattr(commit_ledger, "SIZE", 20)
    monkeypatch.setattr(open_tables, "SIZE", 20)
    warehouse = Warehouse(str(tmp_path))
    for number in range(58):
        replace(warehouse, "p0", f"v{number}")
    age(tmp_path / TABLE / "_delta_log")
    replace(warehouse, "p0", "v58")  # version 59 fills a summary

    log = tmp_path / TABLE / "_delta_log"
    left = sorted(int(path.name.partition(".")[0]) for path in log.glob("*.checkpoint.parquet"))
    assert left == [9, 29, 49, 59]  # one in ten: the first in each 20 versions, and the last
    for version in (1, 29, 35, 59):
        assert warehouse.scan(TABLE, version=version).collect().height == 1


def age(log: Path) -> None:
    """Let the files of a log have been written two days ago."""
    for path in log.iterdir():
        os.utime(path, (time.time() - 172_800,) * 2)
