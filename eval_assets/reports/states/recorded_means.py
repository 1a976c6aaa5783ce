"""The aggregates of former and present states: of comparisons, which add theirs to the history, else of the report."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from eval_assets.config.candidate import cell_key
from eval_assets.reports.states.lineage import DESCRIBED, ComputedState, committed_at
from eval_assets.storage.snapshots import Commit
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import inputs_recorded

MEASURED = ("mean", "variance", "p90", "ci_low", "ci_high", "n_scored", "n_total")
"""Aggregates of a metric that are told of a state: MLflow's three, the interval of the mean, the rows they are over."""

MetricRow = Mapping[str, Any]
"""A `metric`, its `version`, and what is `MEASURED` of it."""


@dataclass(frozen=True, slots=True)
class RecordedPoint:
    """What a comparison added to the history of its evaluation: cell → a row per metric."""

    recorded_at: datetime
    rows: Mapping[str, Sequence[MetricRow]]


def recorded_means(warehouse: Warehouse, states: Iterable[ComputedState]) -> dict[tuple[str, str], Sequence[MetricRow]]:
    """Cell and state → a row per metric.

    Rows of aggregate reports are replaced, and later removed; what a comparison found stays in the history. A state
    that no comparison has seen yet has rows as long as it is the current one.
    """
    points = _points(warehouse)
    found: dict[tuple[str, str], Sequence[MetricRow]] = {}
    for commit in warehouse.history("comparison"):
        point = _point_of(points, commit)
        if point is None:
            continue
        for place, state in inputs_recorded(commit).items():
            table, _, cell = place.partition("/")
            if table == DESCRIBED and cell in point.rows:
                found[cell, state] = point.rows[cell]
    for each in states:
        if (each.key, each.state) not in found and each.is_current:
            overall = warehouse.scan(DESCRIBED, each.cell).filter(pl.col("slice_column").is_null())
            found[each.key, each.state] = overall.select("metric", "version", *MEASURED).collect().to_dicts()
    return found


def _points(warehouse: Warehouse) -> dict[tuple[str, str], list[RecordedPoint]]:
    """Evaluation and run → what it recorded, newest first."""
    history = warehouse.scan("aggregate_history").sort("recorded_at", descending=True, maintain_order=True).collect()
    found: defaultdict[tuple[str, str], list[RecordedPoint]] = defaultdict(list)
    for (evaluation, run_id, recorded_at), rows in history.group_by(
        "evaluation", "run_id", "recorded_at", maintain_order=True
    ):
        of_cells: defaultdict[str, list[MetricRow]] = defaultdict(list)
        for row in rows.iter_rows(named=True):
            of_cells[cell_key(row)].append(row)
        found[evaluation, run_id].append(RecordedPoint(recorded_at, of_cells))
    return found


def _point_of(points: Mapping[tuple[str, str], Sequence[RecordedPoint]], commit: Commit) -> RecordedPoint | None:
    """What the comparison of a commit added: the last that its run recorded before it; null if it found nothing new."""
    evaluation = commit.metadata.get("partition", "").removeprefix("evaluation=")
    recorded = points.get((evaluation, commit.metadata.get("run_id", "")), ())
    return next((point for point in recorded if point.recorded_at <= committed_at(commit)), None)
