"""A candidate's means over time, and what changed between two points.

Points are kept in an append-only table, because aggregate reports are replaced; who appends them is not decided here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.tables.columns import CANDIDATE
from eval_assets.tables.evaluation_tables import AGGREGATE_HISTORY

_MEASURED = ("n_total", "n_scored", "mean", "variance", "p90", "ci_low", "ci_high")
_KEPT = ("evaluation", "model", "prompt", "metric", "version", *_MEASURED)
_CAUSES = {
    "prompt_version": "prompt",
    "model_version": "model",
    "dataset_sha256": "dataset",
    "evaluation_version": "evaluation",
    "version": "metric",
    "judge_version": "judge",
}
_FIRST_WITHOUT = ("judge_version",)  # columns that points of former releases don't have


@dataclass(frozen=True, slots=True)
class CellVersions:
    """Which versions of its inputs a cell was computed from; null where one is not versioned; judge → its version."""

    prompt_version: int | None
    model_version: int | None
    evaluation_version: int | None
    dataset_sha256: str | None
    judge_versions: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """One input that differs from the point before: prompt, model, dataset, evaluation, metric or judge.

    Args:
        what: Which.
        before: Its version, of a dataset the hash of its examples.
        after: Likewise.
        n_rows: Of a dataset the scores before and after.
    """

    what: str
    before: str | None
    after: str | None
    n_rows: tuple[int, int] | None = None

    def __str__(self) -> str:
        """The change in a few words, hashes shortened."""
        if self.n_rows is not None and self.n_rows[0] != self.n_rows[1]:
            return f"dataset {self.n_rows[0]:,} to {self.n_rows[1]:,} rows"
        if self.what == "dataset":
            return f"dataset {(self.before or '?')[:8]} to {(self.after or '?')[:8]}"
        return f"{self.what} {self.before or '?'} to {self.after or '?'}"


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One recorded mean with what changed since the point before; the first point has no changes."""

    recorded_at: datetime
    mean: float | None
    ci_low: float | None
    ci_high: float | None
    n_total: int
    n_scored: int
    cost_usd: float | None
    run_id: str | None
    changes: tuple[Change, ...]


def history_rows(
    aggregates: pl.DataFrame,
    *,
    recorded_at: datetime,
    versions: Mapping[str, CellVersions],
    cost_usd: Mapping[str, float | None],
    run_id: str,
) -> pl.DataFrame:
    """Make the rows to append after an evaluation was computed.

    Args:
        aggregates: Rows of `AGGREGATE_REPORTS` of any cells; only overall rows are kept.
        recorded_at: When, UTC.
        versions: `model@prompt` → versions of the cell's inputs.
        cost_usd: `model@prompt` → cost of its replies and verdicts.
        run_id: The run that appends them.

    Returns:
        Rows of `AGGREGATE_HISTORY`.
    """
    rows = []
    for row in aggregates.filter(pl.col("slice_column").is_null()).iter_rows(named=True):
        candidate = Candidate.of_row(row)
        known = versions[candidate]
        rows.append(
            {
                **{column: row[column] for column in _KEPT},
                "recorded_at": recorded_at,
                "prompt_version": known.prompt_version,
                "model_version": known.model_version,
                "evaluation_version": known.evaluation_version,
                "judge_version": known.judge_versions.get(row["metric"]),
                "dataset_sha256": known.dataset_sha256,
                "cost_usd": cost_usd.get(candidate),
                "run_id": run_id,
            }
        )
    return pl.DataFrame(rows, schema=AGGREGATE_HISTORY)


def trend(history: pl.DataFrame, *, candidate: str, metric: str) -> tuple[TrendPoint, ...]:
    """Follow one candidate's mean over time.

    Args:
        history: Rows of `AGGREGATE_HISTORY` of one evaluation.
        candidate: `model@prompt`.
        metric: Metric or judge name.

    Returns:
        Points oldest first. A run that found neither another mean nor another input repeats the last point and is
        left out.
    """
    rows = history.filter((candidate == CANDIDATE) & (pl.col("metric") == metric)).sort("recorded_at")
    points: list[TrendPoint] = []
    before: dict[str, Any] = {}
    for row in rows.iter_rows(named=True):
        seen = {column: row[column] for column in (*_CAUSES, "n_total", "n_scored", "mean")}
        if seen == before:
            continue
        changes = tuple(
            Change(
                what,
                _text(before[column]),
                _text(row[column]),
                (before["n_total"], row["n_total"]) if what == "dataset" else None,
            )
            for column, what in _CAUSES.items()
            if before and before[column] != row[column] and not (column in _FIRST_WITHOUT and before[column] is None)
        )
        points.append(
            TrendPoint(
                **{name: row[name] for name in ("recorded_at", "mean", "ci_low", "ci_high", "n_total", "n_scored")},
                cost_usd=row["cost_usd"],
                run_id=row["run_id"],
                changes=changes,
            )
        )
        before = seen
    return tuple(points)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
