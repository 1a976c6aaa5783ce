"""Assets, checks and the jobs over them: what a run executes. When it does is decided by schedules and sensors."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from eval_assets.assets.file_reading import READ_FILES, READ_OP, read_file
from eval_assets.assets.stage_assets import stage_assets
from eval_assets.automation.conditions import automation_conditions
from eval_assets.checks.data_quality import data_quality_checks, quality_of
from eval_assets.checks.gate import gate_check
from eval_assets.config.project import Project
from eval_assets.partitions import partitions_of
from eval_assets.quality.expectations import RULES
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.stage_table import OF_CELLS, OF_EVALUATIONS

EVALUATE_CELL = "evaluate_cell"
COMPARE = "compare_candidates"
TABLES = {EVALUATE_CELL: OF_CELLS, COMPARE: OF_EVALUATIONS}
"""Job → the tables it computes."""


def job_definitions(project: Project, engine_room: object) -> dg.Definitions:
    """Every asset, check and job that computes.

    Args:
        project: The files in `data/`.
        engine_room: The resource behind all assets: a resource that opens it, or an `EngineRoom` that is already open.
    """
    partitions = partitions_of(project)
    evaluate_cell = dg.define_asset_job(
        EVALUATE_CELL,
        selection=dg.AssetSelection.assets(*TABLES[EVALUATE_CELL]),
        description="All stages of one cell: predictions, scores, verdicts, aggregate report.",
    )
    compare = dg.define_asset_job(
        COMPARE,
        selection=dg.AssetSelection.assets(*TABLES[COMPARE]),
        description="What joins the cells of an evaluation: outputs side by side, agreement with people, comparison.",
    )
    return dg.Definitions(
        assets=stage_assets(partitions, automation_conditions()),
        asset_checks=[*data_quality_checks(partitions), gate_check(partitions)],
        jobs=[evaluate_cell, compare, read_files],
        resources={"engine_room": engine_room},
        executor=dg.in_process_executor,
    )


class FilesConfig(dg.Config):
    """Which files to read."""

    files: list[str] = Field(description="Files as table/name, such as prompts/answer-concisely.")


@dg.op(name=READ_OP, out={}, description="Read each file; one that can't be used fails the run after the others.")
def _read_files(
    context: dg.OpExecutionContext, config: FilesConfig, engine_room: dg.ResourceParam[EngineRoom]
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    places = [(table, name) for table, _, name in (place.partition("/") for place in config.files)]
    failed: dict[str, str] = {}
    read = []
    for table, name in places:
        try:
            yield from read_file(engine_room, table, name, run_id=context.run_id)
            read.append((table, name))
        except dg.Failure as failure:
            failed[f"{table}/{name}"] = failure.description or ""
    for table, name in read:
        if table in RULES:
            yield from quality_of(table, name, engine_room)
    if failed:
        said = "\n".join(f"{place}: {message}" for place, message in failed.items())
        raise dg.Failure(said, metadata=failed, allow_retries=False)


@dg.job(name=READ_FILES, description="Read files of data/ into their tables, any number of them in one run.")
def read_files() -> None:
    """One op that reads them all."""
    _read_files()
