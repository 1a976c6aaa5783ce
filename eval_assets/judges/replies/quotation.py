"""Whether a line or an object that repeats the judged text is a quotation, or the judge's own verdict.

The judged text has no veto: a verdict that stands where a judge puts its verdict is the judge's, whoever wrote the same
words before. Elsewhere in a reply, what repeats the judged text is quoted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from eval_assets.judges.replies.verdict_words import QUOTING_WORDS, VERDICT_WORDS, folded_words

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stated(Generic[T]):
    """Something in a reply that may be a verdict.

    Args:
        verdict: What it says.
        repeats: It stands word for word in the judged text.
        opens: Nothing stands before it.
        closes: Nothing stands after it.
    """

    verdict: T
    repeats: bool
    opens: bool
    closes: bool


def own_verdicts(stated: Sequence[Stated[T]]) -> list[T]:
    """What the judge says in its own name.

    >>> own_verdicts([Stated("fail", True, False, True)]), own_verdicts([Stated("fail", True, False, False)])
    (['fail'], [])
    """
    own = [one for one in stated if not one.repeats or one.closes]
    return [one.verdict for one in own or [one for one in stated if one.opens]]


class JudgedLines:
    """The lines of the judged texts, to find those that a reply repeats. Most replies state no line, and read none.

    Args:
        texts: Each judged text as lines; read at the first question.
    """

    def __init__(self, texts: Iterable[Sequence[str]]) -> None:
        self._texts = texts

    @cached_property
    def _folded(self) -> list[list[str]]:
        return [[line.casefold() for line in lines] for lines in self._texts]

    @cached_property
    def _lines(self) -> set[str]:
        return {line for lines in self._folded for line in lines}

    def repeated_by(self, line: str) -> bool:
        """Whether the line stands in a judged text."""
        return line.casefold() in self._lines

    def are_quoted_at_the_end_of(self, lines: Sequence[str]) -> bool:
        """Whether a reply's last line is quoted: announced as such, or the end of a whole judged text."""
        if len(lines) > 1 and announces_a_quotation(lines[-2]):
            return True
        return any(_ends_with(lines, text) for text in self._folded if len(text) > 1)


def announces_a_quotation(line: str) -> bool:
    """Whether what follows a line is somebody else's.

    >>> announces_a_quotation("The output's last line reads:"), announces_a_quotation("My verdict on what it says:")
    (True, False)
    """
    words = folded_words(line)
    if not VERDICT_WORDS.isdisjoint(words):
        return False
    leading_on = words if line.endswith(":") else words[-2:]
    return words[-1:] == ["is"] or not QUOTING_WORDS.isdisjoint(leading_on)


def _ends_with(lines: Sequence[str], text: Sequence[str]) -> bool:
    """Whether lines end with all of a text, whose first line may go on from words of the reply's."""
    end = [line.casefold() for line in lines[-len(text) :]]
    if len(end) < len(text) or end[1:] != list(text[1:]) or not end[0].endswith(text[0]):
        return False
    before = end[0][: len(end[0]) - len(text[0])]
    return not before or not before[-1].isalnum()
