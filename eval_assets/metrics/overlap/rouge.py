"""ROUGE F-measures: by default in one tokenisation for all four types, equal to those of rouge_score and much faster.

`implementation: reference` asks rouge_score itself. `use_stemmer` compares the stems of English words, as rouge_score
does. `tokenizer: unicode`, of ours alone, counts words of every script instead of runs of a-z and 0-9.
Source: Lin 2004, https://aclanthology.org/W04-1013.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.errors import MetricError
from eval_assets.metrics.definition import Metric, Parameter, Scores
from eval_assets.metrics.overlap.coding import Vocabulary, coded_pairs
from eval_assets.metrics.overlap.ngrams import f_measure, ngram_matches, text_lengths
from eval_assets.metrics.overlap.tokens import Tokenizer, ascii_tokens, stemmed_tokens, unicode_tokens
from eval_assets.metrics.prediction_rows import Rows

_TOKENIZERS: Mapping[str, Tokenizer] = {"ascii": ascii_tokens, "unicode": unicode_tokens}
_Fast = Callable[[Rows, Tokenizer], NDArray[np.float64]]
"""Rows and how to split their texts → the F-measure of every pair."""


def rouge_1(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Compare words: F-measure in [0, 1], 0 for an empty text."""
    return _scores(rows, parameters, "rouge1", partial(_ngrams, order=1))


def rouge_2(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Compare pairs of neighbouring words: F-measure in [0, 1], 0 for fewer than two words."""
    return _scores(rows, parameters, "rouge2", partial(_ngrams, order=2))


def rouge_l(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Compare word order by the longest common subsequence: F-measure in [0, 1], 0 for an empty text."""
    return _scores(rows, parameters, "rougeL", _lcs)


def rouge_lsum(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Compare line by line: F-measure of the union of longest common subsequences, in [0, 1], 0 for an empty text."""
    return _scores(rows, parameters, "rougeLsum", _lcs_by_line)


def _scores(rows: Rows, parameters: Mapping[str, Any], kind: str, fast: _Fast) -> Scores:
    """Score every row by the implementation chosen; the best over several targets."""
    if parameters["implementation"] == "fast":
        return rows.best(
            fast(rows, stemmed_tokens if parameters["use_stemmer"] else _TOKENIZERS[parameters["tokenizer"]])
        )
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([kind], use_stemmer=parameters["use_stemmer"])
    pairs = zip(rows.targets, rows.outputs, strict=True)
    return [float(scorer.score_multi(targets, output)[kind].fmeasure) for targets, output in pairs]


def check_tokenizer(parameters: Mapping[str, Any]) -> None:
    """Refuse words of every script where rouge_score, or Porter's stemmer, reads a to z and digits alone.

    Raises:
        MetricError: The parameters ask for both.
    """
    for name, value in (("implementation", "reference"), ("use_stemmer", True)):
        if parameters["tokenizer"] != "ascii" and parameters[name] == value:
            raise MetricError(
                f"expected `tokenizer: ascii` beside `{name}: {str(value).lower()}`, which knows words of a to z and "
                f"digits alone, got {parameters['tokenizer']!r}"
            )


def _ngrams(rows: Rows, tokenizer: Tokenizer, order: int) -> NDArray[np.float64]:
    outputs, targets = coded_pairs(rows, tokenizer)
    matches = rows.shared(("ngrams", tokenizer), lambda: ngram_matches(outputs, targets, 2))[order - 1]
    lengths = (np.maximum(text_lengths(texts) - order + 1, 0) for texts in (outputs, targets))
    return f_measure(matches, *lengths)


def _lcs(rows: Rows, tokenizer: Tokenizer) -> NDArray[np.float64]:
    return f_measure(_lcs_lengths(rows, tokenizer), *map(text_lengths, coded_pairs(rows, tokenizer)))


def _lcs_by_line(rows: Rows, tokenizer: Tokenizer) -> NDArray[np.float64]:
    hits = _lcs_lengths(rows, tokenizer).copy()
    for pair, (row, target) in enumerate(zip(*rows.pairs, strict=True)):
        if "\n" in target or "\n" in rows.outputs[row]:
            vocabulary = Vocabulary()
            lines = [
                [vocabulary.coded(tokenizer(line)) for line in text.split("\n")] for text in (target, rows.outputs[row])
            ]
            hits[pair] = union_lcs_hits(*lines)
    return f_measure(hits, *map(text_lengths, coded_pairs(rows, tokenizer)))


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


def _lcs_lengths(rows: Rows, tokenizer: Tokenizer) -> NDArray[np.int64]:
    from rapidfuzz.distance import LCSseq

    outputs, targets = coded_pairs(rows, tokenizer)
    return rows.shared(
        ("lcs", tokenizer),
        lambda: np.fromiter(map(LCSseq.similarity, outputs, targets), np.int64, len(outputs)),
    )


_rouge = partial(
    Metric,
    tokenizer_versions={"unicode": "v1-unicode"},
    parameters={
        "tokenizer": Parameter("ascii", (str,), tuple(_TOKENIZERS)),
        "implementation": Parameter("fast", (str,), ("fast", "reference"), came_later=True, libraries=("rouge-score",)),
        "use_stemmer": Parameter(False, (bool,), came_later=True, libraries=("rouge-score", "nltk")),
    },
    check=check_tokenizer,
)

METRICS = (
    _rouge("rouge1", rouge_1),
    _rouge("rouge2", rouge_2),
    _rouge("rougeL", rouge_l, libraries=("rapidfuzz",)),
    _rouge("rougeLsum", rouge_lsum, libraries=("rapidfuzz",)),
)
