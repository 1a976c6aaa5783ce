"""How frames become commits: as Arrow data, one at a time, repeated where another writer was faster."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import TypeVar

import arro3.core as arrow
import polars as pl
from deltalake import ColumnProperties, CommitProperties, WriterProperties
from deltalake.exceptions import CommitFailedError, DeltaError

from eval_assets.errors import OvertakenError, StorageError, StorageFullError
from eval_assets.storage.integrity.remedies import said_by
from eval_assets.tables.schemas import SCHEMAS

COMMIT_ATTEMPTS = 30
# Small row groups: writing holds one in memory, and reading a range of positions opens only those it needs.
# Of texts no smallest and largest are kept: whole texts would stand in the log, which every reader of a table loads.
TEXTS = (
    "inputs", "targets", "context", "example", "messages", "output", "reasoning", "tool_calls", "trajectory", "extra",
    "error", "output_fault", "logprobs", "request", "text", "content", "source", "reason", "justification", "raw_reply",
    "usage", "request_keys", "detail", "justification_in_order", "justification_in_reverse",
)  # fmt: skip
WRITER = WriterProperties(
    max_row_group_size=5_000,
    compression="ZSTD",
    compression_level=3,
    column_properties={name: ColumnProperties(statistics_enabled="NONE") for name in TEXTS},
)

PLAIN_STRING = arrow.DataType.string()

Result = TypeVar("Result")
Frames = pl.DataFrame | Callable[[], Iterable[pl.DataFrame]]


def properties_of(metadata: Mapping[str, str]) -> CommitProperties:
    """What a commit records, and how often delta-rs itself repeats it."""
    return CommitProperties(max_commit_retries=50, custom_metadata=dict(metadata))


def insist(table: str, action: Callable[[], Result], *, attempts: int = COMMIT_ATTEMPTS) -> Result:
    """Repeat an action that lost against a concurrent writer, with jitter; say plainly when the disk is full.

    Raises:
        OvertakenError: Every attempt lost.
        StorageError: It failed.
    """
    last = ""
    for attempt in range(attempts):
        try:
            return action()
        except CommitFailedError as error:
            last = said_by(error)
            time.sleep(random.uniform(0.01, 0.05 * min(attempt + 1, 10)))
        except (DeltaError, OSError) as error:
            if "No space left on device" in str(error) or "Disk quota exceeded" in str(error):
                raise StorageFullError(
                    f"no space is left for table {table!r}; its former rows are unharmed; free some space and run again"
                ) from error
            if "protocol changed" not in str(error) and "already exists" not in str(error):
                raise StorageError(f"table {table!r} could not be written: {said_by(error)}") from error
            time.sleep(random.uniform(0.01, 0.05 * min(attempt + 1, 10)))
        except Exception as error:
            if type(error) is not Exception:  # delta-rs passes errors of Arrow and DataFusion on as bare exceptions
                raise
            raise StorageError(f"table {table!r} could not be written: {said_by(error)}") from error
    lost = f"{attempts} attempts lost against other writers, the last one with: {last}"
    raise OvertakenError(f"table {table!r} could not be written: {lost}; run again")


def stream_of(table: str, frames: Frames) -> arrow.RecordBatchReader:
    """Frames as a table takes them, one in memory at a time."""

    def batches() -> Iterator[arrow.RecordBatch]:
        for frame in [frames] if isinstance(frames, pl.DataFrame) else frames():
            yield from arrow_table_of(frame.select(list(SCHEMAS[table]))).to_batches()

    return arrow.RecordBatchReader.from_batches(arrow_schema_of(table), batches())


@cache
def arrow_schema_of(table: str) -> arrow.Schema:
    """Columns of a table as it is written."""
    return arrow_table_of(pl.DataFrame(schema=SCHEMAS[table])).schema


def arrow_table_of(frame: pl.DataFrame) -> arrow.Table:
    """Arrow data with plain strings: polars' string views can't be read by every engine."""
    table = arrow.Table.from_arrow(frame)
    fields, columns = [], []
    for index, (name, dtype) in enumerate(frame.schema.items()):
        column = table.column(index)
        fields.append(arrow.Field(name, PLAIN_STRING, nullable=True) if dtype == pl.String else table.field(index))
        columns.append(column.cast(PLAIN_STRING) if dtype == pl.String else column)
    return arrow.Table.from_arrays(columns, schema=arrow.Schema(fields))


def predicate_of(partition: Mapping[str, str]) -> str:
    """SQL condition for one partition.

    >>> predicate_of({"model": "o'brien", "prompt": "p"})
    "(model = 'o''brien' AND prompt = 'p')"
    """
    return f"({' AND '.join(f'{column} = {literal(value)}' for column, value in partition.items())})"


def literal(text: str) -> str:
    """A text as SQL writes it, quotes doubled."""
    return "'" + text.replace("'", "''") + "'"
