"""Columns of the tables that reports are made from: aggregates, comparisons, gates and their history. See `schemas`."""

import polars as pl

from eval_assets.tables.columns import CELL, TIME

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
    "tied_group": pl.String(),  # two candidates share a letter unless their verdict is better or worse
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
    "labels": pl.String(),  # JSON: for each label of any candidate the shares of both, their difference, the intervals
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
