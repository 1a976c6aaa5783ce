"""Assets of one cell: predictions, heuristic metrics, judge scores and the aggregate report. One partition per cell."""

from typing import Any

import dagster as dg
from pydantic import Field

from eval_assets.assets.failures import said_plainly
from eval_assets.assets.metadata import Materialized, result, rows_preview, table_metadata
from eval_assets.cells import aggregating, judging, predicting, scoring
from eval_assets.cells.graph import parse_cell
from eval_assets.cells.workbench import Spending, Workbench
from eval_assets.partitions import Partitions

GROUP = "evaluation"


class SpendingConfig(dg.Config):
    """What a run may do about requests; the evaluation file decides where nothing is chosen."""

    cache: str | None = Field(None, description="use: reuse stored replies. refresh: ask again. replay: send nothing.")
    max_cost_usd: float | None = Field(None, description="Stop before the request that could exceed this many dollars.")

    def spending(self) -> Spending:
        """The core's form of this choice."""
        return Spending(cache=self.cache, max_cost_usd=self.max_cost_usd)


def cell_assets(partitions: Partitions, automation: dg.AutomationCondition[Any]) -> list[dg.AssetsDefinition]:
    """`predictions`, `heuristic_metrics`, `judge_scores` and `aggregate_reports`."""

    @dg.asset(
        description="One reply per example and sample, with the rendered prompt, tokens, latency, cost and outcome.",
        partitions_def=partitions.by_cell,
        deps=partitions.deps_of("predictions"),
        group_name=GROUP,
        kinds={"deltalake", "openai"},
        owners=partitions.owners("evaluations"),
        metadata=table_metadata("predictions"),
        tags={"layer": "paid"},
        code_version=predicting.CODE_VERSION,
        automation_condition=automation,
        pool="model_requests",
    )
    def predictions(
        context: dg.AssetExecutionContext, config: SpendingConfig, workbench: dg.ResourceParam[Workbench]
    ) -> Materialized:
        cell = parse_cell(context.partition_key)
        with said_plainly():
            written = workbench.predict(cell, config.spending(), run_id=context.run.run_id)
        rows = workbench.warehouse.scan("predictions", cell.partition).sort("position").head(5).collect()
        return result(
            written, preview=rows_preview(rows, ["example_id", "inputs", "output", "outcome", "latency_seconds"])
        )

    @dg.asset(
        description="Scores of pure functions: overlap with the targets, readability, length, latency, retrieval.",
        partitions_def=partitions.by_cell,
        deps=partitions.deps_of("heuristic_metrics"),
        group_name=GROUP,
        kinds={"deltalake", "polars"},
        owners=partitions.owners("evaluations"),
        metadata=table_metadata("heuristic_metrics"),
        tags={"layer": "scores"},
        code_version=scoring.CODE_VERSION,
        automation_condition=automation,
    )
    def heuristic_metrics(context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]) -> Materialized:
        cell = parse_cell(context.partition_key)
        with said_plainly():
            written = workbench.score(cell, run_id=context.run.run_id)
        rows = workbench.warehouse.scan("heuristic_metrics", cell.partition).sort("position").head(5).collect()
        return result(
            written, preview=rows_preview(rows, ["example_id", "metric", "score", "outcome", "reason", "score_id"])
        )

    @dg.asset(
        description="Verdicts of the evaluation's judges, each with its justification, messages and raw reply.",
        partitions_def=partitions.by_cell,
        deps=partitions.deps_of("judge_scores"),
        group_name=GROUP,
        kinds={"deltalake", "openai"},
        owners=partitions.owners("evaluations"),
        metadata=table_metadata("judge_scores"),
        tags={"layer": "paid"},
        code_version=judging.CODE_VERSION,
        automation_condition=automation,
        pool="model_requests",
    )
    def judge_scores(
        context: dg.AssetExecutionContext, config: SpendingConfig, workbench: dg.ResourceParam[Workbench]
    ) -> Materialized:
        cell = parse_cell(context.partition_key)
        with said_plainly():
            written = workbench.judge(cell, config.spending(), run_id=context.run.run_id)
        rows = workbench.warehouse.scan("judge_scores", cell.partition).sort("position").head(5).collect()
        return result(written, preview=rows_preview(rows, ["example_id", "judge", "score", "justification", "outcome"]))

    @dg.asset(
        description="Per metric: counts of every outcome, mean, variance, p90, interval; overall and per slice.",
        partitions_def=partitions.by_cell,
        deps=partitions.deps_of("aggregate_reports"),
        group_name=GROUP,
        kinds={"deltalake", "polars"},
        owners=partitions.owners("evaluations"),
        metadata=table_metadata("aggregate_reports"),
        tags={"layer": "report"},
        code_version=aggregating.CODE_VERSION,
        automation_condition=automation,
    )
    def aggregate_reports(context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]) -> Materialized:
        cell = parse_cell(context.partition_key)
        with said_plainly():
            written = workbench.aggregate(cell, run_id=context.run.run_id)
        rows = workbench.warehouse.scan("aggregate_reports", cell.partition).collect()
        columns = ["metric", "n_scored", "n_total", "mean", "ci_low", "ci_high", "variance", "p90"]
        return result(written, preview=rows_preview(rows, columns))

    return [predictions, heuristic_metrics, judge_scores, aggregate_reports]
