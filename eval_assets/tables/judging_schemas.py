"""Columns of the tables that tell how far judges can be trusted, and of comparisons side by side. See `schemas`."""

import polars as pl

LABELS: dict[str, pl.DataType] = {
    "dataset": pl.String(),
    "position": pl.Int64(),
    "example_id": pl.String(),
    "judge": pl.String(),  # null: the label is compared with every judge
    "model": pl.String(),  # null: the label holds for every model
    "prompt": pl.String(),  # null: the label holds for every prompt
    "output": pl.String(),  # the output that was labelled; null: the label holds for whatever the model says
    "rater": pl.String(),
    "label": pl.String(),  # as written
    "score": pl.Float64(),  # null where the label is a name
    "run_id": pl.String(),
}

JUDGE_AGREEMENT: dict[str, pl.DataType] = {
    "evaluation": pl.String(),
    "judge": pl.String(),
    "version": pl.String(),
    "judge_version": pl.Int64(),  # version in the `judges` table
    "judge_sha256": pl.String(),  # data version of the judge that gave the verdicts; null: several gave them
    "judge_model": pl.String(),
    "statistic": pl.String(),  # raw_agreement, cohen_kappa, …, corrected_mean
    "model": pl.String(),  # the candidate, where the statistic is about one
    "prompt": pl.String(),
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

JUDGE_DISAGREEMENTS: dict[str, pl.DataType] = {
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

PAIRWISE_PREFERENCES: dict[str, pl.DataType] = {
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
    "cost_usd": pl.Float64(),
    "run_id": pl.String(),
}

PAIRWISE_RESULTS: dict[str, pl.DataType] = {
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
