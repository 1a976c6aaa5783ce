"""Assembles the Dagster definitions of a project. What to assemble them from is decided in `definitions.py`."""

import dagster as dg

from eval_assets.assets.stage_assets import stage_assets
from eval_assets.automation.conditions import automation_conditions
from eval_assets.automation.maintenance import maintain_job, maintenance_schedule
from eval_assets.automation.refresh import refresh_job
from eval_assets.automation.schedules import evaluation_schedules
from eval_assets.automation.watching import watch_files_sensor
from eval_assets.checks.data_quality import data_quality_checks
from eval_assets.checks.gate import gate_check
from eval_assets.config.project import Project
from eval_assets.config.settings import Settings
from eval_assets.partitions import partitions_of
from eval_assets.stages.stage_table import FILES, OF_CELLS, OF_EVALUATIONS

EVALUATE_CELL = "evaluate_cell"
COMPARE = "compare_candidates"


def build_definitions(project: Project, engine_room: object, settings: Settings) -> dg.Definitions:
    """Every asset, check, job, schedule and sensor of a project.

    Args:
        project: The files in `data/`.
        engine_room: The resource behind all assets: a resource that opens it, or an `EngineRoom` that is already open.
        settings: Where the files lie that the sensor watches.
    """
    partitions = partitions_of(project)
    assets = stage_assets(partitions, automation_conditions())
    reading = {
        table: dg.define_asset_job(
            f"read_{table}",
            selection=dg.AssetSelection.assets(table),
            description=f"Read one file of data/ into {table}.",
        )
        for table in FILES
    }
    evaluate_cell = dg.define_asset_job(
        EVALUATE_CELL,
        selection=dg.AssetSelection.assets(*OF_CELLS),
        description="All stages of one cell: predictions, scores, verdicts, aggregate report.",
    )
    compare = dg.define_asset_job(
        COMPARE,
        selection=dg.AssetSelection.assets(*OF_EVALUATIONS),
        description="What joins the cells of an evaluation: outputs side by side, agreement with people, comparison.",
    )
    return dg.Definitions(
        assets=assets,
        asset_checks=[*data_quality_checks(partitions), gate_check(partitions)],
        jobs=[evaluate_cell, compare, *reading.values(), refresh_job(assets), maintain_job()],
        schedules=[*evaluation_schedules(project), maintenance_schedule()],
        sensors=[watch_files_sensor(settings, partitions, reading)],
        resources={"engine_room": engine_room},
        executor=dg.in_process_executor,
    )
