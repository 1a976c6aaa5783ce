"""Tokens of the vocabulary cl100k_base, counted word by word with a memory of words seen.

The vocabulary's first step never lets a token reach over a single space that stands between two visible characters, so
the count of a text is the sum over the pieces between such spaces.
"""

import re
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.metrics.text.words import WordMemory, Words

_GAP = re.compile(r"(?<=\S) (?=\S)")
_TOO_LONG = 1_000_000  # characters that can't be encoded at once without harm

_MOST_TOKENS = 200_000  # of one text, by the library's own rule; its words say so in stored scores


class TokenCounts:
    """Counts tokens of texts; what looks like a special token is text."""

    def __init__(self) -> None:
        self._encoding = _cl100k_base()
        self._first = WordMemory(self.encoded)
        self._after_space = WordMemory(lambda word: self.encoded(f" {word}"))

    def encoded(self, text: str) -> int:
        """Count the tokens of a text by encoding it.

        Raises:
            ValueError: The text has a million characters or more, or makes more than 200,000 tokens.
        """
        if len(text) >= _TOO_LONG:
            raise ValueError("Input too long to encode safely")
        try:
            n_tokens: int = self._encoding.count(text)
        except UnicodeEncodeError:  # half a surrogate pair
            n_tokens = self._encoding.count(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        if n_tokens > _MOST_TOKENS:
            raise ValueError(f"Input produces {n_tokens} tokens which exceeds chunk limit {_MOST_TOKENS}")
        return n_tokens

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
    """The compiled tokenizer alone: the package around it reads three vocabularies into Python first, in 0.7 s."""
    package = find_spec("bpe_openai")
    places = None if package is None else package.submodule_search_locations
    spec = PathFinder.find_spec("bpe_openai._bindings", places or [])
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("expected bpe_openai with its compiled part `_bindings`; install bpe-openai again")
    bindings = module_from_spec(spec)
    spec.loader.exec_module(bindings)
    return bindings.tokenizer_for_encoding("cl100k_base")
