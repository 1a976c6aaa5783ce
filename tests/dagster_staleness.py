"""What Dagster itself holds for stale, and what its automation conditions request. Its private modules stay in here."""

from collections import defaultdict
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from eval_assets.names import COMPARE, EVALUATE_CELL
from eval_assets.plan_runs import QUIET
from eval_assets.stages.stage_table import OF_CELLS, OF_EVALUATIONS
from tests.projects import Lab

Requested = dict[str, set[str]]


def stale_in_dagster(lab: Lab) -> dict[str, set[str]]:
    """Asset → partitions that Dagster shows as stale or missing; fresh assets are left out."""
    with lab.engine_room() as engine_room:
        return stale_partitions(lab.definitions(engine_room), lab.instance)


def stale_partitions(definitions: dg.Definitions, instance: dg.DagsterInstance) -> dict[str, set[str]]:
    """The same of the assets of a code location that have partitions."""
    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    stale: dict[str, set[str]] = defaultdict(set)
    for key in graph.materializable_asset_keys:
        partitions = graph.get(key).partitions_def
        for partition in () if partitions is None else partitions.get_partition_keys():
            if resolver.get_status(key, partition) != StaleStatus.FRESH:
                stale[key.to_user_string()].add(partition)
    return dict(stale)


@dataclass
class AutomationSensor:
    """The automation sensor, a tick at a time."""

    lab: Lab
    cursor: object = None

    def tick(self) -> Requested:
        """Evaluate the conditions once; asset → partitions requested."""
        with self.lab.engine_room() as engine_room:
            result = dg.evaluate_automation_conditions(
                self.lab.definitions(engine_room),
                self.lab.instance,
                asset_selection=dg.AssetSelection.all(),
                cursor=self.cursor,
            )
        self.cursor = result.cursor
        tables = (*OF_CELLS, *OF_EVALUATIONS)
        asked = ((table, set(result.get_requested_partitions(self.lab.names.key(table)))) for table in tables)
        return {table: partitions for table, partitions in asked if partitions}

    def run(self, requested: Requested) -> None:
        """Run what was requested as the daemon does: assets with the same partition in one run."""
        assets: dict[tuple[str, str], list[dg.AssetKey]] = defaultdict(list)
        for table, partitions in requested.items():
            for partition in partitions:
                assets[COMPARE if table in OF_EVALUATIONS else EVALUATE_CELL, partition].append(
                    self.lab.names.key(table)
                )
        with self.lab.engine_room() as engine_room:
            definitions = self.lab.definitions(engine_room)
            for (job, partition), selection in sorted(assets.items(), reverse=True):
                definitions.resolve_job_def(self.lab.names.of(job)).execute_in_process(
                    partition_key=partition, instance=self.lab.instance, asset_selection=selection, run_config=QUIET
                )

    def settle(self, ticks: int = 4) -> list[Requested]:
        """Tick and run until nothing is requested; what each tick asked for."""
        asked = []
        for _ in range(ticks):
            requested = self.tick()
            if not requested:
                return asked
            asked.append(requested)
            self.run(requested)
        raise AssertionError(f"expected quiet after {ticks} ticks, got {asked}")
