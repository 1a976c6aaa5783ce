"""Rows as text with separators: commas, semicolons, tabs or bars, below a line with the names of the columns."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, takewhile
from pathlib import Path

from eval_assets.config.datasets.formats.text_lines import text_lines
from eval_assets.config.datasets.formats.values import MAX_CELL_CHARACTERS
from eval_assets.config.problems import Problem
from eval_assets.errors import DatasetError

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_LINES = 50
FIELD_LIMIT = 2 * MAX_CELL_CHARACTERS
SAYS_ITS_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""The first line that Excel writes, and reads, to name the separator."""


def separated_rows(
    path: Path, *, file: str, delimiter: str | None = None
) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Line on which each row begins, and its fields; one without text is null, unless quotes stand there.

    A blank line is no row, and in a file of one column a missing value.

    Args:
        path: The file.
        file: How errors name it.
        delimiter: What separates values; told from the first lines when it is null.

    Raises:
        DatasetError: A row has not as many values as there are names, quotes never close, a name stands twice, or a
            cell is larger than cells may be.
    """
    csv.field_size_limit(FIELD_LIMIT)
    lines = text_lines(path, file=file)
    sample = list(islice(lines, SAMPLE_LINES))
    first = 1
    says = SAYS_ITS_SEPARATOR.fullmatch(sample[0]) if sample else None
    if says:
        sample, first, delimiter = sample[1:], 2, delimiter or says[1]
    used = delimiter or delimiter_of(sample)
    columns: list[str] = []
    records = _records(chain(sample, lines), used, columns, file=file, first=first)
    names = next(((line, fields) for line, fields in records if fields), None)
    if names is None:
        raise DatasetError(f"{file}: expected a line with the names of the columns, the file is empty")
    columns += _columns(names[1], file=file, line=names[0])
    for line, fields in records:
        if len(fields) == len(columns):
            yield line, dict(zip(columns, fields, strict=True))
        elif any(field and field.strip() for field in fields):
            said = f"expected {len(columns)} fields as in the first line, got {len(fields)}"
            held = "commas" if used == "," else repr(used)
            remedy = f"put texts that hold {held} or line breaks in double quotes"
            raise DatasetError(str(Problem(file, said, line, remedy=remedy)))
        elif len(fields) > 1 or len(columns) == 1:
            yield line, dict.fromkeys(columns)
        # else a blank line, which is no row


def delimiter_of(lines: Sequence[str]) -> str:
    r"""The separator that gives every one of the first lines as many values as the first; else the first line the most.

    >>> delimiter_of(["id;question\n", "1;Why, oh why?\n"]), delimiter_of(["a,b;c\n", "1,2\n"])
    (';', ',')
    """
    widths = {delimiter: _widths(lines, delimiter) for delimiter in DELIMITERS}
    even = [delimiter for delimiter in DELIMITERS if widths[delimiter][0] > 1 and len(set(widths[delimiter])) == 1]
    return even[0] if even else max(DELIMITERS, key=lambda delimiter: widths[delimiter][0])


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    """Number of values in each row of the first lines; the last row may end in a line that isn't among them."""
    try:
        widths = [len(fields) for fields in csv.reader(lines, delimiter=delimiter) if any(map(str.strip, fields))]
    except csv.Error:
        widths = [len(lines[0].split(delimiter))]
    return widths[: max(1, len(widths) - (len(lines) == SAMPLE_LINES))] or [0]


def _records(
    lines: Iterable[str], delimiter: str, columns: Sequence[str], *, file: str, first: int
) -> Iterator[tuple[int, list[str | None]]]:
    """Line and fields of each row; errors name one of the columns, of which there are none until the first row."""
    taken: list[str] = []

    def remembered() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    rows = csv.reader(remembered(), delimiter=delimiter, strict=True)
    begins = first
    try:
        for fields in rows:
            yield begins, _with_nulls(fields, taken, delimiter)
            taken.clear()
            begins = rows.line_num + first
    except csv.Error as error:
        place = sum(1 for _ in takewhile(_is_small, _fields_in("".join(taken), delimiter)))
        column = columns[place] if place < len(columns) else None
        raise DatasetError(str(_fault(error, delimiter, column, file=file, line=begins))) from error


def _is_small(found: re.Match[str]) -> bool:
    return len(found[1]) <= MAX_CELL_CHARACTERS


def _with_nulls(fields: list[str], taken: list[str], delimiter: str) -> list[str | None]:
    """Tell a field without anything from one with quotes around nothing."""
    if "" not in fields:
        return [*fields]
    text = "".join(taken)
    if '""' not in text:
        return [field or None for field in fields]
    starts = [found.start(1) for found in _fields_in(text.rstrip("\r\n"), delimiter)]
    return [
        field or ("" if text[start : start + 1] == '"' else None) for field, start in zip(fields, starts, strict=True)
    ]


def _fields_in(text: str, delimiter: str) -> Iterator[re.Match[str]]:
    mark = re.escape(delimiter)
    return re.finditer(rf'(?:\A|{mark})("(?:[^"]|"")*+(?:"|\Z)|[^{mark}]*)', text)


def _columns(names: Sequence[str | None], *, file: str, line: int) -> list[str]:
    """Names of the columns; those without one are numbered."""
    columns: dict[str, None] = {}
    n_nameless = 0
    for name in names:
        if name and name in columns:
            raise DatasetError(str(Problem(file, "expected each column once, got it again; rename one", line, name)))
        columns[name or (f"_duplicated_{n_nameless - 1}" if n_nameless else "")] = None
        n_nameless += not name
    return list(columns)


def _fault(error: csv.Error, delimiter: str, column: str | None, *, file: str, line: int) -> Problem:
    if "field limit" in str(error):
        said = f"expected at most {MAX_CELL_CHARACTERS:,} characters in a cell, got more"
        return Problem(file, said, line, column, "shorten it, or leave the column out; see that its quotes close")
    following = "comma" if delimiter == "," else repr(delimiter)
    said = f"expected texts in double quotes that close before the next {following}, with quotes inside doubled"
    return Problem(file, f"{said}: {error}", line)
