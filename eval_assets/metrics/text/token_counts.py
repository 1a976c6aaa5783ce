"""Tokens of the vocabulary cl100k_base, counted word by word with a memory of words seen.

The vocabulary's first step never lets a token reach over a single space that stands between two visible characters, so
the count of a text is the sum over the pieces between such spaces.
"""

import re
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.metrics.text.words import Words, WordMemory

_GAP = re.compile(r"(?<=\S) (?=\S)")


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
        return self.encoded(first) + int(self._after_space.of(others).sum())

    def totals(self, words: Words) -> NDArray[np.int64]:
        """Count the tokens of each text that is plain and has less than a million characters; 0 for others."""
        texts = np.flatnonzero(words.is_plain)
        places, which = np.unique(words.numbers[words.starts[texts]], return_inverse=True)
        after_space = self._after_space.of(words.different)
        first = self._first.of([words.different[place] for place in places.tolist()]) - after_space[places]
        totals = np.zeros(words.ends.size, np.int64)
        totals[texts] = words.totals(after_space)[texts] + first[which]
        return totals


def _cl100k_base() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it opens its vocabulary the old way
        from bpe_openai import get_encoding

    return get_encoding("cl100k_base")
