"""Token F1 of short answers, as the SQuAD evaluation script defines it.

Source: Rajpurkar et al. 2016, https://aclanthology.org/D16-1264; empty answers as in SQuAD 2.0.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from eval_assets.metrics.definition import Metric, Parameter, Scores
from eval_assets.metrics.overlap.ngrams import f_measure, ngram_matches, text_lengths
from eval_assets.metrics.overlap.tokens import Tokenizer, coded_pairs, squad_tokens, squad_unicode_tokens
from eval_assets.metrics.rows import Rows

SQUAD_TOKENIZERS: Mapping[str, Tokenizer] = {"squad": squad_tokens, "unicode": squad_unicode_tokens}


def token_f1(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Compare the normalised words of output and target, in any order; the best over several targets.

    Returns:
        F-measures in [0, 1]. Where one text has no words after normalisation: 1 if neither has, else 0.
    """
    outputs, targets = coded_pairs(rows, SQUAD_TOKENIZERS[parameters["tokenizer"]])
    n_output, n_target = text_lengths(outputs), text_lengths(targets)
    scores = f_measure(ngram_matches(outputs, targets, 1)[0], n_output, n_target)
    return rows.best(np.where(n_output + n_target == 0, 1.0, scores))


TOKEN_F1 = Metric("token_f1", token_f1, parameters={"tokenizer": Parameter("squad", (str,), tuple(SQUAD_TOKENIZERS))})
