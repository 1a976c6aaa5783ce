"""Assets at the root of the graph: what users edit in `data/`, one partition per file."""

import dagster as dg

from eval_assets.assets.metadata import Materialized, result, rows_preview, table_metadata
from eval_assets.assets.plain_failures import said_plainly
from eval_assets.assets.stages import GROUP
from eval_assets.checking.references import refuse_broken_references
from eval_assets.partitions import Partitions
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.input_files import write_dataset, write_named_file
from eval_assets.storage.versions import current_version
from eval_assets.wording.foreign_text import fenced_text

DESCRIPTIONS = {
    "prompts": "Prompt templates from `data/prompts`, every version kept.",
    "models": "Providers, model ids and parameters from `data/models`, every version kept.",
    "judges": "Judges (definition, rubric, scale, model) from `data/judges`, every version kept.",
    "evaluations": "What is compared, on what, with which metrics; from `data/evaluations`, every version kept.",
}


def shared_input_assets(partitions: Partitions) -> list[dg.AssetsDefinition]:
    """`eval_datasets`, `prompts`, `models`, `judges` and `evaluations`."""
    named = [_named_file_asset(table, description, partitions) for table, description in DESCRIPTIONS.items()]
    return [_eval_datasets(partitions), *named]


def _eval_datasets(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        name="eval_datasets",
        description="Examples to evaluate on, from `data/datasets`, checked before they replace the former ones.",
        partitions_def=partitions.by_name["eval_datasets"],
        group_name=GROUP,
        kinds={"deltalake", "polars"},
        owners=partitions.owners("datasets"),
        metadata=table_metadata("eval_datasets"),
        tags={"layer": "input"},
        code_version="1",
    )
    def eval_datasets(context: dg.AssetExecutionContext, engine_room: dg.ResourceParam[EngineRoom]) -> Materialized:
        name = context.partition_key
        with said_plainly(engine_room.warehouse):
            written = write_dataset(
                engine_room.project, engine_room.warehouse, name, run_id=context.run.run_id, scratch=engine_room.scratch
            )
        rows = engine_room.warehouse.scan("eval_datasets", {"dataset": name}).sort("position").head(5).collect()
        return result(written, preview=rows_preview(rows, ["example_id", "inputs", "targets", "context"]))

    return eval_datasets


def _named_file_asset(table: str, description: str, partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        name=table,
        description=description,
        partitions_def=partitions.by_name[table],
        group_name=GROUP,
        kinds={"deltalake"},
        owners=partitions.owners(table),
        metadata=table_metadata(table),
        tags={"layer": "input"},
        code_version="1",
    )
    def named_file(context: dg.AssetExecutionContext, engine_room: dg.ResourceParam[EngineRoom]) -> Materialized:
        with said_plainly(engine_room.warehouse):
            if table == "evaluations":
                refuse_broken_references(engine_room.project, context.partition_key, engine_room.versions.metrics)
            written = write_named_file(
                engine_room.versions, engine_room.warehouse, table, context.partition_key, run_id=context.run.run_id
            )
        source = current_version(engine_room.warehouse, table, context.partition_key).source
        return result(written, preview=fenced_text(source))

    return named_file
