"""Several processes at one table or one lock: nothing is lost, and the dead hold nothing."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from eval_assets.errors import StoppedError
from eval_assets.storage.locks import exclusive
from eval_assets.storage.warehouse import Warehouse
from tests.unit.test_warehouse import partition_of, rows_of


def write_one(root: str, model: str) -> int:
    partition = partition_of(model)
    return Warehouse(root).replace("predictions", rows_of(partition, 5), partition, {"run_id": model}).version


def test_simultaneous_writers_lose_nothing_first_write_included(tmp_path: Path) -> None:
    models = [f"m{i}" for i in range(8)]
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        versions = pool.starmap(write_one, [(str(tmp_path), model) for model in models])
    counts = dict(Warehouse(str(tmp_path)).scan("predictions").group_by("model").len().collect().iter_rows())
    assert counts == dict.fromkeys(models, 5)
    # Each write has a version of its own; before them the table was created, by one writer or by several at once.
    assert sorted(versions) == list(range(min(versions), min(versions) + 8))
    assert 1 <= min(versions) <= 4


def _hold(path, ready):
    with exclusive(path, label="run other"):
        ready.set()
        time.sleep(60)


def test_a_lock_is_free_when_its_holder_is_killed(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "lock", ready))
    holder.start()
    assert ready.wait(30)
    said = []
    with (
        pytest.raises(StoppedError, match="run other"),
        exclusive(tmp_path / "lock", on_wait=said.append, stopped=lambda: True),
    ):
        pass
    assert f"process {holder.pid}" in said[0]
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with exclusive(tmp_path / "lock", stopped=lambda: True):
        pass
