"""The tables as other tools read them, written by hand: what changes here changes the public surface."""

import polars as pl
import pytest

from eval_assets.tables.schemas import PARTITIONED_BY, SCHEMAS

TYPES = {
    "text": pl.String(),
    "whole": pl.Int64(),
    "number": pl.Float64(),
    "yes/no": pl.Boolean(),
    "time": pl.Datetime("us", "UTC"),
}
PREDICTIONS = (
    "evaluation text, model text, prompt text, prediction_id text, example_id text, position whole, "
    "sample_index whole, inputs text, targets text, context text, example text, example_sha256 text, "
    "messages text, prompt_version whole, model_version whole, output text, reasoning text, "
    "tool_calls text, trajectory text, extra text, outcome text, error_kind text, error text, "
    "finish_reason text, output_fault text, latency_seconds number, prompt_tokens whole, "
    "completion_tokens whole, "
    "cached_tokens whole, cache_write_tokens whole, reasoning_tokens whole, audio_prompt_tokens whole, "
    "image_prompt_tokens whole, "
    "audio_completion_tokens whole, tokens_estimated yes/no, cost_usd number, "
    "requested_at time, answered_by text, system_fingerprint text, service_tier text, "
    "first_token_seconds number, mean_logprob number, "
    "request_key text, response_id text, reused yes/no, run_id text"
)
TABLES = {  # table → what it is partitioned by, and its columns in order, each with its type
    "eval_datasets": (
        ("dataset",),
        (
            "dataset text, example_id text, position whole, inputs text, targets text, context text, "
            "example text, example_sha256 text, run_id text"
        ),
    ),
    "documents": (
        ("dataset",),
        ("dataset text, position whole, doc_id text, text text"),
    ),
    "labels": (
        ("dataset",),
        (
            "dataset text, position whole, example_id text, judge text, model text, prompt text, output text, "
            "rater text, label text, score number, run_id text"
        ),
    ),
    "handed_rows": (
        ("dataset",),
        ("dataset text, position whole, row text, run_id text"),
    ),
    "prompts": (
        ("prompt",),
        (
            "prompt text, version whole, content_sha256 text, content text, source text, description text, "
            "first_seen_at time, run_id text"
        ),
    ),
    "models": (
        ("model",),
        (
            "model text, version whole, content_sha256 text, content text, source text, description text, "
            "first_seen_at time, run_id text"
        ),
    ),
    "judges": (
        ("judge",),
        (
            "judge text, version whole, content_sha256 text, content text, source text, description text, "
            "first_seen_at time, run_id text"
        ),
    ),
    "evaluations": (
        ("evaluation",),
        (
            "evaluation text, version whole, content_sha256 text, content text, source text, description text, "
            "first_seen_at time, run_id text"
        ),
    ),
    "predictions": (
        ("evaluation", "model", "prompt"),
        PREDICTIONS,
    ),
    "heuristic_metrics": (
        ("evaluation", "model", "prompt"),
        (
            "evaluation text, model text, prompt text, score_id text, prediction_id text, example_id text, "
            "position whole, sample_index whole, metric text, version text, parameters_sha256 text, "
            "signature text, score number, label text, outcome text, reason text, run_id text"
        ),
    ),
    "judge_scores": (
        ("evaluation", "model", "prompt"),
        (
            "evaluation text, model text, prompt text, score_id text, prediction_id text, example_id text, "
            "position whole, sample_index whole, judge text, version text, judge_version whole, judge_model text, "
            "draw whole, juror text, score number, label text, justification text, method text, outcome text, "
            "reason text, messages text, raw_reply text, reasoning text, latency_seconds number, "
            "prompt_tokens whole, completion_tokens whole, "
            "cached_tokens whole, cache_write_tokens whole, reasoning_tokens whole, audio_prompt_tokens whole, "
            "image_prompt_tokens whole, "
            "audio_completion_tokens whole, tokens_estimated yes/no, cost_usd number, requested_at time, "
            "answered_by text, system_fingerprint text, service_tier text, "
            "judgement_key text, response_id text, request_keys text, reused yes/no, run_id text"
        ),
    ),
    "aggregate_reports": (
        ("evaluation", "model", "prompt"),
        (
            "evaluation text, model text, prompt text, metric text, version text, kind text, "
            "greater_is_better yes/no, lowest_possible number, highest_possible number, slice_column text, "
            "slice_value text, n_total whole, n_scored whole, n_examples whole, n_without_target whole, "
            "n_tool_call whole, n_empty whole, n_error whole, n_refused whole, n_truncated whole, n_unparsed whole, "
            "n_skipped whole, mean number, variance number, standard_error number, median number, p90 number, "
            "min number, max number, "
            "ci_low number, ci_high number, ci_method text, p90_ci_low number, p90_ci_high number, "
            "p90_ci_method text, confidence number, mean_if_missing_worst number, mean_if_missing_best number, "
            "n_labelled whole, labels text, extra_aggregates text, run_id text"
        ),
    ),
    "aggregate_history": (
        ("evaluation",),
        (
            "recorded_at time, evaluation text, model text, prompt text, prompt_version whole, "
            "model_version whole, evaluation_version whole, dataset_sha256 text, metric text, version text, "
            "judge_version whole, n_total whole, n_scored whole, mean number, variance number, p90 number, "
            "ci_low number, ci_high number, cost_usd number, run_id text"
        ),
    ),
    "pairwise_preferences": (
        ("evaluation",),
        (
            "evaluation text, judge text, version text, judge_model text, example_id text, sample_index whole, "
            "candidate_a text, candidate_b text, preferred text, preference number, preferred_in_order text, "
            "preferred_in_reverse text, is_flipped yes/no, justification_in_order text, "
            "justification_in_reverse text, outcome text, reason text, key_in_order text, key_in_reverse text, "
            "request_keys text, requested_at time, cost_usd number, run_id text"
        ),
    ),
    "pairwise_results": (
        ("evaluation",),
        (
            "evaluation text, judge text, model text, prompt text, compared_with text, n_total whole, "
            "n_judged whole, wins whole, losses whole, ties whole, win_rate number, ci_low number, "
            "ci_high number, ci_method text, confidence number, flips whole, flip_rate number, strength number, "
            "strength_ci_low number, strength_ci_high number, rank whole, run_id text"
        ),
    ),
    "judge_agreement": (
        ("evaluation",),
        (
            "evaluation text, judge text, version text, judge_version whole, judge_sha256 text, judge_model text, "
            "statistic text, model text, prompt text, slice_column text, slice_value text, other_judge text, "
            "value number, ci_low number, ci_high number, "
            "confidence number, n whole, method text, raters text, detail text, run_id text"
        ),
    ),
    "judge_disagreements": (
        ("evaluation",),
        (
            "evaluation text, judge text, rank whole, score_id text, model text, prompt text, prediction_id text, "
            "example_id text, human_score number, human_label text, raters text, judge_score number, "
            "difference number, output text, justification text, run_id text"
        ),
    ),
    "comparison": (
        ("evaluation",),
        (
            "evaluation text, model text, prompt text, metric text, version text, kind text, role text, "
            "greater_is_better yes/no, n_total whole, n_scored whole, mean number, ci_low number, ci_high number, "
            "rank whole, tied_group text, compared_with text, is_baseline_comparison yes/no, n_pairs whole, "
            "n_unpaired whole, wins whole, losses whole, ties whole, difference number, difference_ci_low number, "
            "difference_ci_high number, difference_method text, p_value number, p_value_method text, "
            "p_value_adjusted number, effect_size number, effect_size_name text, significance_level number, "
            "smallest_detectable_difference number, examples_to_resolve whole, verdict text, sentence text, "
            "labels text, run_id text"
        ),
    ),
    "gate_results": (
        ("evaluation",),
        (
            "evaluation text, model text, prompt text, metric text, tier text, condition text, verdict text, "
            "reason text, observed number, threshold number, ci_low number, ci_high number, n_scored whole, "
            "failed_share number, observed_if_failed_worst number, observed_if_failed_best number, run_id text"
        ),
    ),
    "changes": (
        ("evaluation",),
        (
            "evaluation text, model text, prompt text, since text, state text, state_at time, former_state text, "
            "former_at time, former_run_id text, causes text, n_same whole, n_edited whole, n_added whole, "
            "n_removed whole, examples text, n_other_outputs whole, versions text, former_versions text, run_id text"
        ),
    ),
    "change_effects": (
        ("evaluation",),
        (
            "evaluation text, model text, prompt text, since text, metric text, version text, kind text, "
            "greater_is_better yes/no, part text, scoring text, mean_before number, mean_now number, n_pairs "
            "whole, n_unpaired whole, n_better whole, n_worse whole, n_equal whole, difference number, "
            "difference_ci_low number, difference_ci_high number, difference_method text, p_value number, "
            "p_value_adjusted number, verdict text, sentence text, run_id text"
        ),
    ),
    "paired_scores": (
        ("evaluation",),
        (
            "evaluation text, model text, prompt text, since text, example_id text, position whole, row text, "
            "is_answered_otherwise yes/no, metric text, version text, kind text, before number, between number, "
            "now number, scoring text, run_id text"
        ),
    ),
    "releases": (
        ("evaluation",),
        (
            "evaluation text, model text, prompt text, release text, state text, released_at time, released_by "
            "text, note text, verdict text, versions text"
        ),
    ),
    "responses": (
        ("lane",),
        (
            "lane text, response_id text, request_key text, key_schema text, request text, outcome text, "
            "output text, reasoning text, tool_calls text, trajectory text, extra text, finish_reason text, "
            "error_kind text, "
            "error text, logprobs text, latency_seconds number, prompt_tokens whole, completion_tokens whole, "
            "cached_tokens whole, cache_write_tokens whole, reasoning_tokens whole, audio_prompt_tokens whole, "
            "image_prompt_tokens whole, "
            "audio_completion_tokens whole, tokens_estimated yes/no, "
            "cost_usd number, requested_at time, "
            "answered_by text, system_fingerprint text, service_tier text, first_token_seconds number, "
            "usage text, reply_sha256 text, run_id text"
        ),
    ),
    "given_labels": (
        ("dataset",),
        (
            "dataset text, label_id text, given_at time, rater text, evaluation text, example_id text, "
            "sample_index whole, model text, prompt text, output text, output_sha256 text, other_model text, "
            "other_prompt text, other_output text, other_output_sha256 text, judge text, label text, score number, "
            "note text, is_chosen yes/no"
        ),
    ),
    "asked_again": (
        ("evaluation",),
        (
            f"{PREDICTIONS}, asking_id text, lane text, former_response_id text, former_output text, "
            "former_outcome text, state text, said_at time"
        ),
    ),
    "runs": (
        (),
        (
            "evaluation text, model text, prompt text, run_id text, stage text, started_at time, "
            "finished_at time, n_rows whole, n_reused whole, n_sent whole, n_failed whole, n_retries whole, "
            "n_corrupt whole, failures text, prompt_tokens whole, completion_tokens whole, "
            "cached_tokens whole, cache_write_tokens whole, reasoning_tokens whole, audio_prompt_tokens whole, "
            "image_prompt_tokens whole, "
            "audio_completion_tokens whole, n_estimated whole, cost_usd number, saved_usd number, "
            "concurrency text, ended text, message text"
        ),
    ),
    "alerts": (
        ("alert",),
        (
            "alert text, change_id text, kind text, evaluation text, subject text, before text, now text, "
            "noticed_at time, detail text, status text, message_id text, n_tries whole, try_at time, told_at time, "
            "fault text"
        ),
    ),
}


def test_there_are_these_tables_and_no_others() -> None:
    assert SCHEMAS.keys() == TABLES.keys() == PARTITIONED_BY.keys()


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_these_columns_of_these_types_in_this_order(table: str) -> None:
    partitions, columns = TABLES[table]
    written = [column.split(" ") for column in columns.split(", ")]
    assert list(SCHEMAS[table].items()) == [(name, TYPES[kind]) for name, kind in written]
    assert PARTITIONED_BY[table] == partitions
