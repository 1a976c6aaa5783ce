"""Columns that several tables share."""

import polars as pl

TIME = pl.Datetime("us", "UTC")

CELL = {"evaluation": pl.String(), "model": pl.String(), "prompt": pl.String()}

TOKEN_PARTS = {
    "cached_tokens": pl.Int64(),  # of the prompt's, read from a cache
    "cache_write_tokens": pl.Int64(),  # of the prompt's, written to a cache
    "reasoning_tokens": pl.Int64(),  # of the completion's, thoughts
    "audio_prompt_tokens": pl.Int64(),
    "image_prompt_tokens": pl.Int64(),
    "audio_completion_tokens": pl.Int64(),
}

SPENT = {
    "latency_seconds": pl.Float64(),
    "prompt_tokens": pl.Int64(),
    "completion_tokens": pl.Int64(),
    **TOKEN_PARTS,
    "tokens_estimated": pl.Boolean(),  # the provider told no counts: these are guessed from lengths
    "cost_usd": pl.Float64(),
    "requested_at": TIME,
}

EXAMPLE_CLUSTERS: dict[str, pl.DataType] = {
    "example_id": pl.String(),
    "cluster": pl.Int64(),  # examples with the same number depend on each other
}

CANDIDATE = pl.concat_str("model", pl.lit("@"), "prompt")
"""The candidate `model@prompt` of a row that has its two partition columns."""
