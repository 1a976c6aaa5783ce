"""Reading big tables in order, a bounded number of rows at a time."""

from collections.abc import Iterator

import polars as pl

BATCH_ROWS = 5_000


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
