"""Length and time of a reply: tokens, words or characters, seconds."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from eval_assets.metrics.definition import Metric, Parameter, Score
from eval_assets.metrics.rows import Rows
from eval_assets.metrics.text.token_counts import TokenCounts


def token_count(rows: Rows, _: Mapping[str, Any]) -> Sequence[float | Score]:
    """Count tokens of the vocabulary cl100k_base; text that looks like a special token counts as text."""
    counts = _counts()
    scores = list[float | Score]()
    for text, words in zip(rows.outputs, rows.words, strict=True):
        try:
            scores.append(float(counts.total(text, words)))
        except ValueError as error:
            scores.append(Score(None, outcome="error", reason=str(error)))
    return scores


def response_length(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float]:
    """Count words between white space, or characters (Unicode code points) with `unit: characters`."""
    if parameters["unit"] == "characters":
        return [float(len(text)) for text in rows.outputs]
    return [float(len(words)) for words in rows.words]


def latency(rows: Rows, _: Mapping[str, Any]) -> Sequence[float]:
    """Give the seconds the model took, as the prediction has them."""
    return [float(seconds) for seconds in rows.column("latency_seconds")]


@cache
def _counts() -> TokenCounts:
    return TokenCounts()


TOKEN_COUNT = Metric(
    "token_count",
    token_count,
    needs=("output",),
    version="",
    greater_is_better=None,
    range=(0.0, None),
    libraries=("bpe-openai",),
    modules=("bpe_openai",),
)
RESPONSE_LENGTH = Metric(
    "response_length",
    response_length,
    needs=("output",),
    greater_is_better=None,
    range=(0.0, None),
    parameters={"unit": Parameter("words", (str,), ("words", "characters"))},
)
LATENCY = Metric(
    "latency",
    latency,
    needs=("latency_seconds",),
    version="",
    greater_is_better=False,
    range=(0.0, None),
)
