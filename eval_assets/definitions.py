"""Assembles the Dagster definitions of a project. What to assemble them from is decided in `definitions.py`."""

import dagster as dg

from eval_assets.assets.cells import cell_assets
from eval_assets.assets.comparison import comparison_asset
from eval_assets.assets.judging import judging_assets
from eval_assets.assets.shared_inputs import shared_input_assets
from eval_assets.assets.stages import Stages
from eval_assets.automation.conditions import when_candidates_change, when_inputs_change, when_verdicts_change
from eval_assets.automation.refresh import refresh_job
from eval_assets.automation.schedules import evaluation_schedules
from eval_assets.automation.watching import watch_files_sensor
from eval_assets.checks.data_quality import data_quality_checks
from eval_assets.checks.gate import gate_check
from eval_assets.config.project import Project
from eval_assets.config.settings import Settings
from eval_assets.partitions import partitions_of

EVALUATE_CELL = "evaluate_cell"
COMPARE = "compare_candidates"


def build_definitions(project: Project, engine_room: object, settings: Settings) -> dg.Definitions:
    """Every asset, check, job, schedule and sensor of a project.

    Args:
        project: The files in `data/`.
        engine_room: The resource behind all assets: a `EngineRoomResource`, or a `EngineRoom` that is already open.
        settings: Where the files lie that the sensor watches.
    """
    partitions = partitions_of(project)
    roots = shared_input_assets(partitions)
    cells = cell_assets(Stages(partitions, when_inputs_change()))
    judging = judging_assets(Stages(partitions, when_verdicts_change()))
    comparison = comparison_asset(Stages(partitions, when_candidates_change()))
    assets = [*roots, *cells, *judging, comparison]
    reading = {
        asset.key.to_user_string(): dg.define_asset_job(
            f"read_{asset.key.to_user_string()}",
            selection=dg.AssetSelection.assets(asset),
            description=f"Read one file of data/ into {asset.key.to_user_string()}.",
        )
        for asset in roots
    }
    evaluate_cell = dg.define_asset_job(
        EVALUATE_CELL,
        selection=dg.AssetSelection.assets(*cells),
        description="All stages of one cell: predictions, scores, verdicts, aggregate report.",
    )
    compare = dg.define_asset_job(
        COMPARE,
        selection=dg.AssetSelection.assets(*judging, comparison),
        description="What joins the cells of an evaluation: outputs side by side, agreement with people, comparison.",
    )
    return dg.Definitions(
        assets=assets,
        asset_checks=[*data_quality_checks(partitions), gate_check(partitions)],
        jobs=[evaluate_cell, compare, *reading.values(), refresh_job(assets)],
        schedules=evaluation_schedules(project),
        sensors=[watch_files_sensor(settings, partitions, reading)],
        resources={"engine_room": engine_room},
        executor=dg.in_process_executor,
    )
