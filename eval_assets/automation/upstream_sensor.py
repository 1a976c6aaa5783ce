"""A sensor that reads a dataset again when the asset it is made of is newer than what was read."""

import dagster as dg

from eval_assets.names import Names
from eval_assets.neighbours import Neighbours

INTERVAL_SECONDS = 30
DATASETS = "eval_datasets"


def watch_upstream_sensor(names: Names, neighbours: Neighbours) -> dg.SensorDefinition:
    """The sensor `watch_upstream`; what becomes stale below the dataset is the business of others.

    Args:
        names: What sensor and assets are called.
        neighbours: Datasets, and the assets they are made of.
    """
    asset = names.key(DATASETS)

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
            read = newest_event(context.instance, asset, dataset)
            if theirs is not None and (read is None or read.storage_id < theirs.storage_id):
                # The key keeps a run that failed from being asked for again before there is something new.
                request = dg.RunRequest(
                    run_key=f"{dataset}/{theirs.storage_id}", partition_key=dataset, asset_selection=[asset]
                )
                requests.append(request)
        reason = None if requests else dg.SkipReason("every dataset is as new as its asset")
        return dg.SensorResult(run_requests=requests, skip_reason=reason)

    return watch_upstream


def newest_event(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None = None
) -> dg.EventLogRecord | None:
    """The latest materialization or observation of an asset, or of a partition of it; null if there is none."""
    asked = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[partition] if partition else None)
    found = [
        record
        for fetch in (instance.fetch_materializations, instance.fetch_observations)
        for record in fetch(asked, limit=1).records
    ]
    return max(found, key=lambda record: record.storage_id, default=None)
