"""A sensor that watches the files in `data/`: an edited file is read again, and what depends on it becomes stale."""

import json
from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from eval_assets.automation.backfill import missing_in_dagster
from eval_assets.automation.unchanged import LastLook
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import Settings
from eval_assets.errors import EvalAssetsError
from eval_assets.partitions import Partitions, reading_key
from eval_assets.planning.staleness import StalenessReader
from eval_assets.stages.file_versions import FILES_OF, FileVersions
from eval_assets.stages.stage_table import FILES
from eval_assets.storage.warehouse import Warehouse
from eval_assets.wording.foreign_text import visible_text

INTERVAL_SECONDS = 10

AssetJob = dg.JobDefinition | UnresolvedAssetJobDefinition


def watch_files_sensor(settings: Settings, partitions: Partitions, jobs: Mapping[str, AssetJob]) -> dg.SensorDefinition:
    """The sensor `watch_files`; the automation condition of the assets does the rest.

    Args:
        settings: Where the files lie.
        partitions: The partitions this code location knows; a new file needs a reload of it first.
        jobs: Asset → the job that reads one of its files.
    """
    warehouse = Warehouse(settings.warehouse_root, settings.storage_options)
    last_look = LastLook(settings, warehouse)

    @dg.sensor(
        name="watch_files",
        jobs=list(jobs.values()),
        minimum_interval_seconds=INTERVAL_SECONDS,
        description="Reads a file of data/ again when its content is not what its table holds.",
    )
    def watch_files(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if last_look.is_the_same(context.cursor):
            return dg.SensorResult(skip_reason=dg.SkipReason("nothing changed"), cursor=context.cursor)
        state = last_look.state(context.cursor)
        project = load_project(settings.data_dir)
        versions = FileVersions(project)
        reader = StalenessReader(project, versions, warehouse, missing_in_dagster(context.instance, project))
        asked: dict[str, str] = json.loads(context.cursor or "{}")
        wanted: dict[str, str] = {}
        requests, unknown = [], []
        for table in FILES:
            kind = FILES_OF[table]
            known = partitions.project.names(kind)
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
                    tags = {"eval_assets/file": f"{place}@{content}"}
                    key = reading_key(table, name)
                    requests.append(dg.RunRequest(job_name=jobs[table].name, partition_key=key, tags=tags))
        if unknown:
            context.log.warning("new files, reload the code location to see them: %s", ", ".join(unknown))
        reason = None if requests else dg.SkipReason("every file is read")
        cursor = json.dumps(wanted)
        last_look.remember(state, cursor)
        return dg.SensorResult(run_requests=requests, skip_reason=reason, cursor=cursor)

    return watch_files
