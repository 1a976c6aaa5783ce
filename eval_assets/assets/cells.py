"""Assets of one cell: predictions, heuristic metrics, judge scores and the aggregate report. One partition per cell."""

import dagster as dg
import polars as pl

from eval_assets.assets.metadata import Materialized, result, rows_preview
from eval_assets.assets.plain_failures import said_plainly
from eval_assets.assets.stages import SpendingConfig, Stages
from eval_assets.reports.computed.labels import shares_in_words
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import parse_cell


def cell_assets(stages: Stages) -> list[dg.AssetsDefinition]:
    """`predictions`, `heuristic_metrics`, `judge_scores` and `aggregate_reports`."""

    @stages.stage(
        "predictions",
        "One reply per example and sample, with the rendered prompt, tokens, latency, cost and outcome.",
    )
    def predictions(
        context: dg.AssetExecutionContext, config: SpendingConfig, engine_room: dg.ResourceParam[EngineRoom]
    ) -> Materialized:
        cell = parse_cell(context.partition_key)
        with said_plainly(engine_room.warehouse):
            written = engine_room.predict(cell, config.spending(context.run), run_id=context.run.run_id)
        rows = engine_room.warehouse.scan("predictions", cell.partition).sort("position").head(5).collect()
        return result(
            written, preview=rows_preview(rows, ["example_id", "inputs", "output", "outcome", "latency_seconds"])
        )

    @stages.stage(
        "heuristic_metrics",
        "Scores of pure functions: overlap with the targets, readability, length, latency, retrieval.",
    )
    def heuristic_metrics(context: dg.AssetExecutionContext, engine_room: dg.ResourceParam[EngineRoom]) -> Materialized:
        cell = parse_cell(context.partition_key)
        with said_plainly(engine_room.warehouse):
            written = engine_room.score(cell, run_id=context.run.run_id)
        rows = engine_room.warehouse.scan("heuristic_metrics", cell.partition).sort("position").head(5).collect()
        return result(
            written,
            preview=rows_preview(rows, ["example_id", "metric", "score", "label", "outcome", "reason", "score_id"]),
        )

    @stages.stage(
        "judge_scores",
        "Verdicts of the evaluation's judges, each with its justification, messages and raw reply.",
    )
    def judge_scores(
        context: dg.AssetExecutionContext, config: SpendingConfig, engine_room: dg.ResourceParam[EngineRoom]
    ) -> Materialized:
        cell = parse_cell(context.partition_key)
        with said_plainly(engine_room.warehouse):
            written = engine_room.judge(cell, config.spending(context.run), run_id=context.run.run_id)
        rows = engine_room.warehouse.scan("judge_scores", cell.partition).sort("position").head(5).collect()
        return result(
            written,
            preview=rows_preview(rows, ["example_id", "judge", "score", "justification", "outcome", "score_id"]),
        )

    @stages.stage(
        "aggregate_reports",
        "Per metric: counts of every outcome, mean, variance, p90, interval; overall and per slice.",
    )
    def aggregate_reports(context: dg.AssetExecutionContext, engine_room: dg.ResourceParam[EngineRoom]) -> Materialized:
        cell = parse_cell(context.partition_key)
        with said_plainly(engine_room.warehouse):
            written = engine_room.aggregate(cell, run_id=context.run.run_id)
        rows = engine_room.warehouse.scan("aggregate_reports", cell.partition).collect()
        columns = ["metric", "n_scored", "n_total", "mean", "ci_low", "ci_high", "variance", "p90", "labels"]
        said = rows.with_columns(pl.col("labels").map_elements(shares_in_words, return_dtype=pl.String))
        return result(written, preview=rows_preview(said, columns))

    return [predictions, heuristic_metrics, judge_scores, aggregate_reports]
