"""Rows without a whole answer: which the next run asks again, which stay as they are, which a retry covers."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from eval_assets.providers.dispatch.jobs import UNSENDABLE
from eval_assets.stages.spending import FINAL
from eval_assets.storage.snapshots import partition_name
from eval_assets.storage.warehouse import Warehouse
from eval_assets.wording.numbers import count_text

ASKED = {"predictions": "prediction", "judge_scores": "verdict", "pairwise_preferences": "comparison"}
"""Tables whose rows are replies, and what a row is called."""

STAYING_KINDS = ("template", UNSENDABLE, "not_recorded", "invalid_record")
"""Errors that stay as long as the files do: what changes them makes the cell stale."""


@dataclass(frozen=True, slots=True)
class UnansweredRows:
    """Counts the rows of each partition once; make a new one after a run.

    Args:
        warehouse: The tables.
    """

    warehouse: Warehouse
    _counts: dict[tuple[str, str], pl.DataFrame] = field(default_factory=dict)

    def failed(self, table: str, partition: Mapping[str, str]) -> Iterator[str]:
        """Rows that failed and are asked again by the next run."""
        found = self._rows(table, partition).filter((pl.col("outcome") == "error") & ~pl.col("stays"))
        if found.height:
            yield f"earlier failure of {_text(table, found, 'kind')}"

    def staying(self, table: str, partition: Mapping[str, str]) -> Iterator[str]:
        """Rows without a whole answer that aren't asked again."""
        is_final = pl.col("outcome").is_in(FINAL)
        found = self._rows(table, partition).filter(is_final | pl.col("stays"))
        if found.height:
            outcomes = ",".join(found.filter(is_final)["outcome"].unique().sort())
            remedy = f"; `eval-assets run --retry {outcomes}` asks again" if outcomes else ""
            yield f"without a whole answer: {_text(table, found, 'kind')}{remedy}"

    def retried(self, table: str, partition: Mapping[str, str], outcomes: Collection[str]) -> Iterator[str]:
        """Rows whose replies have one of these outcomes."""
        found = self._rows(table, partition).filter(pl.col("outcome").is_in(list(outcomes)))
        if found.height:
            yield f"asked again: {_text(table, found, 'outcome')}"

    def _rows(self, table: str, partition: Mapping[str, str]) -> pl.DataFrame:
        """How many rows have each `outcome` and `kind`, and whether such an error stays; empty for other tables."""
        place = (table, partition_name(partition))
        if place not in self._counts:
            self._counts[place] = self._counted(table, partition)
        return self._counts[place]

    def _counted(self, table: str, partition: Mapping[str, str]) -> pl.DataFrame:
        if table not in ASKED:
            return pl.DataFrame(schema={"outcome": pl.String, "kind": pl.String, "stays": pl.Boolean, "len": pl.UInt32})
        rows = self.warehouse.scan(table, partition)
        is_error = pl.col("outcome") == "error"
        if table == "predictions":
            kind, stays = pl.col("error_kind").fill_null(pl.col("outcome")), pl.col("error_kind").is_in(STAYING_KINDS)
        else:
            kind = pl.col("judge")
            stays = pl.any_horizontal(pl.col("reason").str.starts_with(f"{name}: ") for name in STAYING_KINDS)
        if table == "judge_scores":  # of a jury's vote its jurors' verdicts tell
            rows = rows.filter(pl.col("method").ne_missing("vote"))
        return rows.group_by("outcome", kind=kind, stays=(is_error & stays).fill_null(False)).len().collect()


def _text(table: str, found: pl.DataFrame, column: str) -> str:
    """How many rows, and how many of each kind.

    >>> _text("predictions", pl.DataFrame({"kind": ["timeout", "empty"], "len": [2, 1]}), "kind")
    '3 predictions (empty: 1, timeout: 2)'
    """
    counts = found.group_by(column).agg(pl.col("len").sum()).sort(column)
    total = int(counts["len"].sum())
    said = ", ".join(f"{name}: {count}" for name, count in counts.iter_rows())
    return f"{count_text(total, ASKED[table])} ({said})"
