"""One asset per stage: what the core computes, with its place in the graph and what the UI shows."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from eval_assets.assets.file_reading import VERSION_TAG, read_file
from eval_assets.assets.metadata import Materialized, result, table_metadata, viewer_link
from eval_assets.assets.plain_failures import said_plainly
from eval_assets.assets.planned_code import refuse_other_code
from eval_assets.names import Names
from eval_assets.neighbours import newest_event
from eval_assets.partitions import Partitions
from eval_assets.resources.shared_room import needed_room, room_of
from eval_assets.stages.edges import compute, file_of
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.handing_over import hand_over, is_handed_over
from eval_assets.stages.spending import Spending, retry_of
from eval_assets.stages.stage import Stage
from eval_assets.stages.stage_table import STAGES

POOL = "model_requests"
BACKFILL_TAG = "dagster/backfill"


class SpendingConfig(dg.Config):
    """What a run may do about requests; the evaluation file decides where nothing is chosen."""

    cache: str | None = Field(None, description="use: reuse stored replies. refresh: ask again. replay: send nothing.")
    max_cost_usd: float | None = Field(None, description="Stop before the request that could exceed this many dollars.")
    retry: list[str] = Field(
        default_factory=list, description="Outcomes of replies to ask for again: refused, empty, truncated, tool_call."
    )
    retry_before: str | None = Field(
        None, description="ISO time: replies asked for since then have been asked for again. Null: the run's start."
    )

    sending: str | None = Field(
        None, description="in_batches: whatever a provider takes so. at_once: nothing. Null: as each model says."
    )

    def spending(self, run: dg.DagsterRun) -> Spending:
        """The core's form of this choice; all runs of a backfill share a budget."""
        return Spending(
            cache=self.cache,
            max_cost_usd=self.max_cost_usd,
            batch=run.tags.get(BACKFILL_TAG),
            retry=retry_of(self.retry, self.retry_before),
            sending=self.sending,
        )


def spending_ops(names: Names, tables: Iterable[str], spending: Spending) -> dict[str, Any]:
    """Configuration of the ops of those tables that pay; nothing where the evaluation files decide."""
    paid = dict.fromkeys(table for table in tables if STAGES[table].pays)
    return {names.op_of(table): {"config": spending.choices} for table in paid} if spending.choices else {}


def stage_assets(
    partitions: Partitions, conditions: Mapping[str, dg.AutomationCondition[Any]]
) -> list[dg.AssetsDefinition]:
    """The asset of every stage.

    Args:
        partitions: Of the project.
        conditions: Table → when Dagster runs its partitions by itself; files are read by a sensor instead.
    """
    names = partitions.names
    return [
        dg.asset(
            name=stage.table,
            key_prefix=names.prefix or None,
            description=stage.description,
            partitions_def=partitions.of(stage.table),
            deps=partitions.deps_of(stage.table),
            group_name=names.group,
            kinds={"deltalake", "openai" if stage.pays else "polars"},
            owners=partitions.owners(stage.table),
            metadata=table_metadata(stage.table),
            tags={"layer": _layer(stage)},
            code_version=stage.code_version,
            automation_condition=conditions.get(stage.table),
            pool=names.of(POOL) if stage.pays else None,
            required_resource_keys=needed_room(names),
        )(_body(stage, partitions))
        for stage in STAGES.values()
    ]


def _body(stage: Stage, partitions: Partitions) -> Callable[..., Materialized]:
    """What the asset of a stage does in a run."""
    names, upstream = partitions.names, partitions.neighbours.upstream

    def paid(context: dg.AssetExecutionContext, config: SpendingConfig) -> Materialized:
        room = room_of(context, names)
        return _materialized(stage, room, context, context.partition_key, config.spending(context.run))

    def free(context: dg.AssetExecutionContext) -> Materialized:
        return _materialized(stage, room_of(context, names), context, context.partition_key, Spending())

    def file(context: dg.AssetExecutionContext) -> Materialized:
        key, room = context.partition_key, room_of(context, names)
        if stage.table == "eval_datasets" and key in upstream and is_handed_over(room.project, key):
            _take_over(context, room, key, upstream[key])
        read_now = read_file(room, names, stage.table, file_of(stage.table, key), run_id=context.run.run_id)
        parts = {part.partition: part for part in read_now}
        read = parts.pop(key)
        for part in parts.values():
            context.log_event(part)
        version = dg.DataVersion((read.tags or {})[VERSION_TAG])
        return dg.MaterializeResult(data_version=version, metadata=read.metadata)

    if stage.unit == "file":
        return file
    return paid if stage.pays else free


def _materialized(
    stage: Stage, engine_room: EngineRoom, context: dg.AssetExecutionContext, key: str, spending: Spending
) -> Materialized:
    refuse_other_code(context.run)
    with said_plainly(engine_room.warehouse):
        written = compute(engine_room, stage.table, key, spending, run_id=context.run.run_id)
        shown = stage.preview(engine_room, key) if written.shown is None else written.shown
    return result(written, shown, viewer_link(stage, key))


def _take_over(context: dg.AssetExecutionContext, room: EngineRoom, dataset: str, asset: dg.AssetKey) -> None:
    """Keep the rows of somebody's asset, as its IO manager loads them."""
    if context.job_def.asset_layer.get(asset).partitions_def is not None:
        raise dg.Failure(
            f"expected an asset without partitions, got {asset.to_user_string()}; say in the card of {dataset} where "
            "its rows lie: `rows: {delta: …}`, `{parquet: …}` or `{sql: …}`",
            allow_retries=False,
        )
    event = newest_event(context.instance, asset)
    value = context.load_asset_value(asset)
    with said_plainly(room.warehouse):
        n_rows = hand_over(
            room.warehouse,
            dataset,
            value,
            asset=asset.to_user_string(),
            state=event.run_id if event else "",
            run_id=context.run.run_id,
        )
    context.log.info("%d rows of %s handed over", n_rows, asset.to_user_string())


def _layer(stage: Stage) -> str:
    if stage.unit == "file":
        return "input"
    if stage.pays:
        return "paid"
    return "scores" if stage.table == "heuristic_metrics" else "report"
