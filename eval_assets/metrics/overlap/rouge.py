"""ROUGE F-measures, equal to those of rouge_score without a stemmer, from one tokenisation for all four types.

`tokenizer: unicode` counts words of every script instead of runs of a-z and 0-9.
Source: Lin 2004, https://aclanthology.org/W04-1013.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.metrics.definition import Metric, Parameter, Scores
from eval_assets.metrics.overlap.ngrams import f_measure, ngram_matches, text_lengths
from eval_assets.metrics.overlap.tokens import Tokenizer, Vocabulary, ascii_tokens, coded_pairs, unicode_tokens
from eval_assets.metrics.prediction_rows import Rows

_TOKENIZERS: Mapping[str, Tokenizer] = {"ascii": ascii_tokens, "unicode": unicode_tokens}
_PARAMETERS = {"tokenizer": Parameter("ascii", (str,), tuple(_TOKENIZERS))}


def rouge_n(rows: Rows, parameters: Mapping[str, Any], order: int) -> Scores:
    """Compare n-grams of output and target; the best over several targets."""
    outputs, targets = coded_pairs(rows, _TOKENIZERS[parameters["tokenizer"]])
    matches = rows.shared(("ngrams", parameters["tokenizer"]), lambda: ngram_matches(outputs, targets, 2))[order - 1]
    lengths = (np.maximum(text_lengths(texts) - order + 1, 0) for texts in (outputs, targets))
    return rows.best(f_measure(matches, *lengths))


def rouge_1(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Compare words: F-measure in [0, 1], 0 for an empty text."""
    return rouge_n(rows, parameters, 1)


def rouge_2(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Compare pairs of neighbouring words: F-measure in [0, 1], 0 for fewer than two words."""
    return rouge_n(rows, parameters, 2)


def rouge_l(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Compare word order by the longest common subsequence: F-measure in [0, 1], 0 for an empty text."""
    outputs, targets = coded_pairs(rows, _TOKENIZERS[parameters["tokenizer"]])
    hits = _lcs_lengths(rows, parameters["tokenizer"])
    return rows.best(f_measure(hits, text_lengths(outputs), text_lengths(targets)))


def rouge_lsum(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Compare line by line: F-measure of the union of longest common subsequences, in [0, 1], 0 for an empty text."""
    tokenizer = _TOKENIZERS[parameters["tokenizer"]]
    outputs, targets = coded_pairs(rows, tokenizer)
    hits = _lcs_lengths(rows, parameters["tokenizer"]).copy()
    for pair, (row, target) in enumerate(zip(*rows.pairs, strict=True)):
        if "\n" in target or "\n" in rows.outputs[row]:
            vocabulary = Vocabulary()
            lines = [
                [vocabulary.coded(tokenizer(line)) for line in text.split("\n")] for text in (target, rows.outputs[row])
            ]
            hits[pair] = union_lcs_hits(*lines)
    return rows.best(f_measure(hits, text_lengths(outputs), text_lengths(targets)))


def union_lcs_hits(target_lines: Sequence[str], output_lines: Sequence[str]) -> int:
    """Count target tokens found, in order, in some line of the output, none more often than both texts have it.

    Args:
        target_lines: Coded lines, one character a token.
        output_lines: Coded lines over the same vocabulary.

    >>> union_lcs_hits(["abcde"], ["ab", "acde"])  # Lin 2004, section 3.2: the union is all of abcde
    5
    """
    left_in_target, left_in_output = Counter("".join(target_lines)), Counter("".join(output_lines))
    hits = 0
    for target in target_lines:
        found = set[int]().union(*(lcs_positions(target, output) for output in output_lines))
        for position in sorted(found):
            token = target[position]
            if left_in_target[token] > 0 and left_in_output[token] > 0:
                hits += 1
                left_in_target[token] -= 1
                left_in_output[token] -= 1
    return hits


def lcs_positions(target: str, output: str) -> list[int]:
    """Find where the tokens of a longest common subsequence stand in the target.

    Of several longest ones it takes the one that rouge_score's table and its way back through it take: bit i of the
    column of output token j is 0 where the table grows from target token i to i + 1 (Hyyrö 2004).

    >>> lcs_positions("abcb", "bcab")
    [3, 2, 1]
    """
    places = dict[str, int]()
    for position, token in enumerate(target):
        places[token] = places.get(token, 0) | 1 << position
    every = column = (1 << len(target)) - 1
    columns = []
    for token in output:
        matching = column & places.get(token, 0)
        column = (column + matching | column - matching) & every
        columns.append(column)

    found = []
    i, j = len(target), len(output)
    while i and j:
        if target[i - 1] == output[j - 1]:
            i, j = i - 1, j - 1
            found.append(i)
        elif columns[j - 1] >> (i - 1) & 1:
            i -= 1
        else:
            j -= 1
    return found


def _lcs_lengths(rows: Rows, tokenizer: str) -> NDArray[np.int64]:
    from rapidfuzz.distance import LCSseq

    outputs, targets = coded_pairs(rows, _TOKENIZERS[tokenizer])
    return rows.shared(
        ("lcs", tokenizer),
        lambda: np.fromiter(map(LCSseq.similarity, outputs, targets), np.int64, len(outputs)),
    )


_VERSIONS = {"unicode": "v1-unicode"}


METRICS = (
    Metric("rouge1", rouge_1, tokenizer_versions=_VERSIONS, parameters=_PARAMETERS),
    Metric("rouge2", rouge_2, tokenizer_versions=_VERSIONS, parameters=_PARAMETERS),
    Metric("rougeL", rouge_l, tokenizer_versions=_VERSIONS, parameters=_PARAMETERS, libraries=("rapidfuzz",)),
    Metric("rougeLsum", rouge_lsum, tokenizer_versions=_VERSIONS, parameters=_PARAMETERS, libraries=("rapidfuzz",)),
)
