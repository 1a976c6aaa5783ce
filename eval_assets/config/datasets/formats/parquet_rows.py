"""Rows as Parquet, a bounded number in memory at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.errors import DatasetError

MARKS = (b"PAR1", b"PARE")
BATCH_ROWS = 1_000


def parquet_rows(path: Path, *, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number of each row, from 1, and its fields.

    Raises:
        DatasetError: The file is damaged, or no Parquet file.
    """
    number = 0
    try:
        for batch in pl.scan_parquet(path, glob=False).collect_batches(chunk_size=BATCH_ROWS, maintain_order=True):
            for row in batch.iter_rows(named=True):
                number += 1
                yield number, row
    except (ValueError, OverflowError, LookupError) as error:  # times that Python has no value for
        said = f"expected times between the years 1 and 9999, got one beyond them in the rows from {number + 1} on"
        raise DatasetError(f"{file}: {said} ({error}); export it as text") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DatasetError(f"{file}: {_fault(path, error)}; export it again") from error


def _fault(path: Path, error: BaseException) -> str:
    with path.open("rb") as content:
        head = content.read(12)
        content.seek(max(path.stat().st_size - 4, 0))
        tail = content.read()
    if not head:
        return "expected a Parquet file, the file is empty"
    if head[:4] not in MARKS:
        return f"expected a Parquet file, got one that begins with {head!r}"
    if tail not in MARKS:
        return "expected a complete Parquet file, got one that is cut off"
    return f"expected a sound Parquet file, got a damaged one ({str(error).splitlines()[0]})"
