"""Rows that hold no result after a run: which, how many, why, and where one of them can be looked at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from eval_assets.stages.graph import Cell
from eval_assets.storage.warehouse import Warehouse

FAILED_OUTCOMES = ("error", "refused", "empty")
SHOWN_IDS = 3


@dataclass(frozen=True, slots=True)
class FailedRows:
    """Rows of one cell, or of a whole evaluation, that failed in one stage.

    Args:
        place: `evaluation:model@prompt`, or the evaluation.
        what: What the rows are: predictions, scores of a metric, verdicts of a judge, comparisons by a judge.
        n_total: Rows of this kind at this place.
        kinds: Kind of failure → rows, the most frequent first.
        reason: The message given most often; null if none was given.
        example_ids: The first examples concerned.
        trace_id: What `eval-assets trace` takes to show the first of the rows; null where it has no such id.
    """

    place: str
    what: str
    n_total: int
    kinds: Mapping[str, int]
    reason: str | None
    example_ids: tuple[str, ...]
    trace_id: str | None

    @property
    def n_failed(self) -> int:
        """Rows that failed."""
        return sum(self.kinds.values())

    @property
    def share(self) -> float:
        """Share of the rows that failed."""
        return self.n_failed / self.n_total


def failed_rows(warehouse: Warehouse, cells: Sequence[Cell]) -> list[FailedRows]:
    """Look for failed rows in the tables of cells and of their evaluations.

    A score counts where the prediction was answered and the metric failed; what follows from a failed prediction is
    not counted again.
    """
    found: list[FailedRows] = []
    for cell in cells:
        found += _of_cell(warehouse, cell)
    for evaluation in dict.fromkeys(cell.evaluation for cell in cells):
        rows = warehouse.scan("pairwise_preferences", {"evaluation": evaluation}).select(
            "judge", "example_id", "outcome", kind=pl.col("outcome"), reason=pl.col("reason"), trace_id=pl.lit(None)
        )
        found += _by_name(evaluation, "comparisons by {}", "judge", rows)
    return found


def _of_cell(warehouse: Warehouse, cell: Cell) -> Iterator[FailedRows]:
    predictions = warehouse.scan("predictions", cell.partition)
    kind = pl.col("error_kind").fill_null(pl.col("outcome"))
    asked = predictions.sort("position").select(
        "example_id", "outcome", what=pl.lit("model"), kind=kind, reason=pl.col("error"), trace_id="prediction_id"
    )
    yield from _by_name(cell.key, "predictions", "what", asked)
    answered = predictions.filter(pl.col("outcome") == "ok").select("prediction_id")
    scored = (
        warehouse.scan("heuristic_metrics", cell.partition)
        .sort("position")
        .join(answered, on="prediction_id", how="semi", maintain_order="left")
        .select("metric", "example_id", "outcome", "reason", kind=pl.col("outcome"), trace_id="score_id")
    )
    yield from _by_name(cell.key, "scores of {}", "metric", scored)
    judged = (
        warehouse.scan("judge_scores", cell.partition)
        .filter(pl.col("juror").is_null())
        .sort("position")
        .select("judge", "example_id", "outcome", "reason", kind=pl.col("outcome"), trace_id="score_id")
    )
    yield from _by_name(cell.key, "verdicts of {}", "judge", judged)


def _by_name(place: str, what: str, column: str, rows: pl.LazyFrame) -> Iterator[FailedRows]:
    failed = pl.col("outcome").is_in(FAILED_OUTCOMES)
    frame = rows.filter(failed).select(column, "example_id", "kind", "reason", "trace_id").collect()
    if frame.is_empty():
        return
    totals = dict(rows.group_by(column).len().collect().iter_rows())
    for (name,), part in frame.group_by(column, maintain_order=True):
        kinds = part["kind"].value_counts(sort=True).rows()
        reasons = part["reason"].drop_nulls().value_counts(sort=True)
        yield FailedRows(
            place=place,
            what=what.format(name),
            n_total=totals[name],
            kinds=dict(kinds),
            reason=None if reasons.is_empty() else reasons.row(0)[0],
            example_ids=tuple(part["example_id"].unique(maintain_order=True).head(SHOWN_IDS)),
            trace_id=part["trace_id"][0],
        )
