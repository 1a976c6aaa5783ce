"""A sensor that watches the files in `data/`: an edited file is read again, and what depends on it becomes stale."""

import json
from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from eval_assets.cells.fingerprints import FileVersions
from eval_assets.cells.graph import ROOT_TABLES
from eval_assets.config.project import load_project
from eval_assets.config.settings import Settings
from eval_assets.errors import ConfigError
from eval_assets.partitions import Partitions

INTERVAL_SECONDS = 10

AssetJob = dg.JobDefinition | UnresolvedAssetJobDefinition


def watch_files_sensor(settings: Settings, partitions: Partitions, jobs: Mapping[str, AssetJob]) -> dg.SensorDefinition:
    """The sensor `watch_files`; the automation condition of the assets does the rest.

    Args:
        settings: Where the files lie.
        partitions: The partitions this code location knows; a new file needs a reload of it first.
        jobs: Asset → the job that reads one of its files.
    """

    @dg.sensor(
        name="watch_files",
        jobs=list(jobs.values()),
        minimum_interval_seconds=INTERVAL_SECONDS,
        description="Reads a file of data/ again when its content changed.",
    )
    def watch_files(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        project = load_project(settings.data_dir)
        versions = FileVersions(project)
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        now: dict[str, str] = {}
        requests, unknown, broken = [], [], []
        for table, kind in ROOT_TABLES.items():
            known = set(partitions.by_name[table].get_partition_keys())
            for name in project.names(kind):
                place = f"{table}/{name}"
                try:
                    now[place] = versions.sha256(kind, name)
                except ConfigError as error:
                    broken.append(str(error))
                    continue
                if name not in known:
                    unknown.append(place)
                elif seen.get(place) != now[place]:
                    key = f"{place}@{now[place]}"
                    requests.append(dg.RunRequest(run_key=None, job_name=jobs[table].name, partition_key=name, tags={"eval_assets/file": key}))
        for problem in broken:
            context.log.warning(problem)
        if unknown:
            context.log.warning("new files, reload the code location to see them: %s", ", ".join(unknown))
        kept = {place: sha256 for place, sha256 in now.items() if place not in unknown}
        reason = None if requests else dg.SkipReason("no file changed")
        return dg.SensorResult(run_requests=requests, skip_reason=reason, cursor=json.dumps(kept))

    return watch_files
