"""A sensor that watches the files in `data/`: an edited file is read again, and what depends on it becomes stale."""

import json

import dagster as dg

from eval_assets.assets.file_reading import reading_config
from eval_assets.automation.backfill import missing_in_dagster
from eval_assets.automation.unchanged import LastLook
from eval_assets.config.project import Project
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import Settings
from eval_assets.errors import EvalAssetsError
from eval_assets.names import READ_FILES, Names
from eval_assets.planning.staleness import StalenessReader
from eval_assets.stages.file_versions import FILES_OF, FileVersions
from eval_assets.stages.stage_table import FILES
from eval_assets.storage.warehouse import Warehouse
from eval_assets.wording.foreign_text import visible_text

INTERVAL_SECONDS = 10


def watch_files_sensor(settings: Settings, loaded: Project, names: Names) -> dg.SensorDefinition:
    """The sensor `watch_files`; the automation condition of the assets does the rest.

    Args:
        settings: Where the files lie.
        loaded: The files this code location knows; a new one needs a reload of it first.
        names: What assets, job and sensor are called.
    """
    warehouse = Warehouse(settings.warehouse_root, settings.storage_options)
    last_look = LastLook(settings, warehouse, loaded)

    @dg.sensor(
        name=names.of("watch_files"),
        job_name=names.of(READ_FILES),
        minimum_interval_seconds=INTERVAL_SECONDS,
        description="Reads files of data/ again when their content is not what their tables hold, all in one run.",
    )
    def watch_files(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        state = last_look.state(context.cursor)
        if last_look.is_the_same(state):
            return dg.SensorResult(skip_reason=dg.SkipReason("nothing changed"), cursor=context.cursor)
        project = load_project(settings.data_dir, settings.warehouse_root)
        versions = FileVersions(project)
        reader = StalenessReader(project, versions, warehouse, missing_in_dagster(context.instance, project, names))
        asked: dict[str, str] = json.loads(context.cursor or "{}")
        wanted: dict[str, str] = {}
        changed, unknown = [], []
        for table in FILES:
            kind = FILES_OF[table]
            known = loaded.names(kind)
            for name in project.names(kind):
                place = f"{table}/{name}"
                try:
                    if reader.stale_root(table, name) is None:
                        continue
                    content = versions.sha256(kind, name)
                except EvalAssetsError as error:
                    context.log.warning(visible_text(str(error)))
                    continue
                if name not in known:
                    unknown.append(place)
                    continue
                wanted[place] = content
                # A run that failed is not repeated before the file changes again.
                if asked.get(place) != content:
                    changed.append(place)
        if unknown:
            context.log.warning("new files, reload the code location to see them: %s", ", ".join(unknown))
        cursor = json.dumps(wanted)
        last_look.remember(state, cursor)
        requests = [dg.RunRequest(run_config=reading_config(names, changed))] if changed else []
        reason = None if changed else dg.SkipReason("every file is read")
        return dg.SensorResult(run_requests=requests, skip_reason=reason, cursor=cursor)

    return watch_files
