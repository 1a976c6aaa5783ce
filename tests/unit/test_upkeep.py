"""Maintenance: what may still be asked for stays readable, the rest goes, and nothing that is there is lost."""

import json
from pathlib import Path

import polars as pl
import pytest

from eval_assets.storage.upkeep.table_upkeep import days_kept, maintain
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import PARTITIONED_BY, SCHEMAS
from tests.storage_ages import age

CELL = {"evaluation": "e", "model": "m", "prompt": "p"}


def replace(warehouse, table, partition, data_version, n_rows=1, **inputs):
    rows = [{**dict.fromkeys(SCHEMAS[table]), **partition} for _ in range(n_rows)]
    recorded = {"data_version": data_version, "inputs": json.dumps(inputs)}
    return warehouse.replace(table, pl.DataFrame(rows, schema=SCHEMAS[table]), partition, recorded).version


def maintained(root, **days):
    warehouse = Warehouse(root)
    return {freed.table: freed for freed in maintain(warehouse, Path(root) / "_state", days_kept(**days))}


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(str(tmp_path / "warehouse"))


def test_files_of_replaced_rows_go_after_the_days_they_are_kept(warehouse):
    for number in range(5):
        replace(warehouse, "predictions", CELL, f"v{number}")
    assert maintained(warehouse.root)["predictions"].n_files == 0
    age(warehouse.root, 29)
    assert maintained(warehouse.root)["predictions"].n_files == 0
    age(warehouse.root, 31)
    assert maintained(warehouse.root)["predictions"].n_files == 4
    assert Warehouse(warehouse.root).scan("predictions").collect().height == 1


def test_rows_that_something_was_made_from_stay_however_old(warehouse):
    dataset = {"dataset": "qa"}
    versions = [replace(warehouse, "eval_datasets", dataset, f"d{n}", n_rows=n + 1) for n in range(4)]
    replace(warehouse, "predictions", CELL, "p", **{"eval_datasets/qa": "d1"})
    age(warehouse.root, 400)
    assert maintained(warehouse.root)["eval_datasets"].n_files == 2  # d0 and d2
    fresh = Warehouse(warehouse.root)
    assert fresh.scan("eval_datasets", version=versions[1]).collect().height == 2
    assert fresh.scan("eval_datasets").collect().height == 4


def test_the_same_commits_are_known_after_their_entries_went(warehouse, monkeypatch):
    monkeypatch.setattr("eval_assets.storage.commit_ledger.SIZE", 10)
    for number in range(45):
        replace(warehouse, "predictions", {**CELL, "model": f"m{number % 2}"}, f"v{number}")
    age(warehouse.root, 31)
    known = Warehouse(warehouse.root).last_commits("predictions")
    assert maintained(warehouse.root)["predictions"].n_entries == 40  # 46 commits, 40 of them in full summaries
    assert len(list(Path(warehouse.root, "predictions", "_delta_log").glob("*.json"))) < 10
    fresh = Warehouse(warehouse.root)
    latest = fresh.last_commits("predictions")
    assert {name: (latest[name].version, latest[name].metadata["data_version"]) for name in known} == {
        name: (commit.version, commit.metadata["data_version"]) for name, commit in known.items()
    }
    assert len(list(fresh.history("predictions"))) == fresh.version("predictions") + 1


def test_small_files_are_joined_and_no_reply_is_lost(warehouse):
    for number in range(10):
        row = {**dict.fromkeys(SCHEMAS["responses"]), "lane": "a" if number % 2 else "b's", "response_id": str(number)}
        warehouse.append("responses", pl.DataFrame([row], schema=SCHEMAS["responses"]))
    for _ in range(8):
        row = {**dict.fromkeys(SCHEMAS["responses"]), "lane": "c", "response_id": "c"}
        warehouse.append("responses", pl.DataFrame([row], schema=SCHEMAS["responses"]))
    assert maintained(warehouse.root)["responses"].n_joined == 8  # lanes with fewer files stay as they are
    rows = Warehouse(warehouse.root).scan("responses").collect()
    assert sorted(rows["response_id"]) == sorted([*map(str, range(10)), *["c"] * 8])


def test_maintenance_with_nothing_to_do_writes_no_commit(warehouse):
    replace(warehouse, "predictions", CELL, "v")
    maintained(warehouse.root)
    version = warehouse.version("predictions")
    maintained(warehouse.root)
    assert warehouse.version("predictions") == version


def test_a_table_can_be_kept_for_another_time(warehouse):
    for number in range(3):
        replace(warehouse, "predictions", CELL, f"v{number}")
    age(warehouse.root, 31)
    assert maintained(warehouse.root, of_tables={"predictions": 60})["predictions"].n_files == 0
    assert maintained(warehouse.root, days=1)["predictions"].n_files == 2


def test_every_table_has_its_days():
    assert days_kept().keys() == SCHEMAS.keys() == PARTITIONED_BY.keys()
    assert days_kept(3, {"runs": 9}) == {**dict.fromkeys(SCHEMAS, 3), "runs": 9}
