"""What is recorded with each written partition, so that staleness can be told from the warehouse alone."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import polars as pl

from eval_assets.storage.replies.locks import exclusive, is_held
from eval_assets.storage.warehouse import Commit


@dataclass(frozen=True, slots=True)
class Written:
    """A partition after it was written.

    Args:
        data_version: Hash of its content.
        commit: The Delta commit that holds it.
        n_rows: Its rows.
        facts: What is worth showing about it, by name.
    """

    data_version: str
    commit: Commit
    n_rows: int
    facts: dict[str, Any] = field(default_factory=dict)


def provenance(*, run_id: str, data_version: str, code_version: str, inputs: Mapping[str, str]) -> dict[str, str]:
    """Commit metadata: who wrote it, what it is, and the data version of every upstream partition it was made from."""
    return {
        "run_id": run_id,
        "data_version": data_version,
        "code_version": code_version,
        "inputs": json.dumps(inputs, sort_keys=True),
    }


def inputs_recorded(commit: Commit) -> dict[str, str]:
    """Upstream partition, as `table/key`, → the data version it had when this commit was made."""
    recorded: dict[str, str] = json.loads(commit.metadata.get("inputs", "{}"))
    return recorded


@contextmanager
def staged(frames: Iterable[pl.DataFrame], scratch: Path) -> Iterator[Callable[[], Iterator[pl.DataFrame]]]:
    """Write frames to local Parquet files as they come, and give a function that reads them one by one.

    So a commit can be repeated without holding its rows in memory. All frames were taken when the block is entered.

    Args:
        frames: Taken once.
        scratch: Local folder, made if it is absent; the files are gone after the block.
    """
    with own_folder(scratch) as folder:
        parts = []
        for number, frame in enumerate(frames):
            part = folder / f"{number:06d}.parquet"
            frame.write_parquet(part)
            parts.append(part)
        yield lambda: (pl.read_parquet(part, glob=False) for part in parts)


@contextmanager
def own_folder(scratch: Path) -> Iterator[Path]:
    """A new folder of this process, gone after the block; folders that killed processes left go first.

    Args:
        scratch: Local folder, made if it is absent. Each folder in it is locked by its process while that lives.
    """
    with exclusive(scratch / ".lock"):
        for left in scratch.iterdir():
            if left.is_dir() and not is_held(left):
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(mkdtemp(dir=scratch))
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
