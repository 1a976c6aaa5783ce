"""Columns of every Delta table, written out by hand: they are the public surface, together with the asset keys."""

import polars as pl

from eval_assets.storage.judging_schemas import (
    JUDGE_AGREEMENT,
    JUDGE_DISAGREEMENTS,
    LABELS,
    PAIRWISE_PREFERENCES,
    PAIRWISE_RESULTS,
)

TIME = pl.Datetime("us", "UTC")

CELL = {"evaluation": pl.String(), "model": pl.String(), "prompt": pl.String()}

SPENT = {
    "latency_seconds": pl.Float64(),
    "prompt_tokens": pl.Int64(),
    "completion_tokens": pl.Int64(),
    "cost_usd": pl.Float64(),
    "requested_at": TIME,
}


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
    "output": pl.String(),
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
    **SPENT,
    "judgement_key": pl.String(),
    "response_id": pl.String(),
    "request_keys": pl.String(),  # JSON list: of all requests behind it, a tree's questions and repairs too
    "reused": pl.Boolean(),
    "run_id": pl.String(),
}

AGGREGATE_REPORTS = {
    **CELL,
    "metric": pl.String(),
    "version": pl.String(),
    "kind": pl.String(),  # heuristic, judge
    "greater_is_better": pl.Boolean(),  # null: the metric describes, nothing is won or lost by it
    "lowest_possible": pl.Float64(),  # range of the metric, null where it has no end
    "highest_possible": pl.Float64(),
    "slice_column": pl.String(),  # null: all examples
    "slice_value": pl.String(),
    "n_total": pl.Int64(),
    "n_scored": pl.Int64(),
    "n_examples": pl.Int64(),  # examples with at least one score: what mean and interval are over
    "n_error": pl.Int64(),
    "n_refused": pl.Int64(),
    "n_truncated": pl.Int64(),
    "n_unparsed": pl.Int64(),
    "n_skipped": pl.Int64(),
    "mean": pl.Float64(),
    "variance": pl.Float64(),  # population, as MLflow
    "standard_error": pl.Float64(),
    "median": pl.Float64(),
    "p90": pl.Float64(),
    "min": pl.Float64(),
    "max": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "ci_method": pl.String(),
    "p90_ci_low": pl.Float64(),
    "p90_ci_high": pl.Float64(),
    "p90_ci_method": pl.String(),
    "confidence": pl.Float64(),
    "mean_if_missing_worst": pl.Float64(),
    "mean_if_missing_best": pl.Float64(),
    "extra_aggregates": pl.String(),  # JSON: a metric's own aggregates, e.g. toxicity's ratio
    "run_id": pl.String(),
}

COMPARISON = {
    **CELL,
    "metric": pl.String(),
    "version": pl.String(),
    "kind": pl.String(),
    "greater_is_better": pl.Boolean(),
    "n_total": pl.Int64(),
    "n_scored": pl.Int64(),
    "mean": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "rank": pl.Int64(),  # place in the leaderboard of this metric, 1 is best
    "tied_group": pl.String(),  # candidates that share a letter can't be told apart
    "compared_with": pl.String(),  # the other candidate, model@prompt; null where a candidate stands alone
    "is_baseline_comparison": pl.Boolean(),
    "n_pairs": pl.Int64(),
    "n_unpaired": pl.Int64(),  # examples left out because one of the two has no score
    "wins": pl.Int64(),
    "losses": pl.Int64(),
    "ties": pl.Int64(),
    "difference": pl.Float64(),  # mean(candidate) - mean(compared_with) over the pairs
    "difference_ci_low": pl.Float64(),
    "difference_ci_high": pl.Float64(),
    "difference_method": pl.String(),
    "p_value": pl.Float64(),
    "p_value_method": pl.String(),
    "p_value_adjusted": pl.Float64(),  # Holm, over the comparisons with the baseline or over all pairs
    "effect_size": pl.Float64(),
    "effect_size_name": pl.String(),
    "significance_level": pl.Float64(),  # of the next two: 1 - confidence over the comparisons corrected for
    "smallest_detectable_difference": pl.Float64(),  # null where no difference could be significant
    "examples_to_resolve": pl.Int64(),  # null where the difference is too small to ask for more examples
    "verdict": pl.String(),  # better, worse, no reliable difference, equivalent within the margin; higher, lower
    "sentence": pl.String(),
    "run_id": pl.String(),
}

GATE_RESULTS = {
    **CELL,
    "metric": pl.String(),
    "tier": pl.String(),
    "condition": pl.String(),  # e.g. "drop against baseline at most 0.05"
    "verdict": pl.String(),  # GO, NO-GO, INCONCLUSIVE
    "reason": pl.String(),
    "observed": pl.Float64(),
    "threshold": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "n_scored": pl.Int64(),  # examples the observed value is over
    "failed_share": pl.Float64(),  # of the score rows, the larger share where two candidates are compared
    "observed_if_failed_worst": pl.Float64(),  # observed, had every failed row scored as the gate likes it least
    "observed_if_failed_best": pl.Float64(),
    "run_id": pl.String(),
}

AGGREGATE_HISTORY = {
    "recorded_at": TIME,
    **CELL,
    "prompt_version": pl.Int64(),
    "model_version": pl.Int64(),
    "evaluation_version": pl.Int64(),
    "dataset_sha256": pl.String(),
    "metric": pl.String(),
    "version": pl.String(),
    "n_total": pl.Int64(),
    "n_scored": pl.Int64(),
    "mean": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "cost_usd": pl.Float64(),
    "run_id": pl.String(),
}

RESPONSES = {
    "lane": pl.String(),  # one account at one provider with one model: the partition
    "response_id": pl.String(),
    "request_key": pl.String(),
    "key_schema": pl.String(),
    "request": pl.String(),  # canonical JSON; sha256 of it is the request key
    "outcome": pl.String(),
    "output": pl.String(),
    "finish_reason": pl.String(),
    "error_kind": pl.String(),
    "error": pl.String(),
    "logprobs": pl.String(),
    **SPENT,
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
