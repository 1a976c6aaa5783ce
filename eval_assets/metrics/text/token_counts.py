"""Tokens of the vocabulary cl100k_base, counted word by word with a memory of words seen.

The vocabulary's first step never lets a token reach over a single space that stands between two visible characters, so
the count of a text is the sum over the pieces between such spaces. Texts with other spacing are encoded whole.
"""

import warnings
from collections.abc import Sequence
from typing import Any

_MEMORY = 200_000


class TokenCounts(dict[str, int]):
    """Word → number of tokens of a space and the word; forgets when it grows too large."""

    def __init__(self) -> None:
        super().__init__()
        self._encoding = _cl100k_base()

    def __missing__(self, word: str) -> int:
        count = self.encoded(f" {word}")
        self[word] = count
        return count

    def encoded(self, text: str) -> int:
        """Count the tokens of a text by encoding it; what looks like a special token is text.

        Raises:
            ValueError: The text has a million characters or more.
        """
        return len(self._encoding.encode_ordinary(text))

    def total(self, text: str, words: Sequence[str]) -> int:
        """Count the tokens of a text.

        Args:
            text: Any text.
            words: The same text, split at white space.

        Raises:
            ValueError: The text can't be encoded in one piece and has a million characters or more.
        """
        if len(words) < 2 or " ".join(words) != text:  # noqa: PLR2004 - one word has no space before it
            return self.encoded(text)
        if len(self) > _MEMORY:
            self.clear()
        return self.encoded(words[0]) + sum(map(self.__getitem__, words[1:]))


def _cl100k_base() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it opens its vocabulary the old way
        from bpe_openai import get_encoding

    return get_encoding("cl100k_base")
