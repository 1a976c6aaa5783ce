"""What a column of the grid is: a candidate as it is now, as it once was, or of another evaluation; and its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.storage.former_rows import rows_in_version
from eval_assets.storage.snapshots import Commit
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import SCHEMAS

CELL_TABLES_READ = ("predictions", "heuristic_metrics", "judge_scores")


@dataclass(frozen=True, slots=True)
class ColumnRows:
    """Where the rows of a column lie.

    Args:
        name: How the column is called.
        cell: Evaluation, model and prompt.
        versions: Table → data version of the rows of a former state; null: the rows that lie there now.
        is_own: Whether it is a candidate of the evaluation that is looked at, as it is now.
        said: Of any other column, whose state it is, in words.
        scoring: Metric or judge → what decided its scores; empty where nobody asked.
        means: Metric or judge → mean and interval of its scores, of a column that isn't the evaluation's own.
        held_by: Table → the commit that holds a former state's rows.
    """

    name: str
    cell: Mapping[str, str]
    versions: Mapping[str, str] | None = None
    is_own: bool = True
    said: str = ""
    scoring: Mapping[str, str] = field(default_factory=dict)
    means: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    held_by: Mapping[str, Commit] = field(default_factory=dict)

    @classmethod
    def present(cls, evaluation: str, candidate: str) -> Self:
        """A candidate of an evaluation as it is now."""
        return cls(candidate, {"evaluation": evaluation, **Candidate(candidate).columns})

    def scan(self, warehouse: Warehouse, table: str) -> pl.LazyFrame:
        """Its rows of a table, with a `model` and a `prompt` that together are the column's name.

        Raises:
            RowsGoneError: Maintenance has removed them.
        """
        if self.versions is None:
            rows = warehouse.scan(table, self.cell)
        elif table in self.versions:
            rows = rows_in_version(warehouse, table, self.cell, self.versions[table])
        else:
            rows = pl.LazyFrame(schema=SCHEMAS[table])
        if self.is_own:
            return rows
        return rows.with_columns(pl.lit(value).alias(name) for name, value in Candidate(self.name).columns.items())

    def stamp(self, warehouse: Warehouse) -> tuple[Any, ...]:
        """Equal as long as its rows are what they are; null first where it has none."""
        if self.versions is not None:
            return tuple(self.versions.get(table) for table in CELL_TABLES_READ)
        commits = [warehouse.last_commit(table, self.cell) for table in CELL_TABLES_READ]
        return tuple(None if commit is None else commit.version for commit in commits)
