"""A table as its owner has it: read whatever its format and encoding, and kept as it is where that can be used."""

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval_assets.config.datasets.formats.separated import delimiter_of
from eval_assets.config.datasets.row_files import READABLE_SUFFIXES, SEPARATED_SUFFIXES, file_rows, is_blank
from eval_assets.errors import DatasetError
from eval_assets.starting.text_encodings import as_read
from eval_assets.starting.workbook import workbook_rows

SOURCE_SUFFIXES = (*READABLE_SUFFIXES, ".xlsx")
MOST_TITLES = 10
"""Rows above the names of columns: a title, a date, a blank line."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SourceTable:
    """The rows of a table, and how they are kept.

    Args:
        file: Name of the file.
        rows: Line and fields of each row that isn't blank.
        suffix: How the name of the data file ends.
        content: The data file; null if the rows have to be written.
        done: What was done to make it usable.
    """

    file: str
    rows: Sequence[tuple[int, Row]]
    suffix: str
    content: bytes | None
    done: tuple[str, ...] = ()

    def without(self, lines: Sequence[int]) -> "SourceTable":
        """The table without some rows."""
        if not lines:
            return self
        left_out = set(lines)
        return replace(self, rows=[row for row in self.rows if row[0] not in left_out], content=None)

    def noting(self, done: str) -> "SourceTable":
        """The table, with one more thing to say of how it is read."""
        return replace(self, done=(*self.done, done))

    def with_rows(self, rows: Sequence[tuple[int, Row]], done: str) -> "SourceTable":
        """The table with other rows, and what was done to them."""
        return replace(self, rows=rows, content=None, done=(*self.done, done))

    @property
    def data_file(self) -> tuple[str, bytes]:
        """Suffix and content of the data file."""
        if self.content is not None:
            return self.suffix, self.content
        rows = [row for _, row in self.rows]
        if self.suffix in SEPARATED_SUFFIXES:
            return self.suffix, _as_csv(rows, "\t" if self.suffix == ".tsv" else ",").encode()
        return ".jsonl", "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def read_source(path: Path, *, encoding: str | None = None, delimiter: str | None = None) -> SourceTable:
    """Read a table.

    Args:
        path: A file that ends in one of `SOURCE_SUFFIXES`.
        encoding: Of a text file; told from its bytes when null.
        delimiter: Of a CSV file; told from its first lines when null.

    Raises:
        DatasetError: It can't be read; with file, line and remedy.
    """
    suffix = path.suffix.lower()
    if suffix not in SOURCE_SUFFIXES:
        raise DatasetError(
            f"{path.name}: expected a file ending in {', '.join(SOURCE_SUFFIXES)}, got {suffix or 'none'!r}"
        )
    if suffix == ".xlsx":
        read = [(line, dict(row)) for line, row in workbook_rows(path) if not is_blank(row)]
        return _with_some(SourceTable(path.name, read, ".csv", None, ("its first sheet is kept as CSV",)))
    content, done = path.read_bytes(), []
    if suffix != ".parquet":
        content, said = as_read(content, encoding, file=path.name)
        done += [said] if said else []
    if suffix == ".json" and (objects := _rows_of_object(content, file=path.name)) is not None:
        numbered = list(enumerate(objects, start=1))
        return _with_some(SourceTable(path.name, numbered, ".jsonl", None, (*done, "its objects are kept a line each")))
    rows = _read(content, suffix, file=path.name, delimiter=delimiter)
    if suffix in SEPARATED_SUFFIXES and (below := _named_below(rows)) is not None:
        line, rows = below
        done.append(f"the names of the columns are in line {line}; what stands above is left out")
        return _with_some(SourceTable(path.name, rows, suffix, None, tuple(done)))
    # What one delimiter is for a program that was told so is told from the file by every other.
    kept = content if delimiter is None or _told_from(content) == delimiter else None
    return _with_some(SourceTable(path.name, rows, suffix, kept, tuple(done)))


def _with_some(table: SourceTable) -> SourceTable:
    if not table.rows:
        raise DatasetError(f"{table.file}: expected at least one row below the names of the columns, got none")
    return table


def _read(content: bytes, suffix: str, *, file: str, delimiter: str | None) -> list[tuple[int, Row]]:
    """Read it as the project will."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / f"rows{suffix}"
        place.write_bytes(content)
        return [(line, row) for line, row in file_rows(place, file=file, delimiter=delimiter) if not is_blank(row)]


def _named_below(rows: Sequence[tuple[int, Row]]) -> tuple[int, list[tuple[int, Row]]] | None:
    """Where names stand below a title: the line, and the rows under it; null where the first line has the names."""
    names = list(rows[0][1]) if rows else []
    nameless = [name for name in names if not name or name.startswith("_duplicated_")]
    if len(nameless) * 2 < len(names):
        return None
    for place, (line, row) in enumerate(rows[:MOST_TITLES]):
        found = [str(value).strip() for value in row.values() if value is not None]
        if len(found) > len(names) - len(nameless) and len(set(found)) == len(found):
            kept = {name: str(value).strip() for name, value in row.items() if value is not None}
            return line, [(at, {kept[name]: below.get(name) for name in kept}) for at, below in rows[place + 1 :]]
    return None


def _rows_of_object(content: bytes, *, file: str) -> list[Row] | None:
    """Rows of JSON that is no list: objects under their ids, or the one list of objects in it; null for a list."""
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None  # the reader of lists says what is wrong, with its line
    if not isinstance(value, dict):
        return None
    if value and all(isinstance(item, dict) for item in value.values()):
        return [{"id": name, **item} for name, item in value.items()]
    lists = {
        name: item
        for name, item in value.items()
        if isinstance(item, list) and item and all(isinstance(row, dict) for row in item)
    }
    if len(lists) == 1:
        return next(iter(lists.values()))
    found = f"an object with the lists {', '.join(lists)}" if lists else "an object without a list of rows"
    raise DatasetError(f"{file}: expected a list of objects, got {found}; save the list you want as a file of its own")


def _told_from(content: bytes) -> str:
    return delimiter_of(content.decode("utf-8-sig", "replace").splitlines(keepends=True)[:50])


def _as_csv(rows: Sequence[Row], delimiter: str) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    written = io.StringIO()
    lines = csv.writer(written, delimiter=delimiter, lineterminator="\n")
    lines.writerow(names)
    lines.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return written.getvalue()


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)
