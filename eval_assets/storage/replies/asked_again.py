"""Replies that people asked for anew: what became of each, and making one that is kept the reply to its request.

A new reply waits beside the lane of its model until somebody keeps or discards it, so that a look changes no score.
Asking is in `stages.asking_again`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from eval_assets.errors import StorageError
from eval_assets.requests.keys import aside_of
from eval_assets.storage.replies.retention import delete_replies
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.asking_tables import ASKED_AGAIN
from eval_assets.tables.run_tables import RESPONSES

TABLE = "asked_again"
WAITING, FAILED, KEPT, DISCARDED = "waiting", "failed", "kept", "discarded"


def all_asked(warehouse: Warehouse, evaluation: str) -> pl.DataFrame:
    """Every reply that was asked for anew in an evaluation, as it stands now, in the order of asking."""
    rows = warehouse.small_partition(TABLE, {"evaluation": evaluation}).sort("said_at", maintain_order=True)
    return rows.unique("asking_id", keep="last", maintain_order=True).sort("requested_at", maintain_order=True)


def kept_replies(warehouse: Warehouse) -> pl.DataFrame:
    """`request_key` and `requested_at` of the last reply to each request that was kept, in whatever evaluation."""
    rows = warehouse.scan(TABLE).filter(pl.col("state") == KEPT).select("request_key", "requested_at").collect()
    return rows.group_by("request_key").agg(pl.col("requested_at").max())


def note(warehouse: Warehouse, row: Mapping[str, Any], state: str) -> dict[str, Any]:
    """Add what became of a reply; returns the row as it stands now."""
    said = {**row, "state": state, "said_at": datetime.now(UTC)}
    place = {"evaluation": said["evaluation"], "run_id": said["run_id"]}
    warehouse.append(TABLE, pl.DataFrame([said], schema=ASKED_AGAIN), place)
    return said


def use_reply(warehouse: Warehouse, lane: str, response_id: str) -> None:
    """Move a reply from beside a lane into it, where it is the newest to its request; those before it stay.

    Raises:
        StorageError: It is gone.
    """
    named = pl.col("response_id") == response_id
    if warehouse.scan("responses", {"lane": lane}).filter(named).limit(1).collect().is_empty():
        waiting = warehouse.scan("responses", {"lane": aside_of(lane)}).filter(named).collect()
        if waiting.is_empty():
            raise StorageError(f"the reply {response_id!r:.80} was removed meanwhile; ask again")
        moved = waiting.with_columns(lane=pl.lit(lane)).select(*RESPONSES)
        warehouse.append("responses", moved, {"lane": lane, "run_id": waiting["run_id"][0]})
    delete_replies(warehouse, aside_of(lane), pl.Series([response_id]))
