"""Tables of what is computed for a cell: predictions, scores and their aggregates."""

import polars as pl

from eval_assets.tables.columns import ANSWERER, CELL, SPENT

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
    "messages": pl.String(),  # JSON list of {role, content, …}: the rendered prompt
    "prompt_version": pl.Int64(),
    "model_version": pl.Int64(),
    "output": pl.String(),  # what was answered: without thoughts; null where there is no text
    "reasoning": pl.String(),  # what the model thought before it answered
    "tool_calls": pl.String(),  # JSON list of the calls that the reply makes
    "trajectory": pl.String(),  # JSON list of the messages of a reply that is a whole conversation; output is its end
    "extra": pl.String(),  # JSON object: what code of the user returned beside its output
    "outcome": pl.String(),
    "error_kind": pl.String(),
    "error": pl.String(),
    "finish_reason": pl.String(),
    "output_fault": pl.String(),  # what keeps it from the form its prompt asks for; empty: nothing, null: none is asked
    **SPENT,
    **ANSWERER,
    "first_token_seconds": pl.Float64(),  # until the first piece of a streamed reply
    "mean_logprob": pl.Float64(),  # of the reply's tokens, natural, where the model file asks for `logprobs`
    "request_key": pl.String(),
    "response_id": pl.String(),
    "reused": pl.Boolean(),  # the reply was paid for by an earlier run or an identical request
    "run_id": pl.String(),
}

LATER_COLUMNS = ("tool_calls", "trajectory")
"""Of what a metric may read, what a dataset's own column of the name comes before."""

NOT_OF_THE_ANSWER = ("reasoning", "extra", *ANSWERER)

METRIC_COLUMNS = {name: kind for name, kind in PREDICTIONS.items() if name not in NOT_OF_THE_ANSWER}
"""What a metric may read of a prediction: the answer. A dataset's own columns of the other names stay visible; what
`extra` holds is read under the names in it."""

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
    **ANSWERER,
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
    "n_without_target": pl.Int64(),  # rows with nothing to compare with, which are in no other count
    "n_tool_call": pl.Int64(),
    "n_empty": pl.Int64(),
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
    "n_labelled": pl.Int64(),  # rows with a label
    "labels": pl.String(),  # JSON: for each label its rows, its share of the labelled examples and the interval of it
    "extra_aggregates": pl.String(),  # JSON: a metric's own aggregates, e.g. toxicity's ratio
    "run_id": pl.String(),
}

CELL_TABLES: dict[str, dict[str, pl.DataType]] = {
    "predictions": PREDICTIONS,
    "heuristic_metrics": HEURISTIC_METRICS,
    "judge_scores": JUDGE_SCORES,
    "aggregate_reports": AGGREGATE_REPORTS,
}
"""Partitioned by the cell."""
