"""Reading and checking the rows of an eval dataset from JSONL, CSV or Parquet. The card is in `dataset`."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.config.dataset import Dataset
from eval_assets.config.documents import read_text
from eval_assets.config.examples import Example
from eval_assets.config.problems import Problem, nearest, raise_problems, relative
from eval_assets.errors import DatasetError

ROW_SUFFIXES = (".jsonl", ".csv", ".parquet")
MAX_PROBLEMS = 20
OUR_COLUMNS = ("example_id", "inputs", "targets", "context")

EXPECTED_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "inputs": ((str, dict, list), "text, an object or a list"),
    "context": ((str, list), "text or a list of texts"),
    "targets": ((str, int, float, bool, list, dict), "text, a number or a list"),
}


def row_file(dataset: Dataset, folder: Path) -> Path:
    """The file that holds a dataset's rows.

    Raises:
        DatasetError: No row file, or more than one, stands beside the card.
    """
    if dataset.card.file:
        return folder / dataset.card.file
    found = [path for suffix in ROW_SUFFIXES if (path := folder / f"{dataset.name}{suffix}").exists()]
    if len(found) != 1:
        names = " or ".join(f"{dataset.name}{suffix}" for suffix in ROW_SUFFIXES)
        raise DatasetError(
            f"data/{folder.name}/{dataset.name}.yaml: expected one row file {names} beside it, found {len(found)}; "
            "add it, or name it in the card's field 'file'"
        )
    return found[0]


def read_examples(dataset: Dataset, folder: Path) -> Iterator[Example]:
    """Read a dataset's rows, one at a time, checking each.

    Args:
        dataset: The card.
        folder: The folder of the card, `data/datasets`.

    Raises:
        DatasetError: Missing or unreadable file, no rows, a duplicate id, an empty or wrongly typed field; lists up to
            20 places with file, line, field and what came.
    """
    path = row_file(dataset, folder)
    file = relative(path, folder.parent.parent)
    seen: dict[str, int] = {}
    problems: list[Problem] = []
    position = 0
    for line, row in file_rows(path, file=file):
        columns, found = _columns_of(row, dataset, file=file, line=line)
        example_id = columns.pop("example_id", None)
        if isinstance(example_id, str) and example_id in seen:
            found.append(_duplicate(file, line, example_id, seen[example_id]))
        problems += found
        if len(problems) >= MAX_PROBLEMS:
            break
        if not found and not problems:
            seen[str(example_id)] = line
            yield Example(str(example_id), position, columns, example_sha256(str(example_id), columns))
        elif isinstance(example_id, str):
            seen.setdefault(example_id, line)
        position += 1
    if position == 0 and not problems:
        problems.append(Problem(file, "expected at least one row, the file is empty"))
    raise_problems(problems[:MAX_PROBLEMS], kind=DatasetError)


def example_sha256(example_id: str, columns: Mapping[str, Any]) -> str:
    """Content hash of one example, independent of its place in the file."""
    content = json.dumps([example_id, columns], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def read_documents(dataset: Dataset, folder: Path) -> list[dict[str, str]]:
    """The documents a retriever searches, as `{"id", "text"}` in the file's order; empty if the card names none.

    Raises:
        DatasetError: Missing file, missing field or duplicate id.
    """
    spec = dataset.card.documents
    if spec is None:
        return []
    path = folder / spec.file
    file = relative(path, folder.parent.parent)
    documents: dict[str, str] = {}
    problems: list[Problem] = []
    for line, row in file_rows(path, file=file):
        identifier, text = row.get(spec.id), row.get(spec.text)
        if not isinstance(identifier, str) or not isinstance(text, str):
            problems.append(
                Problem(file, f"expected text in the columns {spec.id!r} and {spec.text!r}, got {row!r:.200}", line)
            )
        elif identifier in documents:
            problems.append(Problem(file, f"expected each document id once, got {identifier!r} again", line, spec.id))
        else:
            documents[identifier] = text
    raise_problems(problems[:MAX_PROBLEMS], kind=DatasetError)
    return [{"id": identifier, "text": text} for identifier, text in documents.items()]


def _columns_of(
    row: Mapping[str, Any], dataset: Dataset, *, file: str, line: int
) -> tuple[dict[str, Any], list[Problem]]:
    """Rename a row's columns to ours and check their types."""
    mapping = {getattr(dataset.card.columns, ours): ours for ours in OUR_COLUMNS}
    columns = {mapping.get(name, name): value for name, value in row.items() if value is not None}
    theirs = {ours: name for name, ours in mapping.items()}
    problems: list[Problem] = []
    problems += [
        Problem(file, _absent(theirs[ours], row), line, theirs[ours])
        for ours in ("example_id", "inputs")
        if columns.get(ours) in (None, "", [], {})
    ]
    if isinstance(columns.get("example_id"), int):
        columns["example_id"] = str(columns["example_id"])
    if "example_id" in columns and not isinstance(columns["example_id"], str):
        problems.append(Problem(file, f"expected text, got {columns['example_id']!r}", line, theirs["example_id"]))
    for ours, (types, expected) in EXPECTED_TYPES.items():
        value = columns.get(ours)
        if value is not None and (not isinstance(value, types) or (ours == "inputs" and isinstance(value, bool))):
            problems.append(
                Problem(file, f"expected {expected}, got {type(value).__name__} {value!r:.80}", line, theirs[ours])
            )
    return columns, problems


def _absent(name: str, row: Mapping[str, Any]) -> str:
    if name in row:
        return f"expected a value, got {row[name]!r}"
    return f"the column is absent; {nearest(name, row)}; map other names in the card's `columns`"


def _duplicate(file: str, line: int, example_id: str, first: int) -> Problem:
    return Problem(file, f"expected each example_id once, got {example_id!r} again, first in line {first}", line)


def file_rows(path: Path, *, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read a JSONL, CSV or Parquet file: line (or row number) and fields of each row; raises DatasetError."""
    if path.suffix == ".jsonl":
        yield from _json_lines(path, file=file)
        return
    if not path.exists():
        raise DatasetError(f"{file}: the file doesn't exist")
    try:
        if path.suffix == ".csv":
            read_text(path, file=file)
            frame = pl.read_csv(path, infer_schema=False)
        elif path.suffix == ".parquet":
            frame = pl.read_parquet(path)
        else:
            raise DatasetError(f"{file}: expected a file ending in {', '.join(ROW_SUFFIXES)}")
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"{file}: not readable as {path.suffix[1:].upper()}: {error}") from error
    header = 1 if path.suffix == ".csv" else 0
    yield from enumerate(frame.iter_rows(named=True), start=1 + header)


def _json_lines(path: Path, *, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        lines = path.open("rb")
    except FileNotFoundError:
        raise DatasetError(f"{file}: the file doesn't exist") from None
    with lines:
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
