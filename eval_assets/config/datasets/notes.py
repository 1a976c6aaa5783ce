"""What a dataset's rows leave in doubt though they can be used: said by `check`, and no reason not to run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval_assets.config.datasets.dataset import OUR_COLUMNS, Dataset
from eval_assets.config.problems import places_text
from eval_assets.requests.absence import are_absent
from eval_assets.requests.canonical_json import json_sha256

WORDS_FOR_NOTHING = frozenset(
    {"nan", "nat", "<na>", "na", "n/a", "#n/a", "none", "null", "nil", "-nan", "missing", "undefined"}
)

Pair = tuple[int, int]
"""The line of a row, and of the earlier row it is like."""


@dataclass
class RowDoubts:
    """Rows that leave something in doubt: blank ones, empty targets, words for nothing, questions asked twice.

    Args:
        dataset: The card.
    """

    dataset: Dataset
    _n_rows: int = 0
    _blank: list[int] = field(default_factory=list)
    _blank_at_end: list[int] = field(default_factory=list)
    _without_targets: list[int] = field(default_factory=list)
    _words: dict[str, list[int]] = field(default_factory=dict)
    _repeated: list[Pair] = field(default_factory=list)
    _contradicting: list[Pair] = field(default_factory=list)
    _asked: dict[str, tuple[int, str]] = field(default_factory=dict)
    _whole: dict[str, int] = field(default_factory=dict)

    def see(self, line: int, columns: Mapping[str, Any] | None) -> None:
        """Look at the next row: its columns but the id; null where it is blank throughout."""
        if columns is None:
            self._blank_at_end.append(line)  # nothing to speak of, unless a row follows
            return
        self._blank += self._blank_at_end
        self._blank_at_end.clear()
        self._n_rows += 1
        targets = columns.get("targets")
        if targets != [] and are_absent(targets):  # an empty list says that there is nothing to find
            self._without_targets.append(line)
        for place, text in _words(columns, self.dataset):
            self._words.setdefault(f"{place}: {text!r}", []).append(line)
        same_row = json_sha256(columns)
        question = json_sha256({name: columns.get(name) for name in ("inputs", "context")})
        first, its_targets = self._asked.setdefault(question, (line, json_sha256(targets)))
        if same_row in self._whole:
            self._repeated.append((line, self._whole[same_row]))
        elif its_targets != json_sha256(targets):
            self._contradicting.append((line, first))
        self._whole.setdefault(same_row, line)

    def notes(self, file: str) -> Iterator[str]:
        """Say it of a file whose rows were all seen, and can be used."""
        theirs = self.dataset.card.columns.targets
        if self._blank:
            said = "rows that are blank throughout are skipped"
            yield f"{file}: {said}: {places_text(file, self._blank)}"
        if 0 < len(self._without_targets) < self._n_rows:
            said = (
                f"{len(self._without_targets)} of {self._n_rows} rows have no target, and no score where one is needed"
            )
            yield f"{file}: {theirs}: {said}: {places_text(file, self._without_targets)}"
        for word, lines in self._words.items():
            yield (
                f"{file}: {word} is read as a text; leave the cell empty where it means that there is nothing: "
                f"{places_text(file, lines)}"
            )
        if self._contradicting:
            said = "rows that ask what an earlier row asks have other targets"
            yield f"{file}: {said}: {_pairs_text(file, self._contradicting)}"
        if self._repeated:
            said = "rows that repeat an earlier row but for the id count once more"
            yield f"{file}: {said}: {_pairs_text(file, self._repeated)}"


def _pairs_text(file: str, pairs: Sequence[Pair]) -> str:
    return places_text(file, [f"{line} (as {first})" for line, first in pairs])


def _words(columns: Mapping[str, Any], dataset: Dataset) -> Iterator[tuple[str, str]]:
    for ours in OUR_COLUMNS[1:]:
        value = columns.get(ours)
        if isinstance(value, str) and value.strip().lower() in WORDS_FOR_NOTHING:
            yield getattr(dataset.card.columns, ours), value.strip()
