"""Similarity of two texts by their characters, for any script: edit distance and chrF."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from eval_assets.metrics.definition import Metric, Parameter, Scores
from eval_assets.metrics.prediction_rows import Rows


def levenshtein_similarity(rows: Rows, _: Mapping[str, Any]) -> Scores:
    """Count edits of single characters: 1 - edits / length of the longer text, 1 for two empty texts."""
    from rapidfuzz.distance import Levenshtein

    at, targets = rows.pairs
    return rows.best(
        [Levenshtein.normalized_similarity(rows.outputs[row], target) for row, target in zip(at, targets, strict=True)]
    )


def chrf(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Compare character n-grams: sacrebleu's sentence chrF2 on a scale of 0 to 1; chrF++ with `word_order: 2`.

    The best over several targets; 0 when a text is empty.

    Source:
        Popović 2015, https://aclanthology.org/W15-3049.
    """
    scorer = _chrf(parameters["word_order"])
    at, targets = rows.pairs
    return rows.best(
        [
            scorer.sentence_score(rows.outputs[row], [target]).score / 100
            for row, target in zip(at, targets, strict=True)
        ]
    )


@cache
def _chrf(word_order: int) -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF(word_order=word_order)


METRICS = (
    Metric("chrf", chrf, parameters={"word_order": Parameter(0, (int,), minimum=0)}, libraries=("sacrebleu",)),
    Metric("levenshtein_similarity", levenshtein_similarity, libraries=("rapidfuzz",)),
)
