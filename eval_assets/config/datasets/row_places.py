"""Where the rows of a dataset lie, how they are read from there, and whether they are as they were.

Reading files is in `row_files`, tables of others in `formats`; what rows must look like is in `rows`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval_assets.config.datasets.dataset import Dataset
from eval_assets.config.datasets.formats.delta_rows import delta_rows, delta_version, handed_rows
from eval_assets.config.datasets.formats.sql_rows import sql_rows
from eval_assets.config.datasets.formats.values import plain_row
from eval_assets.config.datasets.row_files import OTHER_SUFFIXES, ROW_SUFFIXES, file_rows
from eval_assets.config.files.variables import with_variables
from eval_assets.config.problems import relative
from eval_assets.errors import ConfigError, DatasetError

SHEETS = (".xlsx", ".xls", ".ods", ".numbers")
"""What rows are kept in by programs for tables, and not read."""

NumberedRows = Iterator[tuple[int, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class RowsPlace:
    """One place.

    Args:
        shown: How errors name it.
        read: Its rows, each with its line or number.
        state: What besides the state of `file` is another one when rows may be others; null: only reading them tells.
        file: The file, if it is one.
    """

    shown: str
    read: Callable[[], NumberedRows] = field(compare=False)
    state: Callable[[], object | None] = field(compare=False)
    file: Path | None = None


def rows_place(dataset: Dataset, folder: Path) -> RowsPlace:
    """Where a dataset's rows lie.

    Args:
        dataset: The card.
        folder: The folder of the card, `data/datasets`.

    Raises:
        DatasetError: No row file, or more than one, stands beside the card.
        ConfigError: An environment variable that the card names isn't set.
    """
    card, source = dataset.card, dataset.card.rows
    if source is None:
        return _file_place(dataset, _row_file(dataset, folder), folder)
    what = f"the card data/{folder.name}/{dataset.name}.yaml"
    if source.parquet is not None:
        return _file_place(dataset, folder / with_variables(source.parquet, what=what), folder, shown=source.parquet)
    if source.delta is not None:
        expanded = with_variables(source.delta, what=what)
        uri, shown = expanded if "://" in expanded else str(folder / expanded), f"Delta table {source.delta}"
        id_column = (card.columns.example_id or "").partition(".")[0]
        return RowsPlace(
            shown, lambda: _plain(delta_rows(uri, id_column, shown=shown), shown), lambda: (uri, delta_version(uri))
        )
    if source.sql is not None:
        sql, shown = source.sql, f"query of {what.removeprefix('the card ')}"
        return RowsPlace(shown, lambda: _plain(sql_rows(sql, shown=shown), shown), lambda: None)
    uri = f"{dataset.handed_below}/handed_rows"
    shown = f"rows handed over by the asset of dataset {dataset.name}"
    return RowsPlace(
        shown, lambda: _plain(handed_rows(uri, dataset.name), shown), lambda: (uri, dataset.name, delta_version(uri))
    )


def places_elsewhere(datasets: Iterable[Dataset], folder: Path) -> list[RowsPlace]:
    """Places of rows that aren't files of the project; those that can't be found now are left out."""
    places = []
    for dataset in datasets:
        if dataset.card.rows is not None:
            with suppress(ConfigError):
                places.append(rows_place(dataset, folder))
    return places


def _file_place(dataset: Dataset, path: Path, folder: Path, *, shown: str | None = None) -> RowsPlace:
    file, card = shown or relative(path, folder.parent.parent), dataset.card
    return RowsPlace(
        file,
        lambda: file_rows(path, file=file, delimiter=card.delimiter, json_columns=card.json_columns or ()),
        lambda: (),
        path,
    )


def _plain(rows: Iterator[dict[str, Any]], shown: str) -> NumberedRows:
    """Rows with values that JSON can write, each with its number."""
    for number, row in enumerate(rows, start=1):
        yield number, plain_row(row, file=shown, line=number)


def _row_file(dataset: Dataset, folder: Path) -> Path:
    """The file that holds a dataset's rows.

    Raises:
        DatasetError: No row file, or more than one, stands beside the card.
    """
    if dataset.card.file:
        return folder / dataset.card.file
    for suffixes in (ROW_SUFFIXES, OTHER_SUFFIXES):
        found = [path for suffix in suffixes if (path := folder / f"{dataset.name}{suffix}").exists()]
        if found:
            break
    if len(found) != 1:
        names = " or ".join(f"{dataset.name}{suffix}" for suffix in (*ROW_SUFFIXES, *OTHER_SUFFIXES))
        others = sorted(path.name for path in folder.glob(f"{dataset.name}.*") if path.suffix in SHEETS)
        remedy = (
            f"save {others[0]} as CSV"
            if others
            else "add it, or name it in the field 'file' of the card or of the evaluation's `dataset`"
        )
        raise DatasetError(
            f"data/{folder.name}/{dataset.name}.yaml: expected one row file {names} beside it, found {len(found)}; "
            f"{remedy}"
        )
    return found[0]
