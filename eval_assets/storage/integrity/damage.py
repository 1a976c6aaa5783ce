"""Which tables are damaged, looked for once a read has failed, so that every reader says the same sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from deltalake.exceptions import DeltaError

from eval_assets.errors import StorageError
from eval_assets.storage.integrity.data_files import LOCAL
from eval_assets.storage.integrity.remedies import damaged
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import SCHEMAS

PANIC = "PanicException"
"""What pyo3 raises when Rust panics; it is no `Exception`, and nothing exports it."""


@contextmanager
def damage_explained(warehouse: Warehouse) -> Iterator[None]:
    """Turn whatever a damaged table made a library raise into the sentence that names it and says what helps.

    Raises:
        StorageError: A table is damaged. An error that no table explains stays as it is.
    """
    try:
        yield
    except BaseException as error:
        if found := damage_behind(error, warehouse):
            raise found from error
        raise


def damage_behind(error: BaseException, warehouse: Warehouse) -> StorageError | None:
    """The damaged table that explains an error; null if the error is of another kind, or every table can be read."""
    return next(damages(warehouse), None) if _is_of_a_table(error) else None


def damages(warehouse: Warehouse) -> Iterator[StorageError]:
    """Read every table, file by file, and say what can't be read."""
    for table in SCHEMAS:
        try:
            snapshot = warehouse.snapshot(table)
            files = [] if snapshot.opened is None else snapshot.opened.file_uris()
        except StorageError as error:
            yield error
            continue
        for file in files if warehouse.is_local else []:
            try:
                pl.read_parquet(Path(file.removeprefix(LOCAL)), glob=False, hive_partitioning=False)
            except BaseException as error:
                if not _is_of_a_table(error):
                    raise
                yield damaged(table, warehouse.uri(table), f"its file {file} is damaged: {error}")
                break


def _is_of_a_table(error: BaseException) -> bool:
    """Whether a library below raised it, at a file it could not read."""
    return isinstance(error, pl.exceptions.PolarsError | DeltaError | OSError) or type(error).__name__ == PANIC
