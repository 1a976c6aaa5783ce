"""How much the response store holds, and which replies nobody needs any more. Locks are taken by `responses`."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from eval_assets.providers.keys import KEY_SCHEMA
from eval_assets.storage.journal import read_segment
from eval_assets.storage.lane_writer import journals_of
from eval_assets.storage.stored_replies import REUSABLE
from eval_assets.storage.warehouse import Warehouse

ROWS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class LaneStats:
    """What a lane holds; `n_waiting` replies of a running or killed run are still in its journals."""

    lane: str
    n_replies: int
    n_reusable: int
    n_waiting: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    oldest: datetime | None
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many replies a lane lost."""

    lane: str
    n_replies: int


def lane_stats(warehouse: Warehouse, state_dir: Path) -> list[LaneStats]:
    """Counts and sums per lane, by name."""
    totals = (
        warehouse.scan("responses")
        .group_by("lane")
        .agg(
            n_replies=pl.len(),
            n_reusable=pl.col("outcome").is_in(REUSABLE).sum(),
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
    nothing = {"n_replies": 0, "n_reusable": 0, "prompt_tokens": 0, "completion_tokens": 0, "cost_usd": 0.0}
    return [
        LaneStats(
            **{**nothing, "oldest": None, "newest": None, **held.get(lane, {}), "lane": lane},
            n_waiting=sum(len(read_segment(path).records) for path in journals_of(state_dir, lane)),
        )
        for lane in sorted(held.keys() | journals)
    ]


def condemned(
    warehouse: Warehouse, lane: str, *, older_than: timedelta | None, unreferenced: bool, other_schemas: bool
) -> set[str]:
    """Ids of the replies of a lane for which any of the conditions holds; see `ResponseStore.prune`."""
    replies = warehouse.scan("responses", {"lane": lane})
    doomed: set[str] = set()
    if older_than is not None:
        doomed |= _ids(replies.filter(pl.col("requested_at") < datetime.now(UTC) - older_than))
    if other_schemas:
        doomed |= _ids(replies.filter(pl.col("key_schema") != KEY_SCHEMA))
    if unreferenced:
        for table, key in (("predictions", "request_key"), ("judge_scores", "judgement_key")):
            used = warehouse.scan(table)
            replies = replies.join(used.select(key), left_on="request_key", right_on=key, how="anti")
            replies = replies.join(used.select("response_id"), on="response_id", how="anti")
        doomed |= _ids(replies)
    return doomed


def delete_replies(warehouse: Warehouse, lane: str, response_ids: Collection[str]) -> None:
    """Rewrite a lane without these replies, in one commit."""
    kept = warehouse.scan("responses", {"lane": lane}).filter(~pl.col("response_id").is_in(list(response_ids)))

    def frames() -> Iterator[pl.DataFrame]:
        yield from kept.collect_batches(chunk_size=ROWS_AT_ONCE)

    warehouse.replace("responses", frames, {"lane": lane}, {"pruned": str(len(response_ids))})


def _ids(replies: pl.LazyFrame) -> set[str]:
    return set(replies.select("response_id").collect()["response_id"])
