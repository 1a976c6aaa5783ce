"""What Dagster itself takes for the runs of the cells: a limit for `benchmarks.latency`.

    python -m benchmarks.empty_runs [--cells 20]

As many runs as cells, each through `execute_in_process` on an instance on disk, one partition each: assets, checks and
edges as many as a cell has, and nothing computed. Once with the storage of runs that Dagster brings, once with the one
that a new project gets; whatever a run takes beyond it is what the stages compute and commit.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator

import dagster as dg
import yaml

from eval_assets.automation.run_history import SETTINGS
from eval_assets.automation.uncaptured import uncaptured

STAGES = ("predictions", "heuristic_metrics", "judge_scores", "aggregate_reports")
CHECKED = STAGES[:3]
FILES = ("eval_datasets", "prompts", "models", "judges", "evaluations")
QUIETLY = {"telemetry": {"enabled": False}}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def definitions(n_cells: int) -> dg.Definitions:
    """Assets that materialize nothing, with the edges of a cell."""
    partitions = dg.StaticPartitionsDefinition([f"cell-{number}" for number in range(n_cells)])
    above = [dg.AssetSpec(name) for name in FILES]

    def stage(name: str, deps: list[str]) -> dg.AssetsDefinition:
        spec = dg.AssetCheckSpec("data_quality", asset=name)
        checks = [spec] if name in CHECKED else []

        @dg.asset(name=name, deps=deps, partitions_def=partitions, check_specs=checks)
        def empty() -> Iterator[dg.MaterializeResult[None]]:
            metadata: dict[str, int | str] = {"rows": 16, "failed": 0, "sent": 0, "seconds": 1, "note": "nothing"}
            results = [dg.AssetCheckResult(passed=True, check_name="data_quality")] if checks else []
            yield dg.MaterializeResult(metadata=metadata, check_results=results, data_version=dg.DataVersion(name))

        return empty

    edges = [*FILES]
    assets = []
    for name in STAGES:
        assets.append(stage(name, [*edges]))
        edges.append(name)
    return dg.Definitions(assets=[*above, *assets], jobs=[dg.define_asset_job("cell", selection=list(STAGES))])


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=20)
    n_cells = parser.parse_args().cells
    print(f"{n_cells} runs of {len(STAGES)} assets and {len(CHECKED)} checks that do nothing")
    job = definitions(n_cells).get_repository_def().get_job("cell")
    for storage in ("Dagster's own", "of a new project"):
        with tempfile.TemporaryDirectory() as folder:
            ours = yaml.safe_load(SETTINGS) if storage == "of a new project" else {}
            os.environ["DAGSTER_HOME"] = folder  # where ours keeps its files
            with dg.DagsterInstance.local_temp(folder, {**QUIETLY, **ours}) as instance:
                seconds, cpu = measured(job, instance, n_cells)
        print(f"storage {storage}: {seconds:.2f} s, {cpu:.2f} CPU s; {seconds / n_cells:.3f} s each")


def measured(job: dg.JobDefinition, instance: dg.DagsterInstance, n_cells: int) -> tuple[float, float]:
    """Seconds and CPU seconds of the runs, after one that makes the files."""
    job.execute_in_process(instance=instance, partition_key="cell-0", run_config=QUIET)
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    with uncaptured(instance):
        for number in range(n_cells):
            job.execute_in_process(instance=instance, partition_key=f"cell-{number}", run_config=QUIET)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
