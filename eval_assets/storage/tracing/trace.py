"""From a score, prediction or example id back to everything that made it, as one JSON object.

How the object is printed is in `trace_text`.
"""

from typing import Any

import polars as pl

from eval_assets.errors import TraceError
from eval_assets.storage.snapshots import Commit
from eval_assets.storage.tracing.trace_ids import Named, datasets_of_evaluations, find_named
from eval_assets.storage.tracing.trace_links import (
    Part,
    example_part,
    judge_part,
    model_part,
    prediction_part,
    prompt_part,
    row_with,
    score_part,
)
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.columns import CELL

PARTS = ("score", "judge", "prediction", "prompt", "model", "example", "scores", "predictions")
SCORE_TABLES = {"heuristic_metrics": "metric", "judge_scores": "judge"}


def trace(warehouse: Warehouse, identifier: str) -> dict[str, Any]:
    """Follow an id to the rows it came from. Only reads; a small warehouse takes well under a second.

    Args:
        warehouse: The Delta tables.
        identifier: A score, prediction or example id, or a beginning that only one of them has.

    Returns:
        `id` and `kind` (`score`, `prediction` or `example`) of what was found, and these keys, each null where it does
        not apply: `score`, `judge` (of a judge's score), `prediction`, `prompt` (with `template`), `model`, `example`,
        each with `delta` (`table`, `uri` and the `version` of the commit that wrote the row's partition) and `run_id`,
        the Dagster run that wrote the row; `scores`, all scores of a prediction; `predictions`, all predictions of an
        example in all evaluations, with their scores. An example with exactly one prediction is traced like that one.

    Raises:
        TraceError: The id names nothing, or more than one row.
    """
    named = find_named(warehouse, identifier)
    traced: dict[str, Any] = {"id": named.identifier, "kind": named.kind, **dict.fromkeys(PARTS)}
    match named.kind:
        case "score":
            score = _row(warehouse, named, "score_id")
            prediction = row_with(warehouse, "predictions", named.partition, "prediction_id", score["prediction_id"])
            traced["score"] = score_part(warehouse, named.table, score)
            traced["judge"] = judge_part(warehouse, score) if named.table == "judge_scores" else None
            # A cell whose predictions were renewed keeps its former scores until they are computed anew.
            return traced if prediction is None else {**traced, **parts_of(warehouse, prediction)}
        case "prediction":
            prediction = _row(warehouse, named, "prediction_id")
            scores = _scores_of(warehouse, [prediction])
            return {**traced, **parts_of(warehouse, prediction), "scores": scores[prediction["prediction_id"]]}
        case "example":
            return {**traced, **_of_example(warehouse, named)}


def _of_example(warehouse: Warehouse, named: Named) -> dict[str, Any]:
    """An example with its predictions; with a single one, also what that one is traced to."""
    dataset = named.partition["dataset"]
    evaluations = [name for name, its_dataset in datasets_of_evaluations(warehouse).items() if its_dataset == dataset]
    rows = (
        warehouse.scan("predictions")
        .filter(pl.col("evaluation").is_in(evaluations), pl.col("example_id") == named.identifier)
        .sort(*CELL, "sample_index")
        .collect()
        .to_dicts()
    )
    scores = _scores_of(warehouse, rows)
    shown = (*CELL, "prediction_id", "sample_index", "output", "tool_calls", "outcome", "run_id")
    predictions = [
        {**{column: row[column] for column in shown}, "scores": scores[row["prediction_id"]]} for row in rows
    ]
    if len(rows) == 1:
        only = rows[0]
        return {**parts_of(warehouse, only), "scores": scores[only["prediction_id"]], "predictions": predictions}
    stored = row_with(warehouse, "eval_datasets", {"dataset": dataset}, "example_id", named.identifier)
    return {"example": example_part(warehouse, stored or rows[0]), "predictions": predictions}


def parts_of(warehouse: Warehouse, prediction: Part, held_by: Commit | None = None) -> dict[str, Any]:
    """A prediction and everything it was made from.

    Args:
        warehouse: The Delta tables.
        prediction: A row of `predictions`.
        held_by: The commit that holds it; null: the newest of its partition.

    Returns:
        `prediction`, `prompt`, `model` and `example` as in `trace`.
    """
    return {
        "prediction": prediction_part(warehouse, prediction, held_by),
        "prompt": prompt_part(warehouse, prediction),
        "model": model_part(warehouse, prediction),
        "example": example_part(warehouse, prediction, held_by),
    }


def _scores_of(warehouse: Warehouse, predictions: list[Part]) -> dict[str, list[Part]]:
    """Prediction id → all its scores, heuristic ones first."""
    found: dict[str, list[Part]] = {row["prediction_id"]: [] for row in predictions}
    wanted = pl.col("prediction_id").is_in(list(found))
    cells = [pl.col(column).is_in({row[column] for row in predictions}) for column in CELL]
    for table, metric in SCORE_TABLES.items():
        columns = ("prediction_id", "score_id", pl.col(metric).alias("metric"), "version", "score", "outcome", "reason")
        for row in warehouse.scan(table).filter(*cells, wanted).select(*columns).collect().iter_rows(named=True):
            found[row.pop("prediction_id")].append(row)
    return found


def _row(warehouse: Warehouse, named: Named, column: str) -> Part:
    row = row_with(warehouse, named.table, named.partition, column, named.identifier)
    if row is None:
        raise TraceError(f"{named.kind} {named.identifier!r} was replaced while it was traced; ask again")
    return row
