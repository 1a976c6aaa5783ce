"""Tokens of the vocabulary cl100k_base, counted word by word with a memory of words seen.

The vocabulary's first step never lets a token reach over a single space that stands between two visible characters, so
the count of a text is the sum over the pieces between such spaces.
"""

import re
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.metrics.text.words import WordMemory, Words

_GAP = re.compile(r"(?<=\S) (?=\S)")
_TOO_LONG = 1_000_000  # characters that the library refuses to encode at once


class TokenCounts:
    """Counts tokens of texts; what looks like a special token is text."""

    def __init__(self) -> None:
        self._encoding = _cl100k_base()
        self._first = WordMemory(self.encoded)
        self._after_space = WordMemory(lambda word: self.encoded(f" {word}"))

    def encoded(self, text: str) -> int:
        """Count the tokens of a text by encoding it.

        Raises:
            ValueError: The text has a million characters or more.
        """
        return len(self._encoding.encode_ordinary(text))

    def total(self, text: str) -> int:
        """Count the tokens of any text, piece by piece.

        Raises:
            ValueError: A piece has a million characters or more.
        """
        first, *others = _GAP.split(text)
        return self.encoded(first) + self._after_space.total(others)

    def totals(self, words: Words) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Count the tokens of many texts at once.

        Returns:
            Tokens of each text, and whether the text has been counted: it is plain and not too long. `total` counts it
            otherwise.
        """
        n_spaces = np.maximum(words.lengths - 1, 0)
        is_counted = words.is_plain & (words.n_characters + n_spaces < _TOO_LONG)
        # A word that is too long even so makes up its text, where it is subtracted again.
        after_space = self._after_space.of(word if len(word) + 1 < _TOO_LONG else "" for word in words.different)
        texts = np.flatnonzero(is_counted)
        places, which = np.unique(words.numbers[words.starts[texts]], return_inverse=True)
        first = self._first.of([words.different[place] for place in places.tolist()]) - after_space[places]
        totals = words.totals(after_space)
        totals[texts] += first[which]
        return totals, is_counted


def _cl100k_base() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it opens its vocabulary the old way
        from bpe_openai import get_encoding

    return get_encoding("cl100k_base")
