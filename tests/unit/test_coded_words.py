"""Texts coded by their different words are coded as when each text is read as a whole."""

import random
from itertools import product

import numpy as np
import polars as pl
import pytest

from eval_assets.metrics.overlap import coding
from eval_assets.metrics.overlap.coding import Vocabulary, coded_pairs, coded_texts
from eval_assets.metrics.overlap.ngrams import ngram_matches
from eval_assets.metrics.overlap.tokens import (
    Tokenizer,
    answer_words,
    ascii_tokens,
    squad_tokens,
    stemmed_tokens,
    unicode_tokens,
)
from eval_assets.metrics.prediction_rows import Rows
from eval_assets.metrics.text.words import split_words

SIGNS = [*"-+<=>#.,:/'’^%$€()[]!?\"_&", "–", "−", "\u0301", "\x00", "\u200b"]
WORDS = ["a", "A", "an", "The", "x", "Cl", "C", "5"]
PIECES = [*WORDS, "e", "1", "000", "2.5", "Zürich", "ΣΊΣΥΦΟΣ", "İ", "ﬁ", "東京", "🙂", "ไทย"]
SPACES = [" ", "  ", "\n", "\t", "\u00a0", "\u3000", "\x1c", "\x85"]


def invented_texts(n: int) -> list[str]:
    """Texts of a few pieces in any order, so that every neighbourhood of marks, letters and space comes up."""
    chance = random.Random(5)
    parts = [*PIECES, *SIGNS, *SPACES, *SPACES]
    return ["".join(chance.choices(parts, k=chance.randrange(12))) for _ in range(n)]


@pytest.mark.parametrize("tokenizer", [answer_words, squad_tokens, ascii_tokens, stemmed_tokens, unicode_tokens])
def test_words_are_read_as_in_their_texts(tokenizer: Tokenizer) -> None:
    texts = [
        *invented_texts(20_000),
        *("".join(three) for three in product([*WORDS, *SIGNS, *SPACES[:2]], repeat=3)),
    ]
    vocabulary = Vocabulary()
    coded = coded_texts(texts, split_words(pl.Series(texts)), tokenizer, vocabulary)
    assert [text for text, one in zip(texts, coded, strict=True) if one != vocabulary.coded(tokenizer(text))] == []


def test_pairs_are_coded_alike_by_words_and_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = invented_texts(600)
    rows = pl.DataFrame({"output": texts[:300], "targets": texts[300:]})
    by_words = coded_pairs(Rows(rows), answer_words)
    monkeypatch.setattr(coding, "_MOST_TOKENS", 3)
    one_by_one = coded_pairs(Rows(rows), answer_words)
    assert by_words != one_by_one, "nothing was coded anew"
    for coded in zip(*by_words, *one_by_one, strict=True):
        output, target, *same = coded
        assert _pattern(output + target) == _pattern("".join(same))


def test_matches_dont_depend_on_how_many_pairs_are_counted_at_once() -> None:
    chance = random.Random(1)
    texts = ["".join(chance.choices("abcde", k=chance.randrange(9))) for _ in range(500)]
    together = ngram_matches(texts[:250], texts[250:], 3)
    alone = [ngram_matches([one], [other], 3) for one, other in zip(texts[:250], texts[250:], strict=True)]
    assert [matches.tolist() for matches in together] == np.hstack(alone).tolist()
    assert [matches.tolist() for matches in ngram_matches([], [], 2)] == [[], []]


def _pattern(text: str) -> list[int]:
    """Which characters of a text are equal, whatever they are."""
    return [text.index(character) for character in text]
