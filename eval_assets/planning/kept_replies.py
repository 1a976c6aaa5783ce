"""Rows whose reply is another one by now: somebody asked for them again, and kept what came."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from eval_assets.storage.replies.asked_again import kept_replies
from eval_assets.storage.warehouse import Warehouse
from eval_assets.wording.numbers import count_text


@dataclass
class KeptReplies:
    """Reads what was kept once; make a new one after a run.

    Args:
        warehouse: The tables.
    """

    warehouse: Warehouse

    def causes(self, table: str, partition: Mapping[str, str]) -> Iterator[str]:
        """Why predictions are stale: their rows have replies that came before the ones that were kept."""
        if table != "predictions" or self._kept.is_empty():
            return
        rows = self.warehouse.scan(table, partition).select("request_key", "requested_at")
        former = rows.join(self._kept.lazy(), on="request_key", suffix="_kept").filter(
            pl.col("requested_at").is_null() | (pl.col("requested_at") < pl.col("requested_at_kept"))
        )
        if n_rows := former.select(pl.len()).collect().item():
            yield f"{count_text(n_rows, 'row')} asked again, and the new reply kept"

    @cached_property
    def _kept(self) -> pl.DataFrame:
        return kept_replies(self.warehouse)
