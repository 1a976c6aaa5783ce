"""Tables of what changed: each candidate beside a former state of itself, and the states that were released."""

import polars as pl

from eval_assets.tables.columns import CELL, TIME

CHANGES = {
    **CELL,
    "since": pl.String(),  # previous, released: which former state it is held against
    "state": pl.String(),  # data version of the candidate's aggregate report now
    "state_at": TIME,  # when the present state was computed
    "former_state": pl.String(),  # null: there is no former state
    "former_at": TIME,  # when the former state was computed
    "former_run_id": pl.String(),
    "causes": pl.String(),  # JSON list: what, name, before, after, sentence, diff (changed lines), reaches
    "n_same": pl.Int64(),  # examples that both states have, word for word; null where the former rows are gone
    "n_edited": pl.Int64(),  # examples of both states whose content differs
    "n_added": pl.Int64(),  # examples of the present state alone
    "n_removed": pl.Int64(),  # examples of the former state alone
    "examples": pl.String(),  # JSON: edited, added, removed → ids, the first of many
    "n_other_outputs": pl.Int64(),  # of the examples that both have, those answered in other words
    "versions": pl.String(),  # JSON: table → data version of the present state's rows
    "former_versions": pl.String(),  # JSON: table → data version of the former state's rows
    "run_id": pl.String(),
}

CHANGE_EFFECTS = {
    **CELL,
    "since": pl.String(),
    "metric": pl.String(),
    "version": pl.String(),
    "kind": pl.String(),
    "greater_is_better": pl.Boolean(),
    "part": pl.String(),  # all; answers and scoring where both changed and can be told apart
    "scoring": pl.String(),  # same, or how the two causes are told apart, or that they can't be
    "mean_before": pl.Float64(),  # over all of the former state's examples; of part all only
    "mean_now": pl.Float64(),
    "n_pairs": pl.Int64(),  # examples that both states have word for word and scored: what all below is over
    "n_unpaired": pl.Int64(),
    "n_better": pl.Int64(),
    "n_worse": pl.Int64(),
    "n_equal": pl.Int64(),
    "difference": pl.Float64(),  # now - before
    "difference_ci_low": pl.Float64(),
    "difference_ci_high": pl.Float64(),
    "difference_method": pl.String(),
    "p_value": pl.Float64(),
    "p_value_adjusted": pl.Float64(),  # Holm, over the metrics of the candidate
    "verdict": pl.String(),
    "sentence": pl.String(),
    "run_id": pl.String(),
}

PAIRED_SCORES = {
    **CELL,
    "since": pl.String(),
    "example_id": pl.String(),
    "position": pl.Int64(),
    "row": pl.String(),  # same, edited, added, removed
    "is_answered_otherwise": pl.Boolean(),  # null unless the row is the same in both states
    "metric": pl.String(),
    "version": pl.String(),
    "kind": pl.String(),
    "before": pl.Float64(),  # mean over the samples; null where none was scored
    "between": pl.Float64(),  # one of the two causes alone; null unless scoring says which
    "now": pl.Float64(),
    "scoring": pl.String(),
    "run_id": pl.String(),
}

RELEASES = {
    **CELL,
    "release": pl.String(),  # a name for the state
    "state": pl.String(),  # data version of the candidate's aggregate report
    "released_at": TIME,
    "released_by": pl.String(),
    "note": pl.String(),
    "verdict": pl.String(),  # what the gates said of the evaluation then
    "versions": pl.String(),  # JSON: table → data version of the state's rows, which maintenance keeps
}

CHANGE_TABLES: dict[str, dict[str, pl.DataType]] = {
    "changes": CHANGES,
    "change_effects": CHANGE_EFFECTS,
    "paired_scores": PAIRED_SCORES,
    "releases": RELEASES,
}
"""Partitioned by the evaluation."""
