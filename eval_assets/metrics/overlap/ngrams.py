"""Counts of n-grams that two texts share, for a whole batch of coded pairs at once."""

import numpy as np
from numpy.typing import NDArray

_PAIRS_AT_ONCE = 64
"""Few enough that their n-grams are sorted in the processor's caches."""


def ngram_matches(outputs: list[str], targets: list[str], max_order: int) -> list[NDArray[np.int64]]:
    """Count the n-grams both texts of a pair have, each as often as the text with fewer of it has it.

    Args:
        outputs: Coded outputs, one character a token.
        targets: Coded targets of the same pairs.
        max_order: Longest n-gram to count, at least 1.

    Returns:
        One array for each order from 1, one count for each pair.

    >>> [matches.tolist() for matches in ngram_matches(["abab", ""], ["aba", "x"], 2)]
    [[3, 0], [2, 0]]
    """
    starts = range(0, max(len(outputs), 1), _PAIRS_AT_ONCE)
    blocks = (slice(start, start + _PAIRS_AT_ONCE) for start in starts)
    matches = [_matches(outputs[block], targets[block], max_order) for block in blocks]
    return list(map(np.concatenate, zip(*matches, strict=True)))


def _matches(outputs: list[str], targets: list[str], max_order: int) -> list[NDArray[np.int64]]:
    n_pairs = len(outputs)
    texts = outputs + targets
    lengths = np.fromiter(map(len, texts), np.int64, 2 * n_pairs)
    tokens = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32).astype(np.int64)
    text_of = np.repeat(np.arange(2 * n_pairs), lengths)
    after_text = np.repeat(np.cumsum(lengths), lengths)
    n_codes = int(tokens.max(initial=0)) + 1

    start = np.arange(tokens.size)
    gram = text_of % n_pairs if n_pairs else text_of  # pairs are kept apart from the first order on
    matches = []
    for order in range(1, max_order + 1):
        fits = start + order <= after_text[start]
        start, gram = start[fits], gram[fits]
        _, gram = np.unique(gram * n_codes + tokens[start + order - 1], return_inverse=True)
        n_grams = int(gram.max(initial=-1)) + 1
        is_output = text_of[start] < n_pairs
        shared = np.minimum(
            np.bincount(gram[is_output], minlength=n_grams), np.bincount(gram[~is_output], minlength=n_grams)
        )
        pair_of = np.zeros(n_grams, np.int64)
        pair_of[gram] = text_of[start] % max(n_pairs, 1)
        matches.append(np.bincount(pair_of, weights=shared, minlength=n_pairs).astype(np.int64))
    return matches


def text_lengths(coded: list[str]) -> NDArray[np.int64]:
    """Count the tokens of each coded text."""
    return np.fromiter(map(len, coded), np.int64, len(coded))


def f_measure(
    matches: NDArray[np.int64], n_output: NDArray[np.int64], n_target: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Combine precision and recall of a count of matches, 0 where either text is empty.

    >>> f_measure(np.array([2]), np.array([2]), np.array([3])).tolist()  # 2 * 1 * (2/3) / (1 + 2/3)
    [0.8]
    """
    precision = matches / np.maximum(n_output, 1)
    recall = matches / np.maximum(n_target, 1)
    total = precision + recall
    return np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
