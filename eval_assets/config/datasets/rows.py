"""The rows of an eval dataset, under our names and checked. The card is in `dataset`, reading files in `row_files`."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from eval_assets.config.datasets.dataset import Dataset
from eval_assets.config.datasets.examples import (
    Example,
    absent,
    column_problems,
    example_columns,
    example_sha256,
    id_text,
    made_id,
)
from eval_assets.config.datasets.formats.paths import value_at
from eval_assets.config.datasets.image_files import know_images
from eval_assets.config.datasets.row_files import file_rows, is_blank
from eval_assets.config.datasets.row_places import rows_place
from eval_assets.config.datasets.structure import structure_problems
from eval_assets.config.problems import Problem, RowProblems, line_word, raise_problems, relative
from eval_assets.errors import DatasetError

MAX_PROBLEMS = 20

See = Callable[[int, Mapping[str, Any] | None], None]


def dataset_rows(dataset: Dataset, folder: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and fields of each row of a dataset that isn't blank throughout, under the names they have in their place.

    Raises:
        DatasetError: As `rows_place`, or the rows can't be read.
    """
    return ((line, row) for line, row in rows_place(dataset, folder).read() if not is_blank(row))


def read_examples(dataset: Dataset, folder: Path, *, see: See = lambda *_: None) -> Iterator[Example]:
    """Read a dataset's rows, one at a time, checking each.

    Args:
        dataset: The card.
        folder: The folder of the card, `data/datasets`.
        see: Shown the line and the columns of every row; null for a row that is blank throughout.

    Raises:
        DatasetError: Missing or unreadable file, no rows, a duplicate id, an empty or wrongly typed field; lists up to
            20 places with file, line, field and what came; what is wrong with a column in many rows, once.
    """
    place = rows_place(dataset, folder)
    file = place.shown
    seen: dict[str, int] = {}
    made: Counter[str] = Counter()
    problems = RowProblems(limit=MAX_PROBLEMS)
    n_rows = 0
    for position, (line, row) in enumerate(place.read()):
        if is_blank(row):  # it keeps its place: recorded predictions may be matched by theirs
            see(line, None)
            continue
        n_rows += 1
        columns = example_columns(row, dataset)
        if dataset.card.columns.example_id is None:
            columns["example_id"] = made_id(columns, made)
        found = column_problems(row, columns, dataset, file=file, line=line)
        found += structure_problems(columns, dataset, file=file, line=line)
        found += know_images(columns, folder, file=file, line=line)
        example_id = columns.pop("example_id", None)
        see(line, columns)
        if isinstance(example_id, str) and example_id in seen:
            found.append(_repeated("example_id", example_id, seen[example_id], file=file, line=line))
        for problem in found:
            problems.add(problem)
        if problems.is_full:
            break
        if not problems:
            seen[str(example_id)] = line
            yield Example(str(example_id), position, columns, example_sha256(str(example_id), columns))
        elif isinstance(example_id, str):
            seen.setdefault(example_id, line)
    if n_rows == 0:
        problems.add(Problem(file, "expected at least one row, the file is empty"))
    raise_problems(problems.listed(), kind=DatasetError)


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
    lines: dict[str, int] = {}
    problems = RowProblems(limit=MAX_PROBLEMS)
    for line, row in file_rows(path, file=file, delimiter=spec.delimiter):
        if is_blank(row):
            continue
        identifier, text = id_text(value_at(row, spec.id)), value_at(row, spec.text)
        if identifier is None:
            problems.add(_no_text(row, spec.id, file=file, line=line))
        if not isinstance(text, str):
            problems.add(_no_text(row, spec.text, file=file, line=line))
        elif identifier in documents:
            problems.add(_repeated("document id", identifier, lines[identifier], file=file, line=line))
        elif identifier is not None:
            documents[identifier], lines[identifier] = text, line
    raise_problems(problems.listed(), kind=DatasetError)
    return [{"id": identifier, "text": text} for identifier, text in documents.items()]


def _no_text(row: Mapping[str, Any], column: str, *, file: str, line: int) -> Problem:
    if column in row:
        return Problem(file, f"expected text, got {row[column]!r:.80}", line, column)
    return absent(row, column, "name other columns in the card's `documents`", file=file, line=line)


def _repeated(kind: str, identifier: str, first: int, *, file: str, line: int) -> Problem:
    said = f"expected each {kind} once, got {identifier!r} again, first in {line_word(file)} {first}"
    return Problem(file, said, line)
