"""How sure a model was of its reply: log probabilities of its tokens, where the model file asks for `logprobs`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.metrics.definition import Metric, Scores
from eval_assets.metrics.prediction_rows import Rows


def mean_logprob(rows: Rows, _: Mapping[str, Any]) -> Scores:
    """Give the mean natural log probability of the reply's tokens, as the prediction has it; 0 is certain."""
    return rows.frame["mean_logprob"].cast(pl.Float64).to_numpy()


def perplexity(rows: Rows, _: Mapping[str, Any]) -> Scores:
    """Give the exponential of the negative mean log probability of the reply's tokens; 1 is certain."""
    negative: NDArray[np.float64] = -rows.frame["mean_logprob"].cast(pl.Float64).to_numpy()
    return np.exp(negative)


METRICS = (
    Metric("mean_logprob", mean_logprob, needs=("mean_logprob",), greater_is_better=None, range=(None, 0.0)),
    Metric("perplexity", perplexity, needs=("mean_logprob",), greater_is_better=None, range=(1.0, None)),
)
