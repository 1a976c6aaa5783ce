"""Length and time of a reply: tokens, words or characters, seconds."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from eval_assets.metrics.definition import Metric, Parameter, Score, Scores
from eval_assets.metrics.prediction_rows import Rows
from eval_assets.metrics.text.token_counts import TokenCounts
from eval_assets.metrics.text.words import words_of


def token_count(rows: Rows, _: Mapping[str, Any]) -> Scores:
    """Count tokens of the vocabulary cl100k_base; text that looks like a special token counts as text."""
    counts = _counts()
    totals, is_counted = counts.totals(words_of(rows))
    if is_counted.all():
        return totals.astype(np.float64)
    scores: list[float | Score] = totals.astype(np.float64).tolist()
    for row in np.flatnonzero(~is_counted).tolist():
        try:
            scores[row] = float(counts.total(rows.outputs[row]))
        except ValueError as error:
            scores[row] = Score(None, outcome="error", reason=str(error))
    return scores


def response_length(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Count words between white space, or characters (Unicode code points) with `unit: characters`."""
    if parameters["unit"] == "characters":
        return rows.frame["output"].str.len_chars().cast(pl.Float64).to_numpy()
    return words_of(rows).lengths.astype(np.float64)


def latency(rows: Rows, _: Mapping[str, Any]) -> Scores:
    """Give the seconds the model took, as the prediction has them."""
    return rows.frame["latency_seconds"].cast(pl.Float64).to_numpy()


def time_to_first_token(rows: Rows, _: Mapping[str, Any]) -> Scores:
    """Give the seconds until the first token of a streamed reply came, as the prediction has them."""
    return rows.frame["first_token_seconds"].cast(pl.Float64).to_numpy()


@cache
def _counts() -> TokenCounts:
    return TokenCounts()


METRICS = (
    Metric(
        "token_count",
        token_count,
        needs=("output",),
        version="",
        greater_is_better=None,
        range=(0.0, None),
        libraries=("bpe-openai",),
        modules=("bpe_openai",),
    ),
    Metric(
        "response_length",
        response_length,
        needs=("output",),
        greater_is_better=None,
        range=(0.0, None),
        parameters={"unit": Parameter("words", (str,), ("words", "characters"))},
    ),
    Metric(
        "latency",
        latency,
        needs=("latency_seconds",),
        version="",
        greater_is_better=False,
        range=(0.0, None),
    ),
    Metric(
        "time_to_first_token",
        time_to_first_token,
        needs=("first_token_seconds",),
        version="",
        greater_is_better=False,
        range=(0.0, None),
    ),
)
