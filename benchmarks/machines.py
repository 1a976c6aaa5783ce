"""One plan on several machines that share nothing but a warehouse in an object store: what is paid, seconds, requests.

    python -m benchmarks.machines [--workers 1 2 4] [--models 8] [--prompts 5] [--examples 50] [--judged]
        [--latency 2] [--store-latency 0] [--concurrency 32] [--endpoint URL]

Each worker is the same command, `eval-assets run`, in a process, project folder, state folder and Dagster home of its
own. The provider and the store are processes on loopback; `--endpoint` names another store. The first line is one
process on a local warehouse: every table of the others is compared with its tables, but for what tells runs apart
(ids of runs and replies, times, versions of tables, and whether another run paid for a reply).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.latency import Measured, Size, write_project
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import SCHEMAS
from tests.loopback_s3 import LoopbackS3

ROOT = Path(__file__).parents[1]
OF_RUNS = {"run_id", "response_id", "latency_seconds", "first_token_seconds", "requested_at", "reused", "versions"}
NOT_COMPARED = {"runs", "responses", "aggregate_history"}
"""Tables that hold who did what, and when."""


@dataclass(frozen=True)
class Measure:
    """What the workers of one line took."""

    seconds: float
    n_paid: int
    n_least: int
    n_store: int | None
    differing: Sequence[str]


def environment_of(folder: Path, root: str | None, store: Mapping[str, str]) -> dict[str, str]:
    """Variables of one worker, which has folders of its own."""
    own = {"DAGSTER_HOME": str(folder / "home"), "EVAL_ASSETS_STATE": str(folder / "state"), "OPENAI_API_KEY": "none"}
    where = {} if root is None else {"EVAL_ASSETS_WAREHOUSE": root}
    return {**os.environ, **store, **own, **where, "PYTHONPATH": str(ROOT)}


def start(folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start one worker."""
    command = [sys.executable, "-m", "eval_assets", "--data", str(folder / "data"), "run", "many"]
    return subprocess.Popen(  # noqa: S603
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def tables_of(warehouse: Warehouse) -> dict[str, pl.DataFrame]:
    """Every table, without what tells runs apart, in the order of its values."""
    found = {}
    for table in SCHEMAS.keys() - NOT_COMPARED:
        if warehouse.exists(table):
            frame = warehouse.scan(table).collect()
            kept = [column for column, dtype in frame.schema.items() if column not in OF_RUNS and dtype != pl.Datetime]
            found[table] = frame.select(pl.col(kept).cast(pl.String, strict=False)).sort(kept)
    return found


def differing(found: Mapping[str, pl.DataFrame], wanted: Mapping[str, pl.DataFrame]) -> list[str]:
    """Tables that aren't equal, and in which columns."""
    return [
        f"{table} ({' '.join(columns_between(found.get(table), wanted.get(table)))})"
        for table in sorted(found.keys() | wanted.keys())
        if columns_between(found.get(table), wanted.get(table))
    ]


def columns_between(found: pl.DataFrame | None, wanted: pl.DataFrame | None) -> list[str]:
    """Columns in which two tables differ; a table without rows is like none."""
    found, wanted = pl.DataFrame() if found is None else found, pl.DataFrame() if wanted is None else wanted
    if found.height != wanted.height:
        return [f"{found.height} rows, expected {wanted.height}"]
    return [name for name in wanted.columns if wanted.height and not found[name].equals(wanted[name])]


class Experiment:
    """One size, one provider, and the tables that a single process makes."""

    def __init__(self, folder: Path, provider: Measured, size: Size, *, is_judged: bool) -> None:
        self._folder, self._provider, self._size, self._is_judged = folder, provider, size, is_judged
        self._wanted: dict[str, pl.DataFrame] = {}

    @property
    def n_least(self) -> int:
        """Requests that have to be paid."""
        return self._size.n_requests if self._is_judged else self._size.n_requests // 2

    def alone(self) -> Measure:
        """One process, on a local warehouse."""
        folder = self._folder / "alone"
        seconds = self._run([folder], None, {})
        self._wanted = tables_of(Warehouse(str(folder / "data" / "warehouse")))
        return Measure(seconds, self._provider.taken()["requests"], self.n_least, None, ())

    def together(self, n_workers: int, store: LoopbackS3 | None, options: Mapping[str, str]) -> Measure:
        """So many workers on one new warehouse in the store."""
        before = 0 if store is None else store.n_requests
        root = f"s3://lake/of-{n_workers}-{time.time_ns()}"
        folders = [self._folder / f"{n_workers}-{number}" for number in range(n_workers)]
        seconds = self._run(folders, root, {name.upper(): value for name, value in options.items()})
        n_store = None if store is None else store.n_requests - before
        found = tables_of(Warehouse(root, options))
        n_paid = self._provider.taken()["requests"]
        return Measure(seconds, n_paid, self.n_least, n_store, differing(found, self._wanted))

    def _run(self, folders: Sequence[Path], root: str | None, store: Mapping[str, str]) -> float:
        for folder in folders:
            project = write_project(folder, self._provider.base_url, self._size)
            if not self._is_judged:
                project.write("evaluations", "many", judges=[], metrics=["exact_match"])
        began = time.perf_counter()
        workers = [start(folder, environment_of(folder, root, store)) for folder in folders]
        for worker in workers:
            output, _ = worker.communicate()
            if worker.returncode:
                raise RuntimeError(output[-3_000:])
        return time.perf_counter() - began


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--prompts", type=int, default=5)
    parser.add_argument("--examples", type=int, default=50)
    parser.add_argument("--judged", action="store_true")
    parser.add_argument("--latency", type=float, default=2.0)
    parser.add_argument("--store-latency", type=float, default=0.0)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--endpoint", help="Of an S3 server that runs already and has the bucket `lake`.")
    chosen = parser.parse_args()
    size = Size(chosen.models, chosen.prompts, chosen.examples, chosen.latency, chosen.concurrency)
    provider = Measured(chosen.latency)
    own = LoopbackS3(latency_seconds=chosen.store_latency) if chosen.endpoint is None else None
    print("| workers | seconds | paid | least | requests to the store | tables that differ |")
    print("| --- | ---: | ---: | ---: | ---: | --- |", flush=True)
    with tempfile.TemporaryDirectory() as folder, own or nullcontext() as store:
        options = LoopbackS3.options_of(chosen.endpoint) if store is None else store.options
        experiment = Experiment(Path(folder), provider, size, is_judged=chosen.judged)
        try:
            show("1, local warehouse", experiment.alone())
            for n_workers in chosen.workers:
                show(str(n_workers), experiment.together(n_workers, store, options))
                if store is not None:
                    print("\n".join(f"    {kind}: {n}" for kind, n in store.asked.items()), file=sys.stderr)
        finally:
            provider.close()


def show(label: str, measure: Measure) -> None:
    """Print one line."""
    n_store = "" if measure.n_store is None else f"{measure.n_store:,}"
    differ = ", ".join(measure.differing) or "none"
    print(
        f"| {label} | {measure.seconds:.1f} | {measure.n_paid:,} | {measure.n_least:,} | {n_store} | {differ} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
