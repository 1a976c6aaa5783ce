"""Asset checks with partitions, a preview feature of Dagster 1.13: everything that depends on it stands here."""

import warnings

import dagster as dg


def partitioned_spec(
    name: str, *, asset: dg.AssetKey, description: str, partitions_def: dg.PartitionsDefinition, blocking: bool = False
) -> dg.AssetCheckSpec:
    """A check of one partition of an asset, run with the asset and for the same partition.

    Args:
        name: Name of the check, unique among those of its asset.
        asset: The asset.
        description: What holds when it passes.
        partitions_def: Partitions of the asset.
        blocking: A failure of severity ERROR fails the run and keeps everything downstream from starting.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name, asset=asset, description=description, partitions_def=partitions_def, blocking=blocking
        )
