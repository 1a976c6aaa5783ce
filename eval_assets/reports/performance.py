"""What a candidate cost and how fast it was: dollars, tokens, latency, and how its requests ended.

How well it answered is in `aggregates`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

MEASURED = (
    "model", "prompt", "outcome", "reused", "cost_usd", "latency_seconds", "prompt_tokens", "completion_tokens",
)  # fmt: skip
"""Columns of `predictions` that cost and speed are read from, and whose they are."""


CAME = pl.col("latency_seconds").is_not_null() & (pl.col("outcome") != "error")
"""Predictions whose reply came, and of which it is known how long that took."""


@dataclass(frozen=True, slots=True)
class Performance:
    """Cost and speed of one candidate, or of a whole evaluation; null where nothing was measured.

    Args:
        n_predictions: Rows asked for.
        outcomes: Outcome → number of predictions that ended so.
        cost_usd: What the stored replies cost when they were paid for, reused ones included.
        spent_usd: The part of it that this run paid for: without reused replies.
        judge_cost_usd: What judging the replies cost, reused verdicts included.
        prompt_tokens: Sum over the predictions.
        completion_tokens: Likewise.
        latency_p50_seconds: Of one request, linear interpolation; of replies that came.
        latency_p90_seconds: Likewise.
        latency_p99_seconds: Likewise.
        first_token_p50_seconds: Until the first token of a streamed reply; null where none was streamed.
        first_token_p90_seconds: Likewise.
        tokens_per_second: Completion tokens per second of request time: the speed of one stream, whatever the
            concurrency.
        reused_share: Share of the predictions whose reply was paid for before.
    """

    n_predictions: int
    outcomes: Mapping[str, int]
    cost_usd: float | None
    spent_usd: float | None
    judge_cost_usd: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_p50_seconds: float | None
    latency_p90_seconds: float | None
    latency_p99_seconds: float | None
    first_token_p50_seconds: float | None
    first_token_p90_seconds: float | None
    tokens_per_second: float | None
    reused_share: float | None

    @property
    def n_answered(self) -> int:
        """Predictions with a complete reply."""
        return self.outcomes.get("ok", 0)

    @property
    def is_streamed(self) -> bool:
        """Whether it is known when the first token of a reply came."""
        return self.first_token_p50_seconds is not None

    @property
    def cost_usd_per_1000(self) -> float | None:
        """What 1,000 predictions like these cost; null where no price is known."""
        return None if self.cost_usd is None or not self.n_predictions else 1000 * self.cost_usd / self.n_predictions

    @property
    def failures(self) -> dict[str, int]:
        """Outcomes other than `ok`, the most frequent first."""
        failed = [(outcome, count) for outcome, count in self.outcomes.items() if outcome != "ok" and count]
        return dict(sorted(failed, key=lambda item: (-item[1], item[0])))


def performance(predictions: pl.DataFrame, judge_scores: pl.DataFrame) -> Performance:
    """Sum up cost and speed.

    Args:
        predictions: Rows of one candidate, or of many for a total.
        judge_scores: The judge scores of the same candidates; may be empty.
    """
    came = predictions.filter(CAME)
    latency = came["latency_seconds"]
    timed = came.filter(pl.col("completion_tokens").is_not_null() & (pl.col("latency_seconds") > 0))
    first_token = came["first_token_seconds"]
    seconds = float(timed["latency_seconds"].sum())
    return Performance(
        n_predictions=predictions.height,
        outcomes=dict(sorted(predictions["outcome"].value_counts().rows())),
        cost_usd=known_sum(predictions["cost_usd"]),
        spent_usd=known_sum(predictions.filter(~pl.col("reused").fill_null(False))["cost_usd"]),
        judge_cost_usd=known_sum(judge_scores["cost_usd"]),
        prompt_tokens=known_count(predictions["prompt_tokens"]),
        completion_tokens=known_count(predictions["completion_tokens"]),
        latency_p50_seconds=_quantile(latency, 0.5),
        latency_p90_seconds=_quantile(latency, 0.9),
        latency_p99_seconds=_quantile(latency, 0.99),
        first_token_p50_seconds=_quantile(first_token, 0.5),
        first_token_p90_seconds=_quantile(first_token, 0.9),
        tokens_per_second=float(timed["completion_tokens"].sum()) / seconds if seconds else None,
        reused_share=float(predictions["reused"].fill_null(False).sum()) / predictions.height
        if predictions.height
        else None,
    )


def known_count(values: Iterable[int | None]) -> int | None:
    """Sum what is known of whole numbers; null if nothing is.

    >>> known_count([2, None]), known_count([None])
    (2, None)
    """
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _quantile(values: pl.Series, quantile: float) -> float | None:
    found = values.quantile(quantile, interpolation="linear")
    return None if found is None else float(found)


def known_sum(values: pl.Series) -> float | None:
    """Sum what is known; null if nothing is.

    >>> known_sum(pl.Series([0.5, None])), known_sum(pl.Series([None], dtype=pl.Float64))
    (0.5, None)
    """
    known = values.drop_nulls()
    return float(known.sum()) if known.len() else None
