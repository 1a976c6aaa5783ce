"""A frame as CSV, as an Excel workbook or as Parquet: the same columns and rows, numbers as numbers."""

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from eval_assets.errors import ExportError
from eval_assets.reports.exports.spreadsheet_text import MOST_UNITS, csv_text, is_like_a_formula, workbook_text
from eval_assets.wording.numbers import count_text

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS = 1_048_575
"""Rows of a sheet of Excel below the names of the columns."""
MOST_COLUMNS = 16_384
WIDTHS = {pl.String(): 32, pl.Boolean(): 10}
OTHER_WIDTH = 14
INSTALL = "pip install 'eval-assets[xlsx]' (in a checkout: pip install -e '.[xlsx]')"


def csv_of(frame: pl.DataFrame) -> str:
    """Write a frame as CSV: UTF-8, commas, quotes where needed; nothing stands for null, `""` for an empty text."""
    safe = frame.with_columns(
        pl.Series(name, [None if text is None else csv_text(text) for text in frame[name].to_list()], dtype=pl.String())
        for name, kind in frame.schema.items()
        if kind == pl.String()
    )
    return safe.rename({name: csv_text(name) for name in safe.columns}).write_csv()


def write_workbook(frame: pl.DataFrame, path: Path, *, sheet: str) -> str | None:
    """Write a frame as the only sheet of an Excel workbook. Texts are typed as text: none is a formula or a link.

    Args:
        frame: Texts, numbers and truth values.
        path: The file; one that is there is replaced.
        sheet: Its name.

    Returns:
        What a reader should know: how many texts had to be cut to what a cell holds; null if none.

    Raises:
        ExportError: xlsxwriter is not installed, or the frame is larger than a sheet.
    """
    try:
        import xlsxwriter
    except ModuleNotFoundError as error:
        raise ExportError(
            f"--format xlsx needs the package xlsxwriter, which is not installed; install it with: {INSTALL}; "
            "--format csv and parquet need nothing"
        ) from error
    if frame.height > MOST_ROWS or frame.width > MOST_COLUMNS:
        raise ExportError(
            f"expected at most {MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns, which a sheet of Excel holds, got "
            f"{frame.height:,} and {frame.width:,}; --format csv and parquet hold any number"
        )
    n_cut = 0
    with path.open("wb") as file, xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        lines = book.add_worksheet(sheet)
        head, quoted = book.add_format({"bold": True}), book.add_format({"quote_prefix": True})
        for column, kind in enumerate(frame.dtypes):
            lines.set_column(column, column, WIDTHS.get(kind, OTHER_WIDTH))
        lines.freeze_panes(1, 0)
        lines.autofilter(0, 0, frame.height, max(frame.width - 1, 0))
        for column, name in enumerate(frame.columns):
            lines.write_string(0, column, workbook_text(name)[0], head)
        for number, row in enumerate(frame.iter_rows(), start=1):
            for column, value in enumerate(row):
                n_cut += _write(lines, (number, column), value, quoted)
    if not n_cut:
        return None
    have = "is" if n_cut == 1 else "are"
    return (
        f"{count_text(n_cut, 'text')} {have} longer than the {MOST_UNITS:,} characters of a cell and {have} cut, which "
        "their end says; --format csv and parquet hold them whole"
    )


def write_parquet_file(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame as one Parquet file, texts as they are."""
    frame.write_parquet(path)


def _write(lines: "Worksheet", place: tuple[int, int], value: Any, quoted: "Format") -> bool:
    """Write a value under its own type; whether it had to be cut."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return False
    if isinstance(value, bool):
        lines.write_boolean(*place, value)
        return False
    if isinstance(value, int | float):
        lines.write_number(*place, value)
        return False
    text, is_cut = workbook_text(value)
    # The quote keeps it a text when somebody edits the cell, too.
    lines.write_string(*place, text, quoted if is_like_a_formula(text) else None)
    return is_cut
