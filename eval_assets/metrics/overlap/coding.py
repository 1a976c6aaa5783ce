"""Tokens as one character each, the form in which overlap metrics share them, made of the different words of a batch.

A tokenizer that reads each word by itself is asked once for each different word, not once for each text.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.metrics.overlap.marks import with_marks_kept
from eval_assets.metrics.overlap.tokens import (
    Tokenizer,
    answer_words,
    ascii_tokens,
    squad_tokens,
    stemmed_tokens,
    unicode_tokens,
)
from eval_assets.metrics.prediction_rows import Rows
from eval_assets.metrics.text.words import Words, split_words, words_of

_MOST_TOKENS = 500_000
"""Of a vocabulary, before another one is begun; Python has about a million characters."""
_FIRST_SURROGATE, _N_SURROGATES = 0xD800, 0x800
_UTF_32 = np.dtype("<u4")


class Vocabulary(dict[str, str]):
    """Token → one character that stands for it."""

    def __missing__(self, token: str) -> str:
        number = len(self)
        code = chr(number if number < _FIRST_SURROGATE else number + _N_SURROGATES)
        self[token] = code
        return code

    def coded(self, tokens: Iterable[str]) -> str:
        """Write tokens as a string of one character each."""
        return "".join(map(self.__getitem__, tokens))


class _ByWord(NamedTuple):
    """How a tokenizer reads a text word by word; a text without any token it reads as a whole.

    Args:
        within: Tokens of a word that others follow.
        at_end: Tokens of a word with which the text ends; null: the same. A text that ends in space is read as a whole.
        reaching: How words begin whose reading depends on the words beside them: their texts are read as wholes.
    """

    within: Tokenizer
    at_end: Tokenizer | None = None
    reaching: tuple[str, ...] = ()


def _before_another(word: str) -> list[str]:
    return squad_tokens(with_marks_kept(f"{word} x"))[:-1]


def _at_end(word: str) -> list[str]:
    return squad_tokens(with_marks_kept(word))


_BY_WORD: Mapping[Tokenizer, _ByWord] = {
    answer_words: _ByWord(_before_another, _at_end, reaching=tuple("+<=>")),
    **{each: _ByWord(each) for each in (ascii_tokens, squad_tokens, stemmed_tokens, unicode_tokens)},
}


def coded_pairs(rows: Rows, tokenizer: Tokenizer) -> tuple[list[str], list[str]]:
    """Code both texts of every pair of output and target, one character a token.

    Returns:
        Coded outputs and coded targets, in the order of `rows.pairs`. Characters mean the same token within a pair.
    """
    return rows.shared(("coded", tokenizer), lambda: _coded_pairs(rows, tokenizer))


def _coded_pairs(rows: Rows, tokenizer: Tokenizer) -> tuple[list[str], list[str]]:
    pair_rows, targets = rows.pairs
    if tokenizer not in _BY_WORD:
        return _coded_one_by_one(rows, tokenizer)
    of_outputs = words_of(rows)
    of_targets = rows.shared("target words", lambda: split_words(pl.Series(targets, dtype=pl.String)))
    if sum(map(len, of_outputs.different)) + sum(map(len, of_targets.different)) > _MOST_TOKENS:
        return _coded_one_by_one(rows, tokenizer)
    vocabulary = Vocabulary()
    outputs = coded_texts(rows.outputs, of_outputs, tokenizer, vocabulary)
    return [outputs[row] for row in pair_rows], coded_texts(targets, of_targets, tokenizer, vocabulary)


def _coded_one_by_one(rows: Rows, tokenizer: Tokenizer) -> tuple[list[str], list[str]]:
    vocabulary = Vocabulary()
    outputs, targets = [], []
    last_row, tokens = -1, list[str]()
    for row, target in zip(*rows.pairs, strict=True):
        if len(vocabulary) > _MOST_TOKENS:
            vocabulary = Vocabulary()
        if row != last_row:
            last_row, tokens = row, tokenizer(rows.outputs[row])
        outputs.append(vocabulary.coded(tokens))
        targets.append(vocabulary.coded(tokenizer(target)))
    return outputs, targets


def coded_texts(texts: list[str], words: Words, tokenizer: Tokenizer, vocabulary: Vocabulary) -> list[str]:
    r"""Code texts by a tokenizer that reads word by word.

    Args:
        texts: Any texts.
        words: The same texts, split at white space.
        tokenizer: One of `_BY_WORD`.
        vocabulary: Gets the tokens.

    >>> coded_texts(["to be", "be"], split_words(pl.Series(["to be", "be"])), ascii_tokens, Vocabulary())
    ['\x00\x01', '\x01']
    """
    by_word, numbers = _BY_WORD[tokenizer], words.numbers
    codes = [vocabulary.coded(by_word.within(word)) for word in words.different]
    if (at_end := by_word.at_end) is not None:
        numbers = _with_last_words(words, codes, lambda word: vocabulary.coded(at_end(word)))
    n_tokens = np.fromiter(map(len, codes), np.int64, len(codes))
    ends = np.append(0, np.cumsum(n_tokens[numbers]))[words.ends]
    joined, start, coded = _joined(codes, n_tokens, numbers), 0, []
    for end in ends.tolist():
        coded.append(joined[start:end])
        start = end
    for place in _read_as_wholes(texts, words, ends, by_word):
        coded[place] = vocabulary.coded(tokenizer(texts[place]))
    return coded


def _with_last_words(words: Words, codes: list[str], code_at_end: Callable[[str], str]) -> NDArray[np.uint32]:
    """Number the words anew where the last one of a text has another code than within a text, which `codes` gets."""
    at = words.ends[words.lengths > 0] - 1
    numbers = words.numbers.copy()
    renumbered = np.arange(len(codes), dtype=np.uint32)
    for number in np.unique(numbers[at]).tolist():
        code = code_at_end(words.different[number])
        if code != codes[number]:
            renumbered[number] = len(codes)
            codes.append(code)
    numbers[at] = renumbered[numbers[at]]
    return numbers


def _joined(codes: list[str], n_tokens: NDArray[np.int64], numbers: NDArray[np.uint32]) -> str:
    """Write the codes of these words one after the other."""
    tokens = np.frombuffer("".join(codes).encode("utf-32-le"), _UTF_32)
    first = np.cumsum(n_tokens) - n_tokens
    if (n_tokens == 1).all():
        chosen = tokens[numbers]
    else:
        lengths = n_tokens[numbers]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        chosen = tokens[np.repeat(first[numbers], lengths) + within]
    return chosen.tobytes().decode("utf-32-le")


def _read_as_wholes(texts: list[str], words: Words, ends: NDArray[np.int64], by_word: _ByWord) -> list[int]:
    """Find the texts whose reading is more than that of their words, see `_ByWord`."""
    is_whole = np.diff(ends, prepend=0) == 0
    if by_word.at_end is not None:
        for place in np.flatnonzero(~words.is_plain).tolist():
            is_whole[place] |= texts[place][-1:].isspace()
    if by_word.reaching:
        reaches = np.array([word.startswith(by_word.reaching) for word in words.different], dtype=np.int64)
        is_whole |= words.totals(reaches) > 0
    return np.flatnonzero(is_whole).tolist()
