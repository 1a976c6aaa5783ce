"""Whether the model behind a name was replaced by its provider, told from what stored replies say of who answered."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from eval_assets.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class ModelChange:
    """Another model answers than did before.

    Args:
        former: As the provider called it, of the replies before.
        now: As it calls the one that answered last.
        changed_at: When that one answered first: replies that were asked for before are another model's.
    """

    former: str
    now: str
    changed_at: datetime


def last_change(warehouse: Warehouse, lane: str) -> ModelChange | None:
    """The last change in a lane; null if one model answered all along, as far as replies tell.

    Models that answer in turns, one request this and the next one that, count as one change: the first.

    Args:
        warehouse: Where replies are.
        lane: As `lane_of` names it.
    """
    answered = (
        warehouse.scan("responses", {"lane": lane})
        .filter(pl.col("answered_by").is_not_null())
        .group_by("answered_by")
        .agg(first=pl.col("requested_at").min(), last=pl.col("requested_at").max())
        .sort("last", "answered_by")
        .collect()
    )
    if answered.height < 2:  # noqa: PLR2004  one before, one after
        return None
    now = answered.row(-1, named=True)
    before = answered.filter(pl.col("first") < now["first"])
    if before.is_empty():
        return None
    return ModelChange(before.row(-1, named=True)["answered_by"], now["answered_by"], now["first"])
