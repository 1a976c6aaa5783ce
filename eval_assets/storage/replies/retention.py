"""How much the response store holds, and which replies nobody needs any more. Locks are taken by `responses`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from eval_assets.requests.keys import KEY_SCHEMA
from eval_assets.storage.committing import literal
from eval_assets.storage.replies.journal import journals_of, read_segment
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.cell_tables import CELL_TABLES
from eval_assets.tables.evaluation_tables import EVALUATION_TABLES

IDS_AT_ONCE = 5_000
"""delta-rs parses a condition on the stack, which overflows at some 50,000 terms."""

KEYS = ("request_key", "judgement_key", "key_in_order", "key_in_reverse", "request_keys")
"""Columns that hold the key of a request, or a list of them, whatever their table."""


@dataclass(frozen=True, slots=True)
class LaneStats:
    """What a lane holds; `n_waiting` replies of a running or killed run are still in its journals."""

    lane: str
    n_replies: int
    n_waiting: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    oldest: datetime | None
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many replies a lane lost, and what was paid for them."""

    lane: str
    n_replies: int
    cost_usd: float


def lane_stats(warehouse: Warehouse, state_dir: Path) -> list[LaneStats]:
    """Counts and sums per lane, by name."""
    totals = (
        warehouse.scan("responses")
        .group_by("lane")
        .agg(
            n_replies=pl.len(),
            prompt_tokens=pl.col("prompt_tokens").sum(),
            completion_tokens=pl.col("completion_tokens").sum(),
            cost_usd=pl.col("cost_usd").sum(),
            oldest=pl.col("requested_at").min(),
            newest=pl.col("requested_at").max(),
        )
        .collect()
    )
    held = {row["lane"]: row for row in totals.iter_rows(named=True)}
    journals = {path.name.rsplit(".", 2)[0] for path in state_dir.glob("*.journal")}
    nothing = {"n_replies": 0, "prompt_tokens": 0, "completion_tokens": 0, "cost_usd": 0.0}
    return [
        LaneStats(
            **{**nothing, "oldest": None, "newest": None, **held.get(lane, {}), "lane": lane},
            n_waiting=sum(len(read_segment(path).records) for path in journals_of(state_dir, lane)),
        )
        for lane in sorted(held.keys() | journals)
    ]


def condemned(
    warehouse: Warehouse, lane: str, *, older_than: timedelta | None, unreferenced: bool, other_schemas: bool
) -> pl.DataFrame:
    """`response_id` and `cost_usd` of the lane's replies for which any of the conditions holds; see
    `ResponseStore.prune`.
    """
    replies = warehouse.scan("responses", {"lane": lane})
    doomed = [replies.clear()]
    if older_than is not None:
        doomed.append(replies.filter(pl.col("requested_at") < datetime.now(UTC) - older_than))
    if other_schemas:
        doomed.append(replies.filter(pl.col("key_schema") != KEY_SCHEMA))
    if unreferenced:
        doomed.append(replies.join(_used_keys(warehouse), on="request_key", how="anti"))
    rows = pl.concat(rows.select("response_id", "cost_usd") for rows in doomed)
    return rows.unique("response_id", maintain_order=True).collect()


def delete_replies(warehouse: Warehouse, lane: str, response_ids: pl.Series) -> None:
    """Delete these replies of a lane by their ids, so that what another machine adds meanwhile stays."""
    for start in range(0, len(response_ids), IDS_AT_ONCE):
        ids = response_ids[start : start + IDS_AT_ONCE].to_list()
        listed = ", ".join(literal(response_id) for response_id in ids)
        condition = f"lane = {literal(lane)} AND response_id IN ({listed})"
        warehouse.delete("responses", condition, {"pruned": str(len(ids))})


def _used_keys(warehouse: Warehouse) -> pl.LazyFrame:
    """Keys of all requests behind the predictions, verdicts and comparisons that the tables hold now."""
    listed = pl.col("request_keys").str.json_decode(pl.List(pl.String)).explode()
    return (
        pl.concat(
            warehouse.scan(table).select(request_key=listed if column == "request_keys" else column)
            for table, columns in {**CELL_TABLES, **EVALUATION_TABLES}.items()
            for column in columns
            if column in KEYS
        )
        .drop_nulls()
        .unique()
    )
