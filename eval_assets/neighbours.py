"""Assets of others that a project is joined to: datasets that are theirs, and those that its gates are checks of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from eval_assets.config.problems import nearest
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError

AssetName = str | Sequence[str] | dg.AssetKey
"""A key as people write it: `warehouse/support_tickets`, its parts, or a key."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Assets of others.

    Args:
        upstream: Dataset → the asset whose rows it is made of.
        gates_on: Evaluation → the asset that its gate is a check of.
    """

    upstream: Mapping[str, dg.AssetKey] = field(default_factory=dict)
    gates_on: Mapping[str, dg.AssetKey] = field(default_factory=dict)


NO_NEIGHBOURS = Neighbours()


def neighbours_of(
    project: Project, upstream: Mapping[str, AssetName] | None, gates_on: Mapping[str, AssetName] | None
) -> Neighbours:
    """The assets that a code location names.

    Raises:
        ConfigError: There is no such dataset or evaluation, an evaluation has no gates, or a dataset whose rows are
            handed over has no asset.
    """
    named = Neighbours(
        {name: _key(asset) for name, asset in (upstream or {}).items()},
        {name: _key(asset) for name, asset in (gates_on or {}).items()},
    )
    _refuse_unknown("upstream", "a dataset", named.upstream, project.names("datasets"))
    _refuse_unknown("gates_on", "an evaluation", named.gates_on, project.names("evaluations"))
    for name in named.gates_on:
        if name in project.evaluations and not project.evaluation(name).file.gates:
            raise ConfigError(f"gates_on: expected an evaluation with gates, {name!r} has none; add some to its file")
    for name, loaded in project.datasets.items():
        source = loaded.item.card.rows
        if source is not None and source.asset and name not in named.upstream:
            raise ConfigError(
                f"{loaded.file}: expected the code location to name the asset that hands the rows over; add "
                f"`upstream: {{{name}: <asset key>}}` to the component, or to the call of `build_definitions`"
            )
    return named


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


def _key(asset: AssetName) -> dg.AssetKey:
    if isinstance(asset, dg.AssetKey):
        return asset
    return dg.AssetKey.from_user_string(asset) if isinstance(asset, str) else dg.AssetKey(list(asset))


def _refuse_unknown(field_name: str, kind: str, named: Iterable[str], known: Sequence[str]) -> None:
    for name in named:
        if name not in known:
            raise ConfigError(f"{field_name}: expected {kind} of the project, got {name!r}; {nearest(name, known)}")
