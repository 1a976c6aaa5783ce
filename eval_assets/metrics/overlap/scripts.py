"""Texts that a tokenizer can't split into words, so that scores of them say little: said, and no score is changed."""

from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from eval_assets.metrics.definition import ResolvedMetric

_LETTER = r"[\p{L}\p{N}\p{So}]"  # an emoji is a word too
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_UNSEEN: Mapping[str, str] = {
    **dict.fromkeys(("ascii", "english"), r"[\p{L}\p{N}\p{So}--[a-zA-Z0-9]]"),  # letters, digits and emoji it drops
    **dict.fromkeys(("13a", "squad", "words"), _UNSPACED),  # scripts whose words it can't divide
}
"""Tokenizer → pattern of a letter that it makes no word of; other tokenizers see every script."""


def is_unseen(texts: pl.Series, tokenizer: str) -> pl.Series:
    """Tell which texts have most of their letters in scripts that a tokenizer sees no words in.

    Args:
        texts: Texts without nulls.
        tokenizer: That of a metric.

    >>> texts = pl.Series(["Paris", "Zürich", "Москва", "東京", "", "iPhone 15 手机"])
    >>> is_unseen(texts, "ascii").to_list()
    [False, False, True, True, False, False]
    >>> is_unseen(texts, "13a").to_list(), is_unseen(texts, "unicode").any()
    ([False, False, False, True, False, False], False)
    """
    if tokenizer not in _UNSEEN:
        return pl.repeat(False, len(texts), eager=True)
    return 2 * texts.str.count_matches(_UNSEEN[tokenizer]) > texts.str.count_matches(_LETTER)


def has_other_letters() -> pl.Expr:
    """Whether a text has characters beyond ASCII: no tokenizer fails to see words in any other."""
    return pl.all().str.len_bytes() != pl.all().str.len_chars()


def unseen_notes(
    metrics: Iterable[ResolvedMetric], texts: Iterable[str] | pl.Series, *, n_others: int = 0
) -> Iterator[str]:
    """Say of the metrics of each tokenizer how many texts it sees no words in; nothing where it sees all.

    Args:
        metrics: Metrics of an evaluation.
        texts: What they compare.
        n_others: Further ones, of ASCII alone.
    """
    by_tokenizer = dict[str, list[str]]()
    for metric in metrics:
        if metric.tokenizer:
            by_tokenizer.setdefault(metric.tokenizer, []).append(metric.label)
    column = texts if isinstance(texts, pl.Series) else pl.Series(list(texts) if by_tokenizer else [], dtype=pl.String)
    n_texts = len(column) + n_others
    for tokenizer, labels in by_tokenizer.items():
        n_unseen = int(is_unseen(column, tokenizer).sum())
        if n_unseen and tokenizer == "english":
            yield (
                f"{', '.join(labels)}: made for English, and {n_unseen:,} of {n_texts:,} texts are in other "
                "scripts; their numbers say nothing"
            )
        elif n_unseen:
            yield (
                f"{', '.join(labels)}: the tokenizer {tokenizer!r} sees no words in {n_unseen:,} of {n_texts:,} "
                "texts, so equal ones may score 0; `tokenizer: unicode` counts words of every script"
            )
