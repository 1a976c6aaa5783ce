"""The stage that computes a cell's heuristic metrics. What a metric computes is in `metrics`."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.config.engine_name import RAY
from eval_assets.errors import MetricError
from eval_assets.metrics.definition import ResolvedMetric
from eval_assets.metrics.registry import metric_fingerprint
from eval_assets.metrics.scoring.prediction_scores import ScoringReport, score_predictions
from eval_assets.metrics.scoring.ray_shards import RayShards, share_of
from eval_assets.metrics.scoring.shard_executor import Shards
from eval_assets.metrics.scoring.workers import Workers
from eval_assets.stages.cell_inputs import versioned_rows
from eval_assets.stages.content_hash import RowsHash
from eval_assets.stages.graph import Cell, parse_cell
from eval_assets.stages.stage import Computation
from eval_assets.storage.batches import batches_by_position, staged
from eval_assets.storage.versions import StoredVersion, current_version
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import Written, provenance

CODE_VERSION = "2"
CONTENT_COLUMNS = ("score_id", "score", "label", "outcome", "reason")
ROWS_WORTH_A_PROCESS = 20_000


def compute_heuristic_metrics(run: Computation) -> Written:
    """Compute the heuristic metrics of a cell."""
    evaluation, stored = run.evaluation()
    metrics = run.room.versions.metrics(evaluation)
    _refuse_other_metrics(evaluation.name, metrics, stored.content["metric_fingerprints"])

    def shards_for(n_rows: int) -> Shards | None:
        if run.room.engine_of(evaluation) == RAY:
            return RayShards(run.room.cluster, share_of(metrics))
        return own_processes(metrics, n_rows)

    return write_scores(
        parse_cell(run.key),
        metrics,
        shards_for=shards_for,
        warehouse=run.room.warehouse,
        scratch=run.room.scratch,
        run_id=run.run_id,
        stored=stored,
    )


def _refuse_other_metrics(evaluation: str, metrics: Sequence[ResolvedMetric], read: Mapping[str, str]) -> None:
    """Refuse code that isn't the one recorded with the evaluation: scores are recorded as made by that.

    Args:
        evaluation: Its name.
        metrics: Its metrics, as their code lies here.
        read: Label → fingerprint of each, from when the evaluation was read.

    Raises:
        MetricError: The file was read before the code was edited, or on a machine with other code.
    """
    others = [metric.label for metric in metrics if read.get(metric.label) != metric_fingerprint(metric)]
    if others:
        raise MetricError(
            f"evaluation {evaluation}: expected the code of {', '.join(others)} as it was when that was read, "
            f"got another on {socket.gethostname()}; bring this machine's files up to date, or read the evaluation "
            "again, as `eval-assets run` and `refresh` do"
        )


def write_scores(
    cell: Cell,
    metrics: Sequence[ResolvedMetric],
    *,
    shards_for: Callable[[int], Shards | None],
    warehouse: Warehouse,
    scratch: Path,
    run_id: str,
    stored: StoredVersion | None = None,
) -> Written:
    """Score a cell's predictions, keeping every score whose inputs are unchanged, and replace its scores in one commit.

    Args:
        cell: The cell, whose predictions lie in the warehouse.
        metrics: The metrics of its evaluation.
        shards_for: Given the number of predictions, where they are scored; null for this process.
        warehouse: Where predictions and scores lie.
        scratch: Local folder for frames on their way.
        run_id: The run that writes.
        stored: The version of the evaluation that the metrics are of; null: the current one.
    """
    evaluation = stored or current_version(warehouse, "evaluations", cell.evaluation)
    version, predictions = versioned_rows(warehouse, "predictions", cell.partition)
    n_rows = predictions.select(pl.len()).collect().item()
    inputs = {
        f"predictions/{cell.key}": version,
        f"evaluations/{cell.evaluation}": evaluation.content_sha256,
    }
    rows_hash = RowsHash(CONTENT_COLUMNS)
    scoring = score_predictions(
        batches_by_position(predictions),
        metrics,
        previous=warehouse.scan("heuristic_metrics", cell.partition),
        cell=cell.partition,
        run_id=run_id,
        shards=shards_for(n_rows),
    )

    def frames() -> Iterator[pl.DataFrame]:
        for frame in scoring:
            rows_hash.add(frame)
            yield frame

    with staged(frames(), scratch) as read_frames:
        data_version = rows_hash.hexdigest()
        commit = warehouse.replace(
            "heuristic_metrics",
            read_frames,
            cell.partition,
            provenance(run_id=run_id, data_version=data_version, code_version=CODE_VERSION, inputs=inputs),
        )
    return Written(data_version, commit, n_rows * len(metrics), _facts(scoring.report))


def own_processes(metrics: Sequence[ResolvedMetric], n_rows: int) -> Shards | None:
    """Processes that pay off: starting one costs as much as scoring some ten thousand rows.

    Functions that Python code handed over can be called by this process alone.
    """
    n = min(os.cpu_count() or 1, n_rows // ROWS_WORTH_A_PROCESS)
    is_given = any(metric.function and metric.function.function for metric in metrics)
    return None if n <= 1 or is_given else Workers(n)


def _facts(report: ScoringReport) -> dict[str, Any]:
    return {
        "n_predictions": report.n_rows,
        "n_rescored": report.n_rescored,
        "n_scores_reused": report.n_reused,
        "outcomes": {metric: dict(counts) for metric, counts in report.outcomes.items()},
    }
