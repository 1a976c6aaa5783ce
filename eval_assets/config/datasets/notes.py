"""What a dataset's rows leave in doubt though they can be used: said by `check`, and no reason not to run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval_assets.config.datasets.dataset import OUR_COLUMNS, Dataset
from eval_assets.config.datasets.examples import example_columns
from eval_assets.config.datasets.row_files import is_blank
from eval_assets.config.datasets.rows import row_file, rows_of_file
from eval_assets.config.problems import places_text, relative
from eval_assets.requests.absence import are_absent
from eval_assets.requests.canonical_json import json_sha256

WORDS_FOR_NOTHING = frozenset(
    {"nan", "nat", "<na>", "na", "n/a", "#n/a", "none", "null", "nil", "-nan", "missing", "undefined"}
)

Pair = tuple[int, int]
"""The line of a row, and of the earlier row it is like."""


@dataclass
class _Doubts:
    """Lines of the rows that leave something in doubt."""

    blank: list[int] = field(default_factory=list)
    without_targets: list[int] = field(default_factory=list)
    words: dict[str, list[int]] = field(default_factory=dict)
    repeated: list[Pair] = field(default_factory=list)
    contradicting: list[Pair] = field(default_factory=list)


def dataset_notes(dataset: Dataset, folder: Path) -> Iterator[str]:
    """Blank rows, empty targets, words that may stand for nothing, and questions that are asked twice.

    Args:
        dataset: A card whose rows can be read.
        folder: The folder of the card, `data/datasets`.

    Raises:
        DatasetError: As `rows_of_file`.
    """
    file = relative(row_file(dataset, folder), folder.parent.parent)
    doubts, n_rows = _doubts(dataset, folder)
    theirs = dataset.card.columns.targets
    if doubts.blank:
        yield f"{file}: rows that are blank throughout are skipped: {places_text(file, doubts.blank)}"
    if 0 < len(doubts.without_targets) < n_rows:
        said = f"{len(doubts.without_targets)} of {n_rows} rows have no target, and no score where one is needed"
        yield f"{file}: {theirs}: {said}: {places_text(file, doubts.without_targets)}"
    for word, lines in doubts.words.items():
        yield (
            f"{file}: {word} is read as a text; leave the cell empty where it means that there is nothing: "
            f"{places_text(file, lines)}"
        )
    if doubts.contradicting:
        said = "rows that ask what an earlier row asks have other targets"
        yield f"{file}: {said}: {places_text(file, [f'{line} (as {first})' for line, first in doubts.contradicting])}"
    if doubts.repeated:
        said = "rows that repeat an earlier row but for the id count once more"
        yield f"{file}: {said}: {places_text(file, [f'{line} (as {first})' for line, first in doubts.repeated])}"


def _doubts(dataset: Dataset, folder: Path) -> tuple[_Doubts, int]:
    doubts = _Doubts()
    blank: list[int] = []
    asked: dict[str, tuple[int, str]] = {}
    whole: dict[str, int] = {}
    n_rows = 0
    for line, row in rows_of_file(dataset, folder):
        if is_blank(row):
            blank.append(line)
            continue
        doubts.blank += blank  # blank lines at the end of a file are nothing to speak of
        blank = []
        n_rows += 1
        columns = example_columns(row, dataset)
        columns.pop("example_id", None)
        targets = columns.get("targets")
        if targets != [] and are_absent(targets):  # an empty list says that there is nothing to find
            doubts.without_targets.append(line)
        for place, text in _words(columns, dataset):
            doubts.words.setdefault(f"{place}: {text!r}", []).append(line)
        same_row = json_sha256(columns)
        question = json_sha256({name: columns.get(name) for name in ("inputs", "context")})
        first, its_targets = asked.setdefault(question, (line, json_sha256(targets)))
        if same_row in whole:
            doubts.repeated.append((line, whole[same_row]))
        elif its_targets != json_sha256(targets):
            doubts.contradicting.append((line, first))
        whole.setdefault(same_row, line)
    return doubts, n_rows


def _words(columns: Mapping[str, Any], dataset: Dataset) -> Iterator[tuple[str, str]]:
    for ours in OUR_COLUMNS[1:]:
        value = columns.get(ours)
        if isinstance(value, str) and value.strip().lower() in WORDS_FOR_NOTHING:
            yield getattr(dataset.card.columns, ours), value.strip()
