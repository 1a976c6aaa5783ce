"""Assets, checks and the jobs over them: what a run executes. When it does is decided by schedules and sensors."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from eval_assets.assets.file_reading import READ_OP, read_file
from eval_assets.assets.stage_assets import stage_assets
from eval_assets.automation.conditions import automation_conditions
from eval_assets.checks.data_quality import data_quality_checks, quality_of
from eval_assets.checks.gate import gate_check
from eval_assets.config.project import Project
from eval_assets.names import COMPARE, EVALUATE_CELL, READ_FILES, Names
from eval_assets.neighbours import NO_NEIGHBOURS, Neighbours
from eval_assets.partitions import partitions_of
from eval_assets.quality.expectations import RULES
from eval_assets.resources.shared_room import ENGINE_ROOM, needed_room, room_of
from eval_assets.stages.stage_table import OF_CELLS, OF_EVALUATIONS

TABLES = {EVALUATE_CELL: OF_CELLS, COMPARE: OF_EVALUATIONS}
"""Job → the tables it computes."""


def job_definitions(
    project: Project, engine_room: object, names: Names, neighbours: Neighbours = NO_NEIGHBOURS
) -> dg.Definitions:
    """Every asset, check and job that computes.

    The jobs run in one process, whatever executor the deployment has; nothing is said about runs that are none of ours.

    Args:
        project: The files in `data/`.
        engine_room: The resource behind all assets: a resource that opens it, or an `EngineRoom` that is already open.
        names: What assets, checks, jobs and the resource are called.
        neighbours: Assets of others; none for a run of a plan, which reads what lies in the warehouse.
    """
    partitions = partitions_of(project, names, neighbours)
    evaluate_cell = dg.define_asset_job(
        names.of(EVALUATE_CELL),
        selection=dg.AssetSelection.assets(*names.keys(TABLES[EVALUATE_CELL])),
        description="All stages of one cell: predictions, scores, verdicts, aggregate report.",
        executor_def=dg.in_process_executor,
    )
    compare = dg.define_asset_job(
        names.of(COMPARE),
        selection=dg.AssetSelection.assets(*names.keys(TABLES[COMPARE])),
        description="What joins the cells of an evaluation: outputs side by side, agreement with people, comparison.",
        executor_def=dg.in_process_executor,
    )
    return dg.Definitions(
        assets=stage_assets(partitions, automation_conditions(names)),
        asset_checks=[*data_quality_checks(partitions), gate_check(partitions)],
        jobs=[evaluate_cell, compare, _read_files_job(names)],
        resources={names.of(ENGINE_ROOM): engine_room},
    )


class FilesConfig(dg.Config):
    """Which files to read."""

    files: list[str] = Field(description="Files as table/name, such as prompts/answer-concisely.")


def _read_files_job(names: Names) -> dg.JobDefinition:
    """The job `read_files`, with one op that reads them all."""

    @dg.op(
        name=names.of(READ_OP),
        out={},
        description="Read each file; one that can't be used fails the run after the others.",
        required_resource_keys=needed_room(names),
    )
    def read(
        context: dg.OpExecutionContext, config: FilesConfig
    ) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        yield from _read_files(context, names, config.files)

    @dg.job(
        name=names.of(READ_FILES),
        description="Read files of data/ into their tables, any number of them in one run.",
        executor_def=dg.in_process_executor,
    )
    def read_files() -> None:
        read()

    return read_files


def _read_files(
    context: dg.OpExecutionContext, names: Names, files: list[str]
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    engine_room = room_of(context, names)
    places = [(table, name) for table, _, name in (place.partition("/") for place in files)]
    failed: dict[str, str] = {}
    read = []
    for table, name in places:
        try:
            yield from read_file(engine_room, names, table, name, run_id=context.run_id)
            read.append((table, name))
        except dg.Failure as failure:
            failed[f"{table}/{name}"] = failure.description or ""
    for table, name in read:
        if table in RULES:
            yield from quality_of(table, name, engine_room, names)
    if failed:
        said = "\n".join(f"{place}: {message}" for place, message in failed.items())
        raise dg.Failure(said, metadata=failed, allow_retries=False)
