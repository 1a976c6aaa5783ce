"""Maintenance beside writers, and killed in the middle: the tables stay whole and nobody loses a row."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from eval_assets.storage.upkeep.table_upkeep import days_kept, maintain
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import SCHEMAS

MAINTAIN = """
import sys
from pathlib import Path
from eval_assets.storage.upkeep.table_upkeep import days_kept, maintain
from eval_assets.storage.warehouse import Warehouse
print("ready", flush=True)
while True:
    list(maintain(Warehouse(sys.argv[1]), Path(sys.argv[1]) / "_state", days_kept(1)))
"""
CELL = {"evaluation": "e", "model": "m", "prompt": "p"}


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(str(tmp_path / "warehouse"))


@pytest.fixture
def maintaining(warehouse):
    """Start a process that maintains again and again."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", MAINTAIN, warehouse.root],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        started.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def append_reply(warehouse, number):
    row = {**dict.fromkeys(SCHEMAS["responses"]), "lane": "a", "response_id": str(number)}
    warehouse.append("responses", pl.DataFrame([row], schema=SCHEMAS["responses"]))


def replace_cell(warehouse, number):
    row = {**dict.fromkeys(SCHEMAS["predictions"]), **CELL, "prediction_id": str(number)}
    frame = pl.DataFrame([row], schema=SCHEMAS["predictions"])
    warehouse.replace("predictions", frame, CELL, {"data_version": str(number)})


def contents(warehouse):
    fresh = Warehouse(warehouse.root)
    replies = sorted(fresh.scan("responses").collect()["response_id"], key=int)
    return replies, fresh.scan("predictions").collect()["prediction_id"].to_list()


def test_no_writer_loses_a_row_to_maintenance(warehouse, maintaining):
    append_reply(warehouse, 0)
    replace_cell(warehouse, 0)
    process = maintaining()
    for number in range(1, 30):
        append_reply(warehouse, number)
        replace_cell(warehouse, number)
    assert process.poll() is None
    assert contents(warehouse) == ([str(number) for number in range(30)], ["29"])


def test_tables_are_whole_after_maintenance_was_killed_at_any_moment(warehouse, maintaining):
    for number in range(12):
        append_reply(warehouse, number)
        replace_cell(warehouse, number)
    before = contents(warehouse)
    for tenths in range(1, 7):
        process = maintaining()
        time.sleep(tenths / 20)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert contents(warehouse) == before
        append_reply(warehouse, 11 + tenths)
        before = ([*before[0], str(11 + tenths)], before[1])
    list(maintain(warehouse, Path(warehouse.root) / "_state", days_kept()))
    assert contents(warehouse) == before
    assert Warehouse(warehouse.root).last_commit("predictions", CELL).metadata["data_version"] == "11"
