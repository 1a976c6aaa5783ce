"""Assembles the Dagster definitions of a project. What to assemble them from is decided in `definitions.py`."""

import dagster as dg

from eval_assets.automation.maintenance import maintain_job, maintenance_schedule
from eval_assets.automation.refresh import refresh_job
from eval_assets.automation.schedules import evaluation_schedules
from eval_assets.automation.stale_sensor import refresh_stale_sensor
from eval_assets.automation.watching import watch_files_sensor
from eval_assets.config.project import Project
from eval_assets.config.settings import Settings
from eval_assets.plan_runs import run_plan
from eval_assets.run_jobs import job_definitions


def build_definitions(project: Project, engine_room: object, settings: Settings) -> dg.Definitions:
    """Every asset, check, job, schedule and sensor of a project.

    Args:
        project: The files in `data/`.
        engine_room: The resource behind all assets: a resource that opens it, or an `EngineRoom` that is already open.
        settings: Where the files lie that sensors watch.
    """
    computing = job_definitions(project, engine_room)
    return dg.Definitions.merge(
        computing,
        dg.Definitions(
            jobs=[refresh_job(computing, run_plan), maintain_job()],
            schedules=[*evaluation_schedules(project), maintenance_schedule()],
            sensors=[
                watch_files_sensor(settings, project),
                refresh_stale_sensor(settings, project),
            ],
        ),
    )
