"""Columns that several tables share."""

import polars as pl

TIME = pl.Datetime("us", "UTC")

CELL = {"evaluation": pl.String(), "model": pl.String(), "prompt": pl.String()}

SPENT = {
    "latency_seconds": pl.Float64(),
    "prompt_tokens": pl.Int64(),
    "completion_tokens": pl.Int64(),
    "cost_usd": pl.Float64(),
    "requested_at": TIME,
}

EXAMPLE_CLUSTERS: dict[str, pl.DataType] = {
    "example_id": pl.String(),
    "cluster": pl.Int64(),  # examples with the same number depend on each other
}

CANDIDATE = pl.concat_str("model", pl.lit("@"), "prompt")
"""The candidate `model@prompt` of a row that has its two partition columns."""
