"""Assets that tell how far an evaluation's judges can be trusted, and whose outputs they prefer side by side."""

from typing import Any

import dagster as dg

from eval_assets.assets.cells import GROUP, SpendingConfig
from eval_assets.assets.failures import said_plainly
from eval_assets.assets.metadata import Materialized, result, rows_preview, table_metadata
from eval_assets.cells import calibrating, preferring
from eval_assets.cells.workbench import Workbench
from eval_assets.partitions import Partitions


def judging_assets(partitions: Partitions, automation: dg.AutomationCondition[Any]) -> list[dg.AssetsDefinition]:
    """`pairwise_preferences` and `judge_agreement`, one partition per evaluation."""

    @dg.asset(
        description="Which of two candidates' outputs a judge prefers, in both orders; empty unless `pairwise` is set.",
        partitions_def=partitions.by_name["evaluations"],
        deps=partitions.deps_of("pairwise_preferences"),
        group_name=GROUP,
        kinds={"deltalake", "openai"},
        owners=partitions.owners("evaluations"),
        metadata=table_metadata("pairwise_preferences"),
        tags={"layer": "paid"},
        code_version=preferring.CODE_VERSION,
        automation_condition=automation,
        pool="model_requests",
    )
    def pairwise_preferences(
        context: dg.AssetExecutionContext, config: SpendingConfig, workbench: dg.ResourceParam[Workbench]
    ) -> Materialized:
        name = context.partition_key
        with said_plainly():
            written = workbench.prefer(name, config.spending(), run_id=context.run.run_id)
        rows = workbench.warehouse.scan("pairwise_results", {"evaluation": name}).collect()
        columns = ["model", "prompt", "compared_with", "n_judged", "wins", "ties", "losses", "win_rate", "flip_rate"]
        return result(written, preview=rows_preview(rows, columns))

    @dg.asset(
        description="Agreement of the judges with people's labels, their biases, and means corrected for their errors.",
        partitions_def=partitions.by_name["evaluations"],
        deps=partitions.deps_of("judge_agreement"),
        group_name=GROUP,
        kinds={"deltalake", "polars"},
        owners=partitions.owners("evaluations"),
        metadata=table_metadata("judge_agreement"),
        tags={"layer": "report"},
        code_version=calibrating.CODE_VERSION,
        automation_condition=automation,
    )
    def judge_agreement(context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]) -> Materialized:
        name = context.partition_key
        with said_plainly():
            written = workbench.measure_judges(name, run_id=context.run.run_id)
        rows = workbench.warehouse.scan("judge_agreement", {"evaluation": name}).collect()
        return result(
            written, preview=rows_preview(rows, ["judge", "statistic", "value", "ci_low", "ci_high", "n", "method"])
        )

    return [pairwise_preferences, judge_agreement]
