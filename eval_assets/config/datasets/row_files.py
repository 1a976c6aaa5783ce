"""Reading rows from files, for datasets, documents, labels and recorded predictions alike.

What the rows of a dataset must look like is in `rows`, how each kind of file is read in `formats`.
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from eval_assets.config.datasets.formats.json_rows import json_lines, json_list
from eval_assets.config.datasets.formats.parquet_rows import parquet_rows
from eval_assets.config.datasets.formats.separated import separated_rows
from eval_assets.config.datasets.formats.values import plain_row
from eval_assets.config.problems import Problem
from eval_assets.errors import DatasetError

ROW_SUFFIXES = (".jsonl", ".csv", ".parquet")
"""Row files that are found first by the name of their dataset."""
OTHER_SUFFIXES = (".ndjson", ".json", ".tsv")
"""Row files that are found so where there is none of the first."""
SEPARATED_SUFFIXES = (".csv", ".tsv")
READABLE_SUFFIXES = (".jsonl", ".ndjson", ".json", *SEPARATED_SUFFIXES, ".parquet")


def file_rows(
    path: Path, *, file: str, delimiter: str | None = None, json_columns: Collection[str] = (), repair: bool = False
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read a file of rows: line (of Parquet, number) on which each row begins, and its fields.

    Every value is one that JSON can write, see `formats.values`; what is missing is null in every format.

    Args:
        path: The file; the end of its name says what it is.
        file: How errors name it.
        delimiter: What separates the values of a CSV file; told from its first lines when it is null.
        json_columns: Columns whose texts are JSON.
        repair: Put the replacement character for half a surrogate pair, which is refused otherwise.

    Raises:
        DatasetError: The file is missing, of another kind, not what its name says, or holds a value that rows can't
            have; names the line.
    """
    if not path.exists():
        raise DatasetError(f"{file}: the file doesn't exist")
    if not path.is_file():
        raise DatasetError(f"{file}: expected a file, got a folder")
    try:
        for line, row in _raw_rows(path, file=file, delimiter=delimiter):
            plain = plain_row(row, file=file, line=line, repair=repair)
            for name in json_columns:
                if isinstance(plain.get(name), str):
                    plain[name] = _read_json(plain[name], name, file=file, line=line)
            yield line, plain
    except OSError as error:
        raise DatasetError(f"{file}: the file can't be read: {error.strerror or error}") from error


def is_separated(file: str) -> bool:
    """Whether a file has texts for values, and nothing to tell a list by.

    >>> is_separated("data/datasets/qa.CSV"), is_separated("data/datasets/qa.jsonl")
    (True, False)
    """
    return file.lower().endswith(SEPARATED_SUFFIXES)


def is_blank(row: dict[str, Any]) -> bool:
    """Whether no field of a row holds anything.

    >>> is_blank({"a": None, "b": " "}), is_blank({"a": 0})
    (True, False)
    """
    return all(value is None or (isinstance(value, str) and not value.strip()) for value in row.values())


def _raw_rows(path: Path, *, file: str, delimiter: str | None) -> Iterator[tuple[int, dict[str, Any]]]:
    match path.suffix.lower():
        case ".jsonl" | ".ndjson":
            return json_lines(path, file=file)
        case ".json":
            return json_list(path, file=file)
        case ".csv" | ".tsv":
            return separated_rows(path, file=file, delimiter=delimiter)
        case ".parquet":
            return parquet_rows(path, file=file)
        case _:
            raise DatasetError(f"{file}: expected a file ending in {', '.join(READABLE_SUFFIXES)}")


def _read_json(text: str, column: str, *, file: str, line: int) -> Any:
    """The value that a text of JSON stands for; nothing where there is no text."""
    if not text.strip():
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        said = f"expected JSON, as the card's `json_columns` says, got {text!r:.80} ({error})"
        raise DatasetError(str(Problem(file, said, line, column, 'write a list as ["a", "b"]'))) from error
    return plain_row({column: value}, file=file, line=line)[column]
