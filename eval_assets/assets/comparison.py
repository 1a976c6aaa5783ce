"""The asset at the end of the graph: candidates of one evaluation compared, gated and reported."""

from typing import Any

import dagster as dg

from eval_assets.assets.failures import said_plainly
from eval_assets.assets.metadata import Materialized, result, table_metadata
from eval_assets.cells import comparing
from eval_assets.cells.workbench import Workbench
from eval_assets.partitions import Partitions
from eval_assets.reports.markdown import report_markdown


def comparison_asset(partitions: Partitions, automation: dg.AutomationCondition[Any]) -> dg.AssetsDefinition:
    """`comparison`, one partition per evaluation."""

    @dg.asset(
        description="Leaderboard, paired differences with the baseline, gates and the HTML report of an evaluation.",
        partitions_def=partitions.by_name["evaluations"],
        deps=partitions.deps_of("comparison"),
        group_name="evaluation",
        kinds={"deltalake", "polars"},
        owners=partitions.owners("evaluations"),
        metadata=table_metadata("comparison"),
        tags={"layer": "report"},
        code_version=comparing.CODE_VERSION,
        automation_condition=automation,
    )
    def comparison(context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]) -> Materialized:
        name = context.partition_key
        with said_plainly():
            written = workbench.compare(name, run_id=context.run.run_id)
        return result(written, preview=report_markdown(workbench.report(name)))

    return comparison
