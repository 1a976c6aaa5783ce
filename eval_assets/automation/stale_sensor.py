"""A sensor that keeps evaluations up to date in one process: it asks for `refresh` when something new is stale."""

import json

import dagster as dg

from eval_assets.automation.backfill import missing_in_dagster
from eval_assets.automation.refresh import is_being_refreshed, refresh_config
from eval_assets.config.project import Project
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import Settings
from eval_assets.errors import ConfigError
from eval_assets.names import REFRESH_JOB, Names
from eval_assets.planning.plan import roots_of
from eval_assets.planning.staleness import StalenessReader
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.file_versions import FILES_OF, FileVersions
from eval_assets.stages.graph import cells_of
from eval_assets.storage.warehouse import Warehouse
from eval_assets.wording.foreign_text import visible_text

INTERVAL_SECONDS = 30


def refresh_stale_sensor(settings: Settings, loaded: Project, names: Names) -> dg.SensorDefinition:
    """The sensor `refresh_stale`.

    Args:
        settings: Where the files lie.
        loaded: The evaluations this code location knows; a new one needs a reload of it first.
        names: What assets, job and sensor are called.
    """
    warehouse = Warehouse(settings.warehouse_root, settings.storage_options)

    @dg.sensor(
        name=names.of("refresh_stale"),
        job_name=names.of(REFRESH_JOB),
        minimum_interval_seconds=INTERVAL_SECONDS,
        description="Reads changed files and runs what became stale, each evaluation in one run.",
    )
    def refresh_stale(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        project = load_project(settings.data_dir, settings.warehouse_root)
        versions = FileVersions(project)
        reader = StalenessReader(project, versions, warehouse, missing_in_dagster(context.instance, project, names))
        asked: dict[str, str] = json.loads(context.cursor or "{}")
        wanted: dict[str, str] = {}
        for name in sorted(set(project.names("evaluations")) & set(loaded.names("evaluations"))):
            try:
                state = _state(project, versions, reader, name)
            except ConfigError as error:
                context.log.warning(visible_text(str(error)))
                continue
            # What waits or runs is asked about again when it is done.
            if state and not is_being_refreshed(context.instance, name, names):
                wanted[name] = state
            elif state and name in asked:
                wanted[name] = asked[name]
        # What a run left stale, such as rows that failed, is not tried again before something changes.
        new = [name for name, state in wanted.items() if asked.get(name) != state]
        if not new:
            reason = dg.SkipReason("nothing new is stale")
            return dg.SensorResult(skip_reason=reason, cursor=json.dumps(wanted))
        request = dg.RunRequest(run_config=refresh_config(names, evaluations=new))
        return dg.SensorResult(run_requests=[request], cursor=json.dumps(wanted))

    return refresh_stale


def _state(project: Project, versions: FileVersions, reader: StalenessReader, evaluation: str) -> str:
    """Names what is stale of an evaluation, and the content it would be made from; empty if nothing is.

    Rows that failed are left out: asking for them again and again is for a person to decide.

    Raises:
        ConfigError: A file can't be used.
    """
    roots = roots_of(project, evaluation, cells_of(project, evaluation))
    changed = [
        [table, name, versions.sha256(FILES_OF[table], name)]
        for table, name in roots
        if reader.stale_root(table, name) is not None
    ]
    outdated = list(reader.outdated(evaluation))
    return content_sha256([changed, outdated]) if changed or outdated else ""
