"""Tables of what is computed for an evaluation: preferences, trust in judges, comparison, gates, history."""

import polars as pl

from eval_assets.tables.columns import CELL, TIME

AGGREGATE_HISTORY = {
    "recorded_at": TIME,
    **CELL,
    "prompt_version": pl.Int64(),
    "model_version": pl.Int64(),
    "evaluation_version": pl.Int64(),
    "dataset_sha256": pl.String(),
    "metric": pl.String(),
    "version": pl.String(),
    "judge_version": pl.Int64(),  # version in the `judges` table; null for a metric
    "n_total": pl.Int64(),
    "n_scored": pl.Int64(),
    "mean": pl.Float64(),
    "variance": pl.Float64(),  # population, as MLflow
    "p90": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "cost_usd": pl.Float64(),
    "run_id": pl.String(),
}

PAIRWISE_PREFERENCES = {
    "evaluation": pl.String(),
    "judge": pl.String(),
    "version": pl.String(),
    "judge_model": pl.String(),
    "example_id": pl.String(),
    "sample_index": pl.Int64(),
    "candidate_a": pl.String(),  # model@prompt
    "candidate_b": pl.String(),
    "preferred": pl.String(),  # a, b or tie; null unless outcome is ok
    "preference": pl.Float64(),  # how far a is preferred, from 0 (b is better) to 1; a tie is 0.5
    "preferred_in_order": pl.String(),  # what was preferred with a shown first; null where only one order is recorded
    "preferred_in_reverse": pl.String(),  # what was preferred with b shown first, under the same names
    "is_flipped": pl.Boolean(),  # the two orders disagree; null where only one is recorded
    "justification_in_order": pl.String(),
    "justification_in_reverse": pl.String(),
    "outcome": pl.String(),
    "reason": pl.String(),
    "key_in_order": pl.String(),
    "key_in_reverse": pl.String(),
    "request_keys": pl.String(),  # JSON list: of all requests behind it, repairs too
    "requested_at": TIME,  # UTC, of the first of them; null where nothing was asked, and in rows of earlier releases
    "cost_usd": pl.Float64(),
    "run_id": pl.String(),
}

PAIRWISE_RESULTS = {
    "evaluation": pl.String(),
    "judge": pl.String(),
    "model": pl.String(),
    "prompt": pl.String(),
    "compared_with": pl.String(),  # model@prompt; null: the candidate's place among all
    "n_total": pl.Int64(),  # pairs
    "n_judged": pl.Int64(),  # pairs with a verdict in both orders
    "wins": pl.Int64(),
    "losses": pl.Int64(),
    "ties": pl.Int64(),  # both orders tied, or they disagreed
    "win_rate": pl.Float64(),  # a tie counts half
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "ci_method": pl.String(),
    "confidence": pl.Float64(),
    "flips": pl.Int64(),  # pairs whose orders disagree
    "flip_rate": pl.Float64(),
    "strength": pl.Float64(),  # Bradley-Terry, log-odds against an average candidate of those it both beat and lost to
    "strength_ci_low": pl.Float64(),
    "strength_ci_high": pl.Float64(),
    "rank": pl.Int64(),  # 1 is best; null where the comparisons don't order it with all others, or it had none
    "run_id": pl.String(),
}

JUDGE_AGREEMENT = {
    "evaluation": pl.String(),
    "judge": pl.String(),
    "version": pl.String(),
    "judge_version": pl.Int64(),  # version in the `judges` table
    "judge_sha256": pl.String(),  # data version of the judge that gave the verdicts; null: several gave them
    "judge_model": pl.String(),
    "statistic": pl.String(),  # raw_agreement, cohen_kappa, …, corrected_mean; judges_… of two, slice_… of a part
    "model": pl.String(),  # the candidate, where the statistic is about one
    "prompt": pl.String(),
    "slice_column": pl.String(),  # null: all outputs
    "slice_value": pl.String(),
    "other_judge": pl.String(),  # the second of two judges that are compared; null: with people, or with nobody
    "value": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "confidence": pl.Float64(),
    "n": pl.Int64(),  # what the value is over: outputs, pairs or examples
    "method": pl.String(),  # how it was computed, or why there is no value
    "raters": pl.String(),  # JSON list of the people whose labels it is over; null where none are needed
    "detail": pl.String(),  # JSON: what else belongs to the value, such as the counts of a confusion matrix
    "run_id": pl.String(),
}

JUDGE_DISAGREEMENTS = {
    "evaluation": pl.String(),
    "judge": pl.String(),
    "rank": pl.Int64(),  # 1 is the worst
    "score_id": pl.String(),  # of the judge's verdict
    "model": pl.String(),
    "prompt": pl.String(),
    "prediction_id": pl.String(),
    "example_id": pl.String(),
    "human_score": pl.Float64(),  # mean over raters
    "human_label": pl.String(),  # each rater's label as written
    "raters": pl.String(),
    "judge_score": pl.Float64(),
    "difference": pl.Float64(),  # judge_score - human_score
    "output": pl.String(),
    "justification": pl.String(),
    "run_id": pl.String(),
}

COMPARISON = {
    **CELL,
    "metric": pl.String(),
    "version": pl.String(),
    "kind": pl.String(),
    "role": pl.String(),  # primary, named, or described: a default of the task, which is not tested
    "greater_is_better": pl.Boolean(),
    "n_total": pl.Int64(),
    "n_scored": pl.Int64(),
    "mean": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "rank": pl.Int64(),  # place in the leaderboard of this metric, 1 is best
    "tied_group": pl.String(),  # two candidates share a letter unless their verdict is better or worse; null: described
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
    "p_value": pl.Float64(),  # null where the metric is described
    "p_value_method": pl.String(),
    "p_value_adjusted": pl.Float64(),  # over candidates for the primary metric, over all that is named for the others
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

EVALUATION_TABLES: dict[str, dict[str, pl.DataType]] = {
    "aggregate_history": AGGREGATE_HISTORY,
    "pairwise_preferences": PAIRWISE_PREFERENCES,
    "pairwise_results": PAIRWISE_RESULTS,
    "judge_agreement": JUDGE_AGREEMENT,
    "judge_disagreements": JUDGE_DISAGREEMENTS,
    "comparison": COMPARISON,
    "gate_results": GATE_RESULTS,
}
"""Partitioned by the evaluation."""
