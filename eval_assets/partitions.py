"""Partitions of every asset and the mappings between them, drawn from the files in `data/` and the table of stages."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from eval_assets.config.project import Project
from eval_assets.names import Names
from eval_assets.neighbours import NO_NEIGHBOURS, Neighbours
from eval_assets.stages.edges import partition_keys, upstream_of
from eval_assets.stages.evaluation_parts import part_key
from eval_assets.stages.file_versions import FILES_OF
from eval_assets.stages.graph import evaluation_name
from eval_assets.stages.stage import Stage, same_key
from eval_assets.stages.stage_table import STAGES


@dataclass(frozen=True)
class Partitions:
    """Partitions of each asset, and its dependencies with their mappings.

    Args:
        project: The files that declare them.
        keys: Table → partition keys.
        names: What the assets are called.
        neighbours: Assets of others that datasets are made of.
    """

    project: Project
    keys: dict[str, tuple[str, ...]]
    names: Names
    neighbours: Neighbours

    def of(self, table: str) -> dg.StaticPartitionsDefinition:
        """Partitions of an asset."""
        return dg.StaticPartitionsDefinition(list(self.keys[table]))

    def deps_of(self, table: str) -> list[dg.AssetDep]:
        """Upstream assets, each with the mapping of its partitions; for a file those of others.

        Names without a file are left to `check`: one of them would take the edges of all evaluations away.
        """
        if table == "eval_datasets":
            # An edge from an asset without partitions can't be told from one to all: a dataset of a file is read again
            # for nothing now and then, and stays the same.
            every = dg.AllPartitionMapping()
            theirs = dict.fromkeys(self.neighbours.upstream.values())
            return [dg.AssetDep(asset, partition_mapping=every) for asset in theirs]
        stage = STAGES[table]
        mappings: dict[str, dict[str, set[str]]] = {}
        for key in self._usable_places(stage):
            for upstream, made_from in upstream_of(self.project, table, key).items():
                mapping = mappings.setdefault(upstream, {})
                parts = [part_key(name, table) for name in made_from] if upstream == "evaluations" else made_from
                for part in parts:
                    mapping.setdefault(part, set()).add(key)
        return [
            dg.AssetDep(self.names.key(upstream))
            if stage.inputs.get(upstream) is same_key
            else dg.AssetDep(
                self.names.key(upstream), partition_mapping=dg.StaticPartitionMapping(self._known(upstream, mapping))
            )
            for upstream, mapping in mappings.items()
        ]

    def _usable_places(self, stage: Stage) -> Iterator[str]:
        """Partitions whose upstream partitions are known: those of evaluations whose file can be used."""
        if stage.unit != "file":
            yield from (key for key in self.keys[stage.table] if evaluation_name(key) in self.project.evaluations)

    def owners(self, table: str) -> list[str]:
        """Owners that the files behind an asset name; those of evaluations for what is computed."""
        owners: set[str] = set()
        for loaded in getattr(self.project, FILES_OF.get(table, "evaluations")).values():
            declared = next((part for part in ("card", "file") if hasattr(loaded.item, part)), None)
            owners.update((getattr(loaded.item, declared) if declared else loaded.item).owners)
        return sorted(owners)

    def _known(self, table: str, mapping: dict[str, set[str]]) -> dict[str, list[str]]:
        known = set(self.keys[table])
        return {key: sorted(keys) for key, keys in mapping.items() if key in known}


def partitions_of(project: Project, names: Names, neighbours: Neighbours = NO_NEIGHBOURS) -> Partitions:
    """Partition everything that `data/` declares."""
    return Partitions(project, partition_keys(project), names, neighbours)
