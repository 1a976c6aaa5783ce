"""The job `refresh`: bring every stale, missing or failed cell up to date, as a backfill that the UI shows."""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from eval_assets.automation.backfill import graph_of, missing_in_dagster, partitions_by_asset, request_backfill
from eval_assets.planning.plan import Plan, make_plan
from eval_assets.planning.plan_text import plan_markdown
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.spending import Spending, retry_of
from eval_assets.stages.stage_table import STAGES

REFRESH_JOB = "refresh"
REFRESH_OP = "launch_stale"


class RefreshConfig(dg.Config):
    """Which cells to bring up to date; empty lists mean all."""

    evaluations: list[str] = Field(default_factory=list, description="Names of evaluations.")
    models: list[str] = Field(default_factory=list, description="Names of candidates' models.")
    prompts: list[str] = Field(default_factory=list, description="Names of candidates' prompts.")
    dry_run: bool = Field(default=False, description="Show the plan and launch nothing.")
    cache: str | None = Field(None, description="use, refresh or replay; null: as each evaluation says.")
    max_cost_usd: float | None = Field(None, description="Budget of each evaluation; null: as its file says.")
    retry: list[str] = Field(
        default_factory=list, description="Outcomes of replies to ask for again: refused, empty, truncated, tool_call."
    )


def refresh_job(assets: Sequence[dg.AssetsDefinition]) -> dg.JobDefinition:
    """The job, with one op.

    Args:
        assets: Every asset it may launch.
    """

    @dg.op(name=REFRESH_OP, out=dg.Out(dict, description="Asset → partitions launched."))
    def launch_stale(
        context: dg.OpExecutionContext, config: RefreshConfig, engine_room: dg.ResourceParam[EngineRoom]
    ) -> dict[str, list[str]]:
        """Plan from the warehouse, show the plan, and request a backfill over exactly its partitions."""
        spending = Spending(config.cache, config.max_cost_usd, retry=retry_of(config.retry))
        plan = make_plan(
            engine_room,
            evaluations=config.evaluations,
            models=config.models,
            prompts=config.prompts,
            spending=spending,
            missing_in_dagster=missing_in_dagster(context.instance, engine_room.project),
        )
        for refused in plan.refused:
            context.log.warning("evaluation %s can't run: %s", refused.evaluation, refused.problems)
        chosen = partitions_by_asset(plan)
        metadata: dict[str, object] = {"plan": dg.MetadataValue.md(plan_markdown(plan))}
        if chosen and not config.dry_run:
            backfill_id = request_backfill(
                context.instance,
                graph_of(assets),
                chosen,
                description=f"{len(plan.stale_cells)} cells, {len(plan.roots)} files, "
                f"{len(plan.comparisons)} comparisons",
                tags={"eval_assets/refresh": context.run_id},
                run_config=_run_config(spending, plan),
            )
            metadata["backfill"] = backfill_id
            context.log.info("requested backfill %s; it is listed under Runs → Backfills", backfill_id)
        context.add_output_metadata(metadata)
        return {} if config.dry_run else chosen

    @dg.job(name=REFRESH_JOB, description="Bring every stale, missing or failed cell up to date, as a backfill.")
    def refresh() -> None:
        launch_stale()

    return refresh


def _run_config(spending: Spending, plan: Plan) -> dict[str, object] | None:
    """What the runs of the backfill are told about spending."""
    choices = spending.choices
    paid = dict.fromkeys(table for table, _ in plan.partitions if STAGES[table].pays)
    return {"ops": {asset: {"config": choices} for asset in paid}} if choices and paid else None
