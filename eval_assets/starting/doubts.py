"""What is doubtful in a table that can be used: said once, where a project starts from it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from eval_assets.config.datasets.dataset import Dataset
from eval_assets.config.datasets.formats.paths import value_at
from eval_assets.config.datasets.notes import RowDoubts
from eval_assets.config.datasets.rows import read_examples
from eval_assets.config.problems import places_text
from eval_assets.wording.numbers import count_text

FEW_ROWS = 30
FAR_LONGER = 10
"""Times the median length, from which a text is remarkable if it is long at all."""
LONG = 1_000

Numbered = Sequence[tuple[int, Mapping[str, Any]]]


def doubts_of(dataset: Dataset, folder: Path, file: str) -> Iterator[str]:
    """Empty targets, one question with several answers, rows that repeat others, words for nothing, odd lengths.

    Args:
        dataset: The dataset as it was written.
        folder: Where its rows lie.
        file: How lines of the rows are named.

    Raises:
        DatasetError: The rows can't be used after all.
    """
    seen = RowDoubts(dataset)
    lengths: dict[str, list[tuple[int, int]]] = {}

    def see(line: int, columns: Mapping[str, Any] | None) -> None:
        seen.see(line, columns)
        for name in ("inputs", "targets", "context"):
            text = (columns or {}).get(name)
            if isinstance(text, str | list):
                texts = [text] if isinstance(text, str) else text
                lengths.setdefault(name, []).append((line, sum(len(str(one)) for one in texts)))

    n_rows = sum(1 for _ in read_examples(dataset, folder, see=see))
    if n_rows < FEW_ROWS:
        yield f"{file}: {count_text(n_rows, 'row')}: so few show large differences only; a hundred or more are better"
    yield from seen.notes(file)
    for name, measured in lengths.items():
        usual = median(length for _, length in measured)
        odd = [(line, length) for line, length in measured if length > max(FAR_LONGER * usual, LONG)]
        if odd:
            places = places_text(file, [f"{line} ({length:,} characters)" for line, length in odd])
            theirs = getattr(dataset.card.columns, name)
            yield f"{file}: {theirs}: more than {FAR_LONGER} times as long as usual ({usual:,.0f} characters): {places}"


def unasked(rows: Numbered, inputs: str) -> list[int]:
    """Lines of rows that ask nothing."""
    return [line for line, row in rows if _is_nothing(value_at(row, inputs))]


def _is_nothing(value: Any) -> bool:
    return value in (None, [], {}) or (isinstance(value, str) and not value.strip())
