"""What to know besides the numbers: one line per cause, with counts, the most consequential first.

Every output shows these notes, below its table and in the same words. Which there are is gathered in `noting`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from eval_assets.wording.numbers import count_text

MOST_NAMED = 3


class Weight(IntEnum):
    """How much a cause may change what is concluded; the least number comes first."""

    OUTDATED = 1
    PARTIAL = 2
    NOT_COMPUTED = 3
    FAILED = 4
    UNTRUSTED = 5
    UNSCORED = 6
    NOT_COMPUTABLE = 7
    WITHOUT_TARGET = 8
    DEPENDENT = 9
    UNSEEN = 10
    KNOWN = 11


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know, whatever it is about.

    Args:
        text: A sentence with counts, without the names in `candidates`.
        weight: How much it may change.
        candidates: `model@prompt` of those it is about; empty where it is about all, or about none.
        n_rows: Rows concerned; null where rows aren't counted.
    """

    text: str
    weight: Weight = Weight.KNOWN
    candidates: tuple[str, ...] = ()
    n_rows: int | None = None

    def __str__(self) -> str:
        """The line: a few candidates by name, many by their number.

        >>> str(Note("2 of 9 requests failed.", candidates=("a@p",))), str(Note("All failed.", candidates=("x",) * 9))
        ('a@p: 2 of 9 requests failed.', '9 candidates: All failed.')
        """
        if not self.candidates:
            return self.text
        named = ", ".join(self.candidates)
        return f"{named if not self.is_folded else f'{len(self.candidates):,} candidates'}: {self.text}"

    @property
    def is_folded(self) -> bool:
        """Whether the candidates are too many for the line; `candidates` has them all."""
        return len(self.candidates) > MOST_NAMED


def in_order(notes: Sequence[Note]) -> tuple[Note, ...]:
    """The most consequential first; of the same weight those about most rows."""
    return tuple(sorted(notes, key=lambda note: (note.weight, -(note.n_rows or 0))))


def notes_count_text(notes: Sequence[Note]) -> str:
    """How many notes there are, in words.

    >>> notes_count_text([]), notes_count_text([Note("x")])
    ('nothing to note', '1 note')
    """
    return count_text(len(notes), "note") if notes else "nothing to note"
