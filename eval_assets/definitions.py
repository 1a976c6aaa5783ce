"""Assembles the Dagster definitions of a project: as a code location of its own, or as a part of somebody else's."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg

from eval_assets.automation.alert_sensor import send_alerts_sensor
from eval_assets.automation.batch_sensor import collect_batches_sensor
from eval_assets.automation.gates_on_assets import asset_gates
from eval_assets.automation.maintenance import maintain_job, maintenance_schedule
from eval_assets.automation.refresh import refresh_job
from eval_assets.automation.schedules import evaluation_schedules
from eval_assets.automation.stale_sensor import refresh_stale_sensor
from eval_assets.automation.upstream_sensor import watch_upstream_sensor
from eval_assets.automation.watching import watch_files_sensor
from eval_assets.config.project import Project
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import Settings, settings_from
from eval_assets.names import Names, names_in_location
from eval_assets.neighbours import NO_NEIGHBOURS, AssetName, Neighbours, neighbours_of
from eval_assets.plan_runs import run_plan
from eval_assets.queueing import queue_plan
from eval_assets.resources.shared_room import engine_room_for
from eval_assets.run_jobs import job_definitions


def build_definitions(
    project: str | Path,
    *,
    key_prefix: str | Sequence[str] | None = None,
    group: str | None = None,
    upstream: Mapping[str, AssetName] | None = None,
    gates_on: Mapping[str, AssetName] | None = None,
) -> dg.Definitions:
    """Every asset, check, job, schedule and sensor of a project folder, for `dg.Definitions.merge`.

    No executor is among them: ours runs our jobs, and assets that are materialized by themselves run under yours.

    Args:
        project: The project's folder, or the one of its files.
        key_prefix: Stands before the key of each asset, and before the name of each job, schedule, sensor and resource;
            null: as `eval-assets.toml` says, which the command line goes by too.
        group: The group of the assets; null: as `eval-assets.toml` says, else `evaluation`.
        upstream: Dataset → the asset of yours that it is made of, such as `{"support": "warehouse/support_tickets"}`.
        gates_on: Evaluation → the asset of yours that its gate is a check of.

    Raises:
        ConfigError: There is no such project, dataset or evaluation, or `eval-assets.toml` says another prefix.
    """
    settings = settings_from(data_dir=Path(project))
    names = names_in_location(settings, key_prefix, group)
    loaded = load_project(settings.data_dir, settings.warehouse_root)
    neighbours = neighbours_of(loaded, upstream, gates_on)
    return assembled(loaded, engine_room_for(settings), settings, names, neighbours)


def assembled(
    project: Project,
    engine_room: object,
    settings: Settings,
    names: Names,
    neighbours: Neighbours = NO_NEIGHBOURS,
) -> dg.Definitions:
    """The same over a project that is loaded.

    Args:
        project: The files in `data/`.
        engine_room: The resource behind all assets: a resource that opens it, or an `EngineRoom` that is already open.
        settings: Where the files lie that sensors watch.
        names: What everything is called.
        neighbours: Assets of others.
    """
    return dg.Definitions.merge(
        job_definitions(project, engine_room, names, neighbours),
        dg.Definitions(
            asset_checks=asset_gates(project, run_plan, names, neighbours),
            jobs=[refresh_job(run_plan, queue_plan, names), maintain_job(names)],
            schedules=[*evaluation_schedules(project, names), maintenance_schedule(names)],
            sensors=[
                watch_files_sensor(settings, project, names),
                refresh_stale_sensor(settings, project, names),
                collect_batches_sensor(settings, project, names),
                *([send_alerts_sensor(settings, names)] if project.alerts else []),
                *([watch_upstream_sensor(settings, project, names, neighbours)] if neighbours.upstream else []),
            ],
        ),
    )
