"""A sensor that reads a dataset again when the asset it is made of is newer than what was read."""

import dagster as dg

from eval_assets.config.project import Project
from eval_assets.config.settings import Settings
from eval_assets.names import Names
from eval_assets.neighbours import Neighbours, newest_event
from eval_assets.stages.handing_over import handed_state, is_handed_over
from eval_assets.storage.warehouse import Warehouse

INTERVAL_SECONDS = 30
DATASETS = "eval_datasets"


def watch_upstream_sensor(
    settings: Settings, project: Project, names: Names, neighbours: Neighbours
) -> dg.SensorDefinition:
    """The sensor `watch_upstream`; what becomes stale below the dataset is the business of others.

    Args:
        settings: Where rows lie that were handed over.
        project: Says which are.
        names: What sensor and assets are called.
        neighbours: Datasets, and the assets they are made of.
    """
    asset, warehouse = names.key(DATASETS), Warehouse(settings.warehouse_root, settings.storage_options)

    @dg.sensor(
        name=names.of("watch_upstream"),
        asset_selection=dg.AssetSelection.assets(asset),
        minimum_interval_seconds=INTERVAL_SECONDS,
        description="Reads a dataset again when the asset it is made of was materialized or observed since.",
    )
    def watch_upstream(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        requests = []
        for dataset, upstream in neighbours.upstream.items():
            theirs = newest_event(context.instance, upstream)
            if theirs is None:
                continue
            if is_handed_over(project, dataset):
                # A dataset is also read for other reasons, from rows that were handed over long ago.
                is_read = handed_state(warehouse, dataset) == theirs.run_id
            else:
                read = newest_event(context.instance, asset, dataset)
                is_read = read is not None and read.storage_id > theirs.storage_id
            if not is_read:
                # The key keeps a run that failed from being asked for again before there is something new.
                request = dg.RunRequest(
                    run_key=f"{dataset}/{theirs.storage_id}", partition_key=dataset, asset_selection=[asset]
                )
                requests.append(request)
        reason = None if requests else dg.SkipReason("every dataset is as new as its asset")
        return dg.SensorResult(run_requests=requests, skip_reason=reason)

    return watch_upstream
