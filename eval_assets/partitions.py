"""Partitions of every asset and the mappings between them, drawn from the files in `data/`."""

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg

from eval_assets.cells.graph import ROOT_TABLES, Cell, all_cells, cells_by, judges_of
from eval_assets.config.project import Project


@dataclass(frozen=True)
class Partitions:
    """Partition definitions, and the dependencies of each asset with their mappings."""

    project: Project
    cells: tuple[Cell, ...]
    by_cell: dg.StaticPartitionsDefinition
    by_name: dict[str, dg.StaticPartitionsDefinition]

    def deps_of(self, asset: str) -> list[dg.AssetDep]:
        """Upstream assets of a cell asset or of `comparison`, each with the mapping of its partitions."""
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
            case "comparison":
                to_evaluation = {cell.key: cell.evaluation for cell in self.cells}
                return [
                    dg.AssetDep("aggregate_reports", partition_mapping=dg.StaticPartitionMapping(to_evaluation)),
                    dg.AssetDep("evaluations"),
                ]
            case _:
                raise ValueError(f"expected a cell asset or 'comparison', got {asset!r}")

    def owners(self, kind: str) -> list[str]:
        """Owners that the files of a kind name, as Dagster shows them on the asset."""
        owners: set[str] = set()
        for loaded in getattr(self.project, kind).values():
            declared = next((part for part in ("card", "file") if hasattr(loaded.item, part)), None)
            owners.update((getattr(loaded.item, declared) if declared else loaded.item).owners)
        return sorted(owners)

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
