"""Big tables with a bounded number of rows in memory: read in order, and kept on disk until they are committed."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp

import polars as pl

from eval_assets.storage.locks import exclusive, is_held

BATCH_ROWS = 5_000
SMALL_BYTES = 1_000_000
"""A first frame up to this size stays in memory until it is known that another one follows."""


def batches_by_position(lazy: pl.LazyFrame, *, batch_rows: int = BATCH_ROWS) -> Iterator[pl.DataFrame]:
    """Yield the rows of a table with a `position` column in its order, about `batch_rows` in memory at a time.

    Rows of one position (several samples of one example) stay in one batch.
    """
    last = lazy.select(pl.col("position").max()).collect().item()
    if last is None:
        return
    keys = [column for column in ("position", "sample_index") if column in lazy.collect_schema()]
    for start in range(0, last + 1, batch_rows):
        batch = lazy.filter(pl.col("position").is_between(start, start + batch_rows - 1)).sort(keys).collect()
        if batch.height:
            yield batch


@contextmanager
def staged(frames: Iterable[pl.DataFrame], scratch: Path) -> Iterator[Callable[[], Iterator[pl.DataFrame]]]:
    """Write frames to local Parquet files as they come, and give a function that reads them one by one.

    So a commit can be repeated without holding its rows in memory; a small frame that is the only one needs no file.
    All frames were taken when the block is entered.

    Args:
        frames: Taken once.
        scratch: Local folder, made if it is absent; the files are gone after the block.
    """
    further = iter(frames)
    begun = list(islice(further, 1))
    if begun and begun[0].estimated_size() <= SMALL_BYTES:
        begun += islice(further, 1)
        if len(begun) == 1:
            yield partial(iter, begun)
            return
    with own_folder(scratch) as folder:
        parts = []
        for number, frame in enumerate(_drained(begun, further)):
            part = folder / f"{number:06d}.parquet"
            frame.write_parquet(part, compression="uncompressed", statistics=False)  # it is gone in a moment
            parts.append(part)
        yield lambda: (pl.read_parquet(part, glob=False) for part in parts)


def _drained(begun: list[pl.DataFrame], further: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """These and those; none is kept."""
    while begun:
        yield begun.pop(0)
    yield from further


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
