"""The words of a batch of texts as numbers, so that what is known of a word is looked up once a batch, not once a text.

What is counted of a word is in `syllables` and `token_counts`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.metrics.prediction_rows import Rows

_MEMORY = 200_000
# The white space of `str.split`, where it is anything but one space between two words.
_ODD_SPACE = r"[^\S ]|[\x1c-\x1f]|  |^ | $|^$"


class WordMemory(dict[str, int]):
    """Word → what a function counts of it; forgets when it grows too large."""

    def __init__(self, count: Callable[[str], int]) -> None:
        super().__init__()
        self._count = count

    def __missing__(self, word: str) -> int:
        count = self[word] = self._count(word)
        return count

    def of(self, words: Iterable[str]) -> NDArray[np.int64]:
        """Count each of the words."""
        self._forget()
        return np.fromiter(map(self.__getitem__, words), np.int64)

    def total(self, words: Iterable[str]) -> int:
        """Sum up what is counted of the words."""
        self._forget()
        return sum(map(self.__getitem__, words))

    def _forget(self) -> None:
        if len(self) > _MEMORY:
            self.clear()


@dataclass(frozen=True)
class Words:
    """Texts split at white space.

    Args:
        different: The different words of all texts.
        numbers: Words of the first text, of the second and so on, as places in `different`.
        ends: Where the words of each text end in `numbers`.
        is_plain: Whether a text is its words with one space between each two, and nothing else.
        n_characters: Characters of each text without white space.
    """

    different: list[str]
    numbers: NDArray[np.uint32]
    ends: NDArray[np.int64]
    is_plain: NDArray[np.bool_]
    n_characters: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where the words of each text begin in `numbers`."""
        return np.concatenate([np.zeros(1, np.int64), self.ends[:-1]]) if self.ends.size else self.ends

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of words of each text."""
        return self.ends - self.starts

    def totals(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sum up for each text what was counted of the `different` words.

        >>> words = split_words(pl.Series(["one two", "", " two"]))
        >>> words.totals(np.array([len(word) for word in words.different])).tolist()
        [6, 0, 3]
        """
        sums = np.zeros(self.ends.size, np.int64)
        some = self.lengths > 0
        if some.any():
            sums[some] = np.add.reduceat(counts[self.numbers], self.starts[some])
        return sums


def split_words(texts: pl.Series) -> Words:
    """Split texts at white space, as `str.split` does.

    Args:
        texts: Texts without nulls.

    >>> split_words(pl.Series(["to be or not to be"])).numbers.tolist()
    [0, 1, 2, 3, 0, 1]
    """
    is_odd = texts.str.contains(_ODD_SPACE)
    if is_odd.any():
        places = np.flatnonzero(is_odd.to_numpy())
        texts = texts.scatter(places, [" ".join(text.split()) for text in texts.gather(places)])
    split = texts.str.split(" ")
    lengths = np.where(texts == "", 0, split.list.len().cast(pl.Int64).to_numpy())
    words = split.filter(lengths > 0).explode()
    different, numbers = _numbered(words)
    return Words(
        different,
        numbers,
        np.cumsum(lengths),
        ~is_odd.to_numpy(),
        texts.str.len_chars().cast(pl.Int64).to_numpy() - np.maximum(lengths - 1, 0),
    )


def words_of(rows: Rows) -> Words:
    """Split the outputs, once for all metrics that ask."""
    return rows.shared("words", lambda: split_words(rows.frame["output"]))


def _numbered(words: pl.Series) -> tuple[list[str], NDArray[np.uint32]]:
    """List the different words, and the place of each word in that list."""
    codes = words.cast(pl.Categorical(pl.Categories.random())).to_physical().to_numpy()
    if not codes.size:
        return [], codes
    place = np.full(int(codes.max()) + 1, -1)
    place[codes[::-1]] = np.arange(codes.size)[::-1]  # the last assignment, that is the first word, stays
    used = np.flatnonzero(place >= 0)
    renumbered = np.empty(place.size, np.uint32)
    renumbered[used] = np.arange(used.size)
    return words.gather(place[used]).to_list(), renumbered[codes]
