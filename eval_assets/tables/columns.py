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

ANSWERER: dict[str, pl.DataType] = {
    "answered_by": pl.String(),  # the model as the provider reports it
    "system_fingerprint": pl.String(),  # as it reports the state of its servers
    "service_tier": pl.String(),  # as it reports the class of service
}

EXAMPLE_CLUSTERS: dict[str, pl.DataType] = {
    "example_id": pl.String(),
    "cluster": pl.Int64(),  # examples with the same number depend on each other
}

CANDIDATE = pl.concat_str("model", pl.lit("@"), "prompt")
"""The candidate `model@prompt` of a row that has its two partition columns."""
