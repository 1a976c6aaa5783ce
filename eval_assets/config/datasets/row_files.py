"""Reading rows from JSONL, CSV and Parquet files, and saying what is wrong with one that can't be read.

What the rows of a dataset must look like is in `rows`.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.config.datasets.documents import read_text
from eval_assets.config.problems import Problem, raise_problems
from eval_assets.errors import DatasetError

ROW_SUFFIXES = (".jsonl", ".csv", ".parquet")
PARQUET_MARKS = (b"PAR1", b"PARE")


def file_rows(path: Path, *, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read a JSONL, CSV or Parquet file: line (or row number) and fields of each row.

    Raises:
        DatasetError: The file is missing, of another kind, or not what its name says; names the line.
    """
    if not path.exists():
        raise DatasetError(f"{file}: the file doesn't exist")
    match path.suffix:
        case ".jsonl":
            yield from _json_lines(path, file=file)
        case ".csv":
            yield from enumerate(_csv_frame(path, file=file).iter_rows(named=True), start=2)
        case ".parquet":
            yield from enumerate(_parquet_frame(path, file=file).iter_rows(named=True), start=1)
        case _:
            raise DatasetError(f"{file}: expected a file ending in {', '.join(ROW_SUFFIXES)}")


def _json_lines(path: Path, *, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                raise DatasetError(
                    f"{file}:{number}: expected UTF-8, got byte 0x{line[error.start]:02x} at byte {error.start + 1} "
                    "of the line; "
                    "save the file as UTF-8"
                ) from error
            except json.JSONDecodeError as error:
                raise DatasetError(f"{file}:{number}: not valid JSON: {error.msg} at column {error.colno}") from error
            if not isinstance(row, dict):
                raise DatasetError(f"{file}:{number}: expected an object with the row's columns, got {str(row)[:80]!r}")
            yield number, row


def _csv_frame(path: Path, *, file: str) -> pl.DataFrame:
    text = read_text(path, file=file)
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except pl.exceptions.NoDataError as error:
        raise DatasetError(f"{file}: expected a line with the names of the columns, the file is empty") from error
    except pl.exceptions.PolarsError as error:
        said = "expected values separated by commas, below a line with the names of the columns; export it again"
        raise DatasetError(str(csv_problem(text, file=file) or Problem(file, said))) from error
    # A text with a bare line break gives two rows that are too short, which would be filled up with nothing.
    problem = csv_problem(text, file=file)
    raise_problems([problem] if problem else [], kind=DatasetError)
    return frame


def csv_problem(text: str, *, file: str) -> Problem | None:
    r"""The first row of a CSV file that has not as many fields as the header, or quotes that never close.

    >>> str(csv_problem("id,inputs\n1,Why, oh why?\n", file="qa.csv"))[:63]
    'qa.csv:2: expected 2 fields as in the first line, got 3; put te'
    """
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins, n_fields = 1, 0
    try:
        for fields in rows:
            n_fields = n_fields or len(fields)
            if fields and len(fields) != n_fields:
                said = f"expected {n_fields} fields as in the first line, got {len(fields)}; "
                return Problem(file, f"{said}put texts that hold commas or line breaks in double quotes", begins)
            begins = rows.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            return None
        message = (
            f"expected texts in double quotes that close before the next comma, with quotes inside doubled: {error}"
        )
        return Problem(file, message, begins)
    return None


def _parquet_frame(path: Path, *, file: str) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"{file}: {_parquet_fault(path, error)}; export it again") from error


def _parquet_fault(path: Path, error: Exception) -> str:
    with path.open("rb") as content:
        head = content.read(12)
        content.seek(max(path.stat().st_size - 4, 0))
        tail = content.read()
    if not head:
        return "expected a Parquet file, the file is empty"
    if head[:4] not in PARQUET_MARKS:
        return f"expected a Parquet file, got one that begins with {head!r}"
    if tail not in PARQUET_MARKS:
        return "expected a complete Parquet file, got one that is cut off"
    return f"expected a sound Parquet file, got a damaged one ({str(error).splitlines()[0]})"
