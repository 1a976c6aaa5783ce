"""Columns of every Delta table, written out by hand: they are the public surface, together with the asset keys."""

import polars as pl

from eval_assets.tables.columns import CELL, SPENT, TIME
from eval_assets.tables.judging_schemas import (
    JUDGE_AGREEMENT,
    JUDGE_DISAGREEMENTS,
    LABELS,
    PAIRWISE_PREFERENCES,
    PAIRWISE_RESULTS,
)
from eval_assets.tables.report_schemas import AGGREGATE_HISTORY, AGGREGATE_REPORTS, COMPARISON, GATE_RESULTS


def _history_of(name: str) -> dict[str, pl.DataType]:
    """Every version of a named file, oldest first; `content` is its canonical JSON, `source` the text as written."""
    return {
        name: pl.String(),
        "version": pl.Int64(),
        "content_sha256": pl.String(),
        "content": pl.String(),
        "source": pl.String(),
        "description": pl.String(),
        "first_seen_at": TIME,
        "run_id": pl.String(),
    }


EVAL_DATASETS = {
    "dataset": pl.String(),
    "example_id": pl.String(),
    "position": pl.Int64(),
    "inputs": pl.String(),
    "targets": pl.String(),
    "context": pl.String(),
    "example": pl.String(),  # JSON of every column under our names
    "example_sha256": pl.String(),
    "run_id": pl.String(),
}

DOCUMENTS = {
    "dataset": pl.String(),
    "position": pl.Int64(),
    "doc_id": pl.String(),
    "text": pl.String(),
}

PREDICTIONS = {
    **CELL,
    "prediction_id": pl.String(),
    "example_id": pl.String(),
    "position": pl.Int64(),
    "sample_index": pl.Int64(),
    "inputs": pl.String(),
    "targets": pl.String(),
    "context": pl.String(),
    "example": pl.String(),
    "example_sha256": pl.String(),
    "messages": pl.String(),  # JSON list of {role, content}: the rendered prompt
    "prompt_version": pl.Int64(),
    "model_version": pl.Int64(),
    "output": pl.String(),  # what was answered: without thoughts; null where there is no text
    "reasoning": pl.String(),  # what the model thought before it answered
    "tool_calls": pl.String(),  # JSON list of the calls that the reply makes
    "outcome": pl.String(),
    "error_kind": pl.String(),
    "error": pl.String(),
    "finish_reason": pl.String(),
    **SPENT,
    "request_key": pl.String(),
    "response_id": pl.String(),
    "reused": pl.Boolean(),  # the reply was paid for by an earlier run or an identical request
    "run_id": pl.String(),
}

METRIC_COLUMNS = {name: kind for name, kind in PREDICTIONS.items() if name not in ("reasoning", "tool_calls")}
"""What a metric may read of a prediction: the answer. A dataset's own columns of the other names stay visible."""

HEURISTIC_METRICS = {
    **CELL,
    "score_id": pl.String(),
    "prediction_id": pl.String(),
    "example_id": pl.String(),
    "position": pl.Int64(),
    "sample_index": pl.Int64(),
    "metric": pl.String(),
    "version": pl.String(),
    "parameters_sha256": pl.String(),
    "signature": pl.String(),  # implementation and library version that computed the score
    "score": pl.Float64(),
    "label": pl.String(),
    "outcome": pl.String(),
    "reason": pl.String(),
    "run_id": pl.String(),
}

JUDGE_SCORES = {
    **CELL,
    "score_id": pl.String(),
    "prediction_id": pl.String(),
    "example_id": pl.String(),
    "position": pl.Int64(),
    "sample_index": pl.Int64(),
    "judge": pl.String(),
    "version": pl.String(),
    "judge_version": pl.Int64(),  # version in the `judges` table
    "judge_model": pl.String(),
    "draw": pl.Int64(),  # which of several verdicts on the same prediction
    "juror": pl.String(),  # the jury member that gave this verdict; null for the verdict of the judge itself
    "score": pl.Float64(),
    "label": pl.String(),
    "justification": pl.String(),
    "method": pl.String(),  # how the verdict was read: json_schema, json_object, text, expected_value, vote
    "outcome": pl.String(),
    "reason": pl.String(),
    "messages": pl.String(),
    "raw_reply": pl.String(),
    "reasoning": pl.String(),  # what the judge's model thought before it replied
    **SPENT,
    "judgement_key": pl.String(),
    "response_id": pl.String(),
    "request_keys": pl.String(),  # JSON list: of all requests behind it, a tree's questions and repairs too
    "reused": pl.Boolean(),
    "run_id": pl.String(),
}

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
    "finish_reason": pl.String(),
    "error_kind": pl.String(),
    "error": pl.String(),
    "logprobs": pl.String(),
    **SPENT,
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
    "cost_usd": pl.Float64(),
    "concurrency": pl.String(),  # JSON: list of {seconds, limit, why}
    "ended": pl.String(),  # complete, stopped, budget, failed
    "message": pl.String(),
}

SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "eval_datasets": EVAL_DATASETS,
    "documents": DOCUMENTS,
    "labels": LABELS,
    "prompts": _history_of("prompt"),
    "models": _history_of("model"),
    "judges": _history_of("judge"),
    "evaluations": _history_of("evaluation"),
    "predictions": PREDICTIONS,
    "heuristic_metrics": HEURISTIC_METRICS,
    "judge_scores": JUDGE_SCORES,
    "aggregate_reports": AGGREGATE_REPORTS,
    "aggregate_history": AGGREGATE_HISTORY,
    "pairwise_preferences": PAIRWISE_PREFERENCES,
    "pairwise_results": PAIRWISE_RESULTS,
    "judge_agreement": JUDGE_AGREEMENT,
    "judge_disagreements": JUDGE_DISAGREEMENTS,
    "comparison": COMPARISON,
    "gate_results": GATE_RESULTS,
    "responses": RESPONSES,
    "runs": RUNS,
}

PARTITIONED_BY: dict[str, tuple[str, ...]] = {
    "eval_datasets": ("dataset",),
    "documents": ("dataset",),
    "labels": ("dataset",),
    "prompts": ("prompt",),
    "models": ("model",),
    "judges": ("judge",),
    "evaluations": ("evaluation",),
    "predictions": ("evaluation", "model", "prompt"),
    "heuristic_metrics": ("evaluation", "model", "prompt"),
    "judge_scores": ("evaluation", "model", "prompt"),
    "aggregate_reports": ("evaluation", "model", "prompt"),
    "aggregate_history": ("evaluation",),
    "pairwise_preferences": ("evaluation",),
    "pairwise_results": ("evaluation",),
    "judge_agreement": ("evaluation",),
    "judge_disagreements": ("evaluation",),
    "comparison": ("evaluation",),
    "gate_results": ("evaluation",),
    "responses": ("lane",),
    "runs": (),
}
