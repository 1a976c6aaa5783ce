"""Tables of what was sent: the stored replies, and an account of each run."""

import polars as pl

from eval_assets.tables.columns import ANSWERER, CELL, SPENT, TIME, TOKEN_PARTS

RESPONSES = {
    "lane": pl.String(),  # one account at one provider with one model: the partition
    "response_id": pl.String(),
    "request_key": pl.String(),
    "key_schema": pl.String(),
    "request": pl.String(),  # canonical JSON; sha256 of it is the request key
    "outcome": pl.String(),
    "output": pl.String(),  # as it came, thoughts between tags included
    "reasoning": pl.String(),  # thoughts that came in a field of their own
    "tool_calls": pl.String(),  # JSON list
    "trajectory": pl.String(),  # JSON list of messages, where the reply is a whole conversation
    "extra": pl.String(),  # JSON object: what code of the user returned beside its output
    "finish_reason": pl.String(),
    "error_kind": pl.String(),
    "error": pl.String(),
    "logprobs": pl.String(),
    **SPENT,
    **ANSWERER,
    "first_token_seconds": pl.Float64(),  # until the first piece of a streamed reply
    "usage": pl.String(),  # JSON: what the provider says was used, as it said it
    "reply_sha256": pl.String(),
    "run_id": pl.String(),
}

RUNS = {
    **CELL,  # model and prompt are null for a stage of a whole evaluation
    "run_id": pl.String(),
    "stage": pl.String(),  # predictions, judge_scores, pairwise_preferences
    "started_at": TIME,
    "finished_at": TIME,
    "n_rows": pl.Int64(),
    "n_reused": pl.Int64(),
    "n_sent": pl.Int64(),
    "n_failed": pl.Int64(),
    "n_retries": pl.Int64(),
    "n_corrupt": pl.Int64(),
    "failures": pl.String(),  # JSON: error kind → count
    "prompt_tokens": pl.Int64(),
    "completion_tokens": pl.Int64(),
    **TOKEN_PARTS,
    "n_estimated": pl.Int64(),  # replies whose tokens are guessed
    "cost_usd": pl.Float64(),  # paid by this run
    "saved_usd": pl.Float64(),  # what the replies cost that it reused
    "concurrency": pl.String(),  # JSON: list of {seconds, limit, why}
    "ended": pl.String(),  # complete, stopped, budget, failed
    "message": pl.String(),
}
