"""The rows of an eval dataset, under our names and checked. The card is in `dataset`, reading files in `row_files`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval_assets.config.datasets.dataset import Dataset
from eval_assets.config.datasets.examples import Example
from eval_assets.config.datasets.row_files import ROW_SUFFIXES, file_rows
from eval_assets.config.problems import Problem, RowProblems, nearest, raise_problems, relative
from eval_assets.errors import DatasetError
from eval_assets.requests.canonical_json import SPACED, json_sha256

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
            20 places with file, line, field and what came; what is wrong with a column in many rows, once.
    """
    path = row_file(dataset, folder)
    file = relative(path, folder.parent.parent)
    seen: dict[str, int] = {}
    problems = RowProblems(limit=MAX_PROBLEMS)
    position = 0
    for line, row in file_rows(path, file=file):
        columns = example_columns(row, dataset)
        found = _column_problems(row, columns, dataset, file=file, line=line)
        example_id = columns.pop("example_id", None)
        if isinstance(example_id, str) and example_id in seen:
            found.append(_duplicate(file, line, example_id, seen[example_id]))
        for problem in found:
            problems.add(problem)
        if problems.is_full:
            break
        if not problems:
            seen[str(example_id)] = line
            yield Example(str(example_id), position, columns, example_sha256(str(example_id), columns))
        elif isinstance(example_id, str):
            seen.setdefault(example_id, line)
        position += 1
    if position == 0 and not problems:
        problems.add(Problem(file, "expected at least one row, the file is empty"))
    raise_problems(problems.listed(), kind=DatasetError)


def example_sha256(example_id: str, columns: Mapping[str, Any]) -> str:
    """Content hash of one example, independent of its place in the file."""
    return json_sha256([example_id, columns], separators=SPACED)


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
    problems = RowProblems(limit=MAX_PROBLEMS)
    for line, row in file_rows(path, file=file):
        identifier, text = row.get(spec.id), row.get(spec.text)
        if not isinstance(identifier, str) or not isinstance(text, str):
            for column in (spec.id, spec.text):
                if not isinstance(row.get(column), str):
                    problems.add(_no_text(row, column, file=file, line=line))
        elif identifier in documents:
            problems.add(Problem(file, f"expected each document id once, got {identifier!r} again", line, spec.id))
        else:
            documents[identifier] = text
    raise_problems(problems.listed(), kind=DatasetError)
    return [{"id": identifier, "text": text} for identifier, text in documents.items()]


def example_columns(row: Mapping[str, Any], dataset: Dataset) -> dict[str, Any]:
    """The columns of a row that have a value, under our names; a mapped column hides one that has our name itself."""
    mapping = {getattr(dataset.card.columns, ours): ours for ours in OUR_COLUMNS}
    hidden = {ours for theirs, ours in mapping.items() if theirs != ours and row.get(theirs) is not None}
    return {
        mapping.get(name, name): value
        for name, value in row.items()
        if value is not None and (name in mapping or name not in hidden)
    }


def _column_problems(
    row: Mapping[str, Any], columns: dict[str, Any], dataset: Dataset, *, file: str, line: int
) -> list[Problem]:
    """What is wrong with the columns we know; an id that is a number becomes text."""
    theirs = {ours: getattr(dataset.card.columns, ours) for ours in OUR_COLUMNS}
    problems = [
        _absent(row, theirs[ours], "map other names in the card's `columns`", file=file, line=line)
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
    return problems


def _absent(row: Mapping[str, Any], column: str, remedy: str, *, file: str, line: int) -> Problem:
    if column in row:
        return Problem(file, f"expected a value, got {row[column]!r}", line, column)
    return Problem(file, "the column is absent", line, column, f"{nearest(column, row)}; {remedy}")


def _no_text(row: Mapping[str, Any], column: str, *, file: str, line: int) -> Problem:
    if column in row:
        return Problem(file, f"expected text, got {row[column]!r:.80}", line, column)
    return _absent(row, column, "name other columns in the card's `documents`", file=file, line=line)


def _duplicate(file: str, line: int, example_id: str, first: int) -> Problem:
    return Problem(file, f"expected each example_id once, got {example_id!r} again, first in line {first}", line)
