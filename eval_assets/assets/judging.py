"""Assets that tell how far an evaluation's judges can be trusted, and whose outputs they prefer side by side."""

import dagster as dg

from eval_assets.assets.metadata import Materialized, result, rows_preview
from eval_assets.assets.plain_failures import said_plainly
from eval_assets.assets.stages import SpendingConfig, Stages
from eval_assets.stages.engine_room import EngineRoom


def judging_assets(stages: Stages) -> list[dg.AssetsDefinition]:
    """`pairwise_preferences` and `judge_agreement`, one partition per evaluation."""

    @stages.stage(
        "pairwise_preferences",
        "Which of two candidates' outputs a judge prefers, in both orders; empty unless `pairwise` is set.",
    )
    def pairwise_preferences(
        context: dg.AssetExecutionContext, config: SpendingConfig, engine_room: dg.ResourceParam[EngineRoom]
    ) -> Materialized:
        name = context.partition_key
        with said_plainly(engine_room.warehouse):
            written = engine_room.prefer(name, config.spending(context.run), run_id=context.run.run_id)
        rows = engine_room.warehouse.scan("pairwise_results", {"evaluation": name}).collect()
        columns = ["model", "prompt", "compared_with", "n_judged", "wins", "ties", "losses", "win_rate", "flip_rate"]
        return result(written, preview=rows_preview(rows, columns))

    @stages.stage(
        "judge_agreement",
        "Agreement of the judges with people's labels, their biases, and means corrected for their errors.",
    )
    def judge_agreement(context: dg.AssetExecutionContext, engine_room: dg.ResourceParam[EngineRoom]) -> Materialized:
        name = context.partition_key
        with said_plainly(engine_room.warehouse):
            written = engine_room.measure_judges(name, run_id=context.run.run_id)
        rows = engine_room.warehouse.scan("judge_agreement", {"evaluation": name}).collect()
        return result(
            written, preview=rows_preview(rows, ["judge", "statistic", "value", "ci_low", "ci_high", "n", "method"])
        )

    return [pairwise_preferences, judge_agreement]
