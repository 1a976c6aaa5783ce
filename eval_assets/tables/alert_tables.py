"""The table of what alerts were told, and of what they know."""

import polars as pl

from eval_assets.tables.columns import TIME

ALERTS = {
    "alert": pl.String(),  # name of its file: the partition
    "change_id": pl.String(),
    "kind": pl.String(),  # verdict, model, no_data; began: its first look
    "evaluation": pl.String(),  # null: of no single one
    "subject": pl.String(),  # a condition, a candidate, a model, run; null: the evaluation as a whole
    "before": pl.String(),  # null: it was not there before
    "now": pl.String(),
    "noticed_at": TIME,
    "detail": pl.String(),  # JSON: what is told of it
    "status": pl.String(),  # known: nothing to tell; waiting, told, given_up
    "message_id": pl.String(),  # the message it is told in; null: none was made yet
    "n_tries": pl.Int64(),
    "try_at": TIME,  # when it is tried again; while one tick sends, until when others leave it alone
    "told_at": TIME,
    "fault": pl.String(),  # why the last attempt failed
}
"""Partitioned by the alert. The last row of a kind, evaluation and subject says what is known of it."""
