"""The table of replies that people asked for anew, one row of an evaluation at a time."""

import polars as pl

from eval_assets.tables.cell_tables import PREDICTIONS
from eval_assets.tables.columns import TIME

ASKED_AGAIN = {
    **PREDICTIONS,  # as the row would be with the new reply
    "asking_id": pl.String(),
    "lane": pl.String(),  # of the candidate's replies: the new one joins them when it is kept
    "former_response_id": pl.String(),  # null where the former request failed
    "former_output": pl.String(),
    "former_outcome": pl.String(),
    "state": pl.String(),  # waiting, failed, kept, discarded
    "said_at": TIME,
}
"""Rows are only ever added: of two rows with one `asking_id` the later one counts."""
