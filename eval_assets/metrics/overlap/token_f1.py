"""Token F1 of short answers, as the SQuAD evaluation script defines it; by default without what its words lose.

Source: Rajpurkar et al. 2016, https://aclanthology.org/D16-1264; empty answers as in SQuAD 2.0.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from eval_assets.metrics.definition import Metric, Parameter, Scores
from eval_assets.metrics.overlap.coding import coded_pairs
from eval_assets.metrics.overlap.ngrams import f_measure, ngram_matches, text_lengths
from eval_assets.metrics.overlap.tokens import Tokenizer, answer_words, squad_tokens, unicode_answer_words
from eval_assets.metrics.prediction_rows import Rows

ANSWER_TOKENIZERS: Mapping[str, Tokenizer] = {
    "words": answer_words,
    "squad": squad_tokens,
    "unicode": unicode_answer_words,
}
"""Ways to normalise an answer: `squad` as the SQuAD script does, the others so that no meaning is lost."""

ANSWER_VERSIONS = {"words": "v2", "squad": "v1", "unicode": "v2-unicode"}
"""Tokenizer → version of a metric that uses it."""


def token_f1(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Compare the normalised words of output and target, in any order; the best over several targets.

    Returns:
        F-measures in [0, 1]. Where one text has no words after normalisation: 1 if neither has, else 0.
    """
    outputs, targets = coded_pairs(rows, ANSWER_TOKENIZERS[parameters["tokenizer"]])
    n_output, n_target = text_lengths(outputs), text_lengths(targets)
    scores = f_measure(ngram_matches(outputs, targets, 1)[0], n_output, n_target)
    return rows.best(np.where(n_output + n_target == 0, 1.0, scores))


ANSWER_TOKENIZER = Parameter("words", (str,), tuple(ANSWER_TOKENIZERS))


METRICS = (
    Metric(
        "token_f1",
        token_f1,
        version=ANSWER_VERSIONS["words"],
        tokenizer_versions=ANSWER_VERSIONS,
        parameters={"tokenizer": ANSWER_TOKENIZER},
    ),
)
