"""The job `refresh`: bring every stale, missing or failed cell up to date. It runs the plan in its process, each
cell a run as on the command line; `where: queue` hands the cells to Dagster's run queue instead.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Literal

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from pydantic import Field

from eval_assets.automation.backfill import missing_in_dagster, partitions_by_asset
from eval_assets.automation.claims import Claims, claim, claimed_by_backfills, claimed_by_others
from eval_assets.automation.home import PROCESSES
from eval_assets.automation.leftovers import UNFINISHED, end_what_the_dead_left
from eval_assets.automation.stopping import stopping
from eval_assets.names import REFRESH_JOB, Names
from eval_assets.planning.plan import Plan, make_plan
from eval_assets.planning.plan_text import plan_markdown
from eval_assets.planning.run_summary import RunSummary, waiting_lines
from eval_assets.resources.shared_room import ProgressLines, needed_room, room_of
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import evaluation_name
from eval_assets.stages.spending import Spending, retry_of
from eval_assets.stages.stage_table import FILES, STAGES
from eval_assets.storage.locks import exclusive

REFRESH_OP = "launch_stale"
LISTED = 5

RunPlan = Callable[..., RunSummary]
"""`plan_runs.run_plan` and `queueing.queue_plan`, which are built upon what stands here."""


class RefreshConfig(dg.Config):
    """Which cells to bring up to date; empty lists mean all."""

    evaluations: list[str] = Field(default_factory=list, description="Names of evaluations.")
    models: list[str] = Field(default_factory=list, description="Names of candidates' models.")
    prompts: list[str] = Field(default_factory=list, description="Names of candidates' prompts.")
    where: Literal["here", "queue"] = Field(
        "here", description="here: in this run's process. queue: files too, and each cell is a run of Dagster's queue."
    )
    dry_run: bool = Field(default=False, description="Show the plan and run nothing.")
    cache: str | None = Field(None, description="use, refresh or replay; null: as each evaluation says.")
    max_cost_usd: float | None = Field(None, description="Budget of each evaluation; null: as its file says.")
    retry: list[str] = Field(
        default_factory=list, description="Outcomes of replies to ask for again: refused, empty, truncated, tool_call."
    )
    sending: str | None = Field(
        None, description="in_batches: whatever a provider takes so. at_once: nothing. Null: as each model says."
    )


def refresh_config(names: Names, **chosen: Any) -> dict[str, Any]:
    """Run configuration of the job, from fields of `RefreshConfig`."""
    return {"ops": {names.of(REFRESH_OP): {"config": chosen}}}


def refresh_job(run_plan: RunPlan, queue_plan: RunPlan, names: Names) -> dg.JobDefinition:
    """The job, with one op.

    Args:
        run_plan: Runs a plan in this process.
        queue_plan: Hands a plan to Dagster's queue.
        names: What assets and the job are called.
    """

    @dg.op(
        name=names.of(REFRESH_OP),
        out=dg.Out(dg.Nothing),
        required_resource_keys=needed_room(names),
    )
    def launch_stale(context: dg.OpExecutionContext, config: RefreshConfig) -> None:
        """Plan from the warehouse, show the plan, and run exactly its partitions."""
        execute = run_plan if config.where == "here" else queue_plan
        context.add_output_metadata(bring_up_to_date(context, config, execute, names))

    @dg.job(
        name=names.of(REFRESH_JOB),
        description="Bring every stale, missing or failed cell up to date.",
        executor_def=dg.in_process_executor,
    )
    def refresh() -> None:
        launch_stale()

    return refresh


def bring_up_to_date(
    context: dg.OpExecutionContext, config: RefreshConfig, execute: RunPlan, names: Names
) -> dict[str, Any]:
    """Plan from the warehouse, and run or launch exactly the plan's partitions. Returns metadata that says which.

    Args:
        context: Of the run.
        config: What to bring up to date.
        execute: Runs the plan, or hands it on, as `config.where` says.
        names: What assets and jobs are called.

    Raises:
        dagster.Failure: A run failed, otherwise than by a gate.
    """
    engine_room = room_of(context, names)
    spending = Spending(config.cache, config.max_cost_usd, retry=retry_of(config.retry), sending=config.sending)
    with exclusive(engine_room.state_dir / "refresh.lock", label=context.run_id):
        plan = _plan(context, config, engine_room, spending, names)
        chosen = {} if config.dry_run else partitions_by_asset(plan)
        metadata: dict[str, Any] = {"plan": dg.MetadataValue.md(plan_markdown(plan)), "partitions": chosen}
        if chosen and config.where == "queue":
            metadata["backfill"] = _run(context, execute, engine_room, plan, spending, names)
        elif chosen:
            computed = {table: keys for table, keys in chosen.items() if table not in FILES}
            claim(context.run, context.instance, names, computed)
    if chosen and config.where == "here":
        metadata["backfill"] = _run(context, execute, engine_room, plan, spending, names)
    return metadata


def is_being_refreshed(instance: dg.DagsterInstance, evaluation: str, names: Names) -> bool:
    """Whether a refresh of an evaluation waits or runs, or the backfill that one has requested."""
    for run in instance.get_runs(dg.RunsFilter(job_name=names.of(REFRESH_JOB), statuses=UNFINISHED)):
        chosen = _configured(run.run_config, names).get("evaluations")
        if not chosen or evaluation in chosen:
            return True
    return any(evaluation_name(key) == evaluation for _, key in claimed_by_backfills(instance, names))


def _configured(run_config: Mapping[str, Any], names: Names) -> Mapping[str, Any]:
    found: Mapping[str, Any] = run_config.get("ops", {}).get(names.of(REFRESH_OP), {}).get("config", {})
    return found


def _plan(
    context: dg.OpExecutionContext, config: RefreshConfig, engine_room: EngineRoom, spending: Spending, names: Names
) -> Plan:
    """What is stale and no other run is about to write."""
    end_what_the_dead_left(context.instance, engine_room.state_dir / PROCESSES)
    plan = make_plan(
        engine_room,
        evaluations=config.evaluations,
        models=config.models,
        prompts=config.prompts,
        spending=spending,
        missing_in_dagster=missing_in_dagster(context.instance, engine_room.project, names),
    )
    for refused in plan.refused:
        context.log.warning("evaluation %s can't run: %s", refused.evaluation, refused.problems)
    claims = claimed_by_others(
        context.instance, names, [table for table in STAGES if table not in FILES], context.run_id
    )
    for (table, key), other in claims.items():
        context.log.info("left to %s: %s[%s]", other, table, key)
    return left_to_others(plan, claims)


def left_to_others(plan: Plan, claims: Claims) -> Plan:
    """The plan without the cells and comparisons that others are about to write."""

    def is_free(tables: Collection[str], key: str) -> bool:
        return not any((table, key) in claims for table in tables)

    return replace(
        plan,
        cells=tuple(planned for planned in plan.cells if is_free(planned.tables, planned.cell.key)),
        joined=tuple(join for join in plan.joined if is_free(join.tables, join.evaluation)),
    )


def _run(
    context: dg.OpExecutionContext,
    execute: RunPlan,
    engine_room: EngineRoom,
    plan: Plan,
    spending: Spending,
    names: Names,
) -> str:
    """Run the plan in this process, or hand it on; returns the backfill that shows its runs."""
    engine_room.on_progress = ProgressLines(context.log.info)
    with stopping(engine_room, context.log.warning):
        summary = execute(
            engine_room, plan, spending=spending, instance=context.instance, on_start=context.log.info, names=names
        )
    if engine_room.stop.is_set():
        raise DagsterExecutionInterruptedError
    for line in (*summary.batches, *waiting_lines(summary.waiting)):
        context.log.info(line)
    failed = [f"{run.what} (run {run.run_id}): {run.message}" for run in summary.failed]
    for line in failed:
        context.log.error(line)
    crashed = [line for line, run in zip(failed, summary.failed, strict=True) if not run.refused]
    if crashed:
        more = f"\nand {len(crashed) - LISTED} more" if len(crashed) > LISTED else ""
        raise dg.Failure("\n".join(crashed[:LISTED]) + more, allow_retries=False)
    return str(summary.backfill_id)
