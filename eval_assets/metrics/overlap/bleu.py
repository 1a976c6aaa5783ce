"""Sentence BLEU as MLflow computes it: 13a tokens, n-grams up to 4, no smoothing.

Source: Papineni et al. 2002, https://aclanthology.org/P02-1040; tokens as mteval-v13a and sacrebleu.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from eval_assets.metrics.definition import Metric, Parameter, Scores
from eval_assets.metrics.overlap.coding import coded_pairs
from eval_assets.metrics.overlap.ngrams import ngram_matches, text_lengths
from eval_assets.metrics.overlap.tokens import Tokenizer, unicode_tokens
from eval_assets.metrics.prediction_rows import Rows

_MAX_ORDER = 4
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_RULES = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),  # punctuation but . , - '
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),  # period and comma unless after a digit
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),  # or before one
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),  # dash after a digit
)


def tokens_13a(text: str) -> list[str]:
    """Split a text as mteval-v13a does: ASCII punctuation apart, except inside numbers; case kept.

    >>> tokens_13a("It's 3.5, 2-4 &amp; more.")
    ["It's", '3.5', ',', '2', '-', '4', '&', 'more', '.']
    """
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in text:
        for entity, sign in _ENTITIES:
            text = text.replace(entity, sign)
    text = f" {text} "
    for rule, replacement in _RULES:
        text = rule.sub(replacement, text)
    return text.split()


_TOKENIZERS: Mapping[str, Tokenizer] = {"13a": tokens_13a, "unicode": unicode_tokens}


def bleu(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Compare n-grams of one to four tokens; the best over several targets.

    Returns:
        Geometric mean of the four precisions, times exp(1 - target / output) for a short output, in [0, 1]; 0 when no
        four tokens in a row match, as in every text of fewer than four.
    """
    outputs, targets = coded_pairs(rows, _TOKENIZERS[parameters["tokenizer"]])
    n_output, n_target = text_lengths(outputs), text_lengths(targets)
    matches = np.stack(ngram_matches(outputs, targets, _MAX_ORDER)).astype(np.float64)
    totals = np.maximum(n_output - np.arange(_MAX_ORDER)[:, None], 1)
    some = matches.min(axis=0) > 0
    logs = np.log(matches / totals, where=some, out=np.zeros_like(matches))
    brevity = np.minimum(0.0, 1 - n_target / np.maximum(n_output, 1))
    return rows.best(np.where(some, np.exp(logs.mean(axis=0) + brevity), 0.0))


METRICS = (
    Metric(
        "bleu",
        bleu,
        tokenizer_versions={"unicode": "v1-unicode"},
        parameters={"tokenizer": Parameter("13a", (str,), tuple(_TOKENIZERS))},
    ),
)
