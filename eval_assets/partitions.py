"""Partitions of every asset and the mappings between them, drawn from the files in `data/`."""

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg

from eval_assets.config.project import Project
from eval_assets.stages.graph import (
    EVALUATION_TABLES,
    ROOT_TABLES,
    Cell,
    all_cells,
    cells_by,
    inputs_of_evaluation,
    judges_of,
)


@dataclass(frozen=True)
class Partitions:
    """Partition definitions, and the dependencies of each asset with their mappings."""

    project: Project
    cells: tuple[Cell, ...]
    by_cell: dg.StaticPartitionsDefinition
    by_name: dict[str, dg.StaticPartitionsDefinition]

    def deps_of(self, asset: str) -> list[dg.AssetDep]:
        """Upstream assets of an asset per cell or per evaluation, each with the mapping of its partitions."""
        evaluations = self._to_cells("evaluations", cells_by(self.cells, "evaluation"))
        match asset:
            case "predictions":
                return [
                    self._to_cells("eval_datasets", self._cells_by_dataset()),
                    self._to_cells("prompts", cells_by(self.cells, "prompt")),
                    self._to_cells("models", cells_by(self.cells, "model")),
                    evaluations,
                ]
            case "heuristic_metrics":
                return [dg.AssetDep("predictions"), evaluations]
            case "judge_scores":
                return [dg.AssetDep("predictions"), self._to_cells("judges", self._cells_by_judge()), evaluations]
            case "aggregate_reports":
                return [dg.AssetDep("heuristic_metrics"), dg.AssetDep("judge_scores"), evaluations]
            case _:
                return self._deps_per_evaluation(asset)

    def owners(self, kind: str) -> list[str]:
        """Owners that the files of a kind name, as Dagster shows them on the asset."""
        owners: set[str] = set()
        for loaded in getattr(self.project, kind).values():
            declared = next((part for part in ("card", "file") if hasattr(loaded.item, part)), None)
            owners.update((getattr(loaded.item, declared) if declared else loaded.item).owners)
        return sorted(owners)

    def _deps_per_evaluation(self, asset: str) -> list[dg.AssetDep]:
        """Edges computed from what each evaluation is made from; partitions of one name map to each other.

        Names without a file are left to `check`: one of them would take the edges of all evaluations away.
        """
        edges: dict[str, dict[str, set[str]]] = {}
        for name in self.project.evaluations:
            for table, keys in inputs_of_evaluation(self.project, asset, name).items():
                mapping = edges.setdefault(table, {})
                known = self.project.names(ROOT_TABLES[table]) if table in ROOT_TABLES else keys
                for key in (key for key in keys if key in known):
                    mapping.setdefault(key, set()).add(name)
        return [
            dg.AssetDep(table)
            if table in ("evaluations", *EVALUATION_TABLES)
            else dg.AssetDep(table, partition_mapping=dg.StaticPartitionMapping(mapping))
            for table, mapping in edges.items()
        ]

    def _to_cells(self, table: str, cells: dict[str, set[str]]) -> dg.AssetDep:
        known = set(self.project.names(ROOT_TABLES[table]))
        mapping = {name: sorted(keys) for name, keys in cells.items() if name in known}
        return dg.AssetDep(table, partition_mapping=dg.StaticPartitionMapping(mapping))

    def _cells_by_dataset(self) -> dict[str, set[str]]:
        return _collect((self.project.evaluation(cell.evaluation).file.dataset, cell.key) for cell in self.cells)

    def _cells_by_judge(self) -> dict[str, set[str]]:
        return _collect((judge, cell.key) for cell in self.cells for judge in judges_of(self.project, cell.evaluation))


def partitions_of(project: Project) -> Partitions:
    """Partition everything that `data/` declares."""
    cells = all_cells(project)
    return Partitions(
        project=project,
        cells=cells,
        by_cell=dg.StaticPartitionsDefinition([cell.key for cell in cells]),
        by_name={table: dg.StaticPartitionsDefinition(project.names(kind)) for table, kind in ROOT_TABLES.items()},
    )


def _collect(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    collected: dict[str, set[str]] = {}
    for name, key in pairs:
        collected.setdefault(name, set()).add(key)
    return collected
