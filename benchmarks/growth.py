"""What use leaves behind: plan, tick, look-up, report and size on disk after many commits and replies.

    python -m benchmarks.growth [--commits 100 1000 10000] [--replies 100000 1000000 10000000] [--appends 900]

Each count is measured before `eval-assets maintain` and after it, on a copy. Commits of the tables that a run writes
are log entries as a run two months ago left them, each with its data file, and a checkpoint every hundred. Replies
are in files of 2,000, as runs write them; those that are looked up are whole, the others have random keys. CPU
seconds, each in a process of its own, so that imports are in all of them alike. Last, what an append of a few replies
costs a process that has appended many times.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from eval_assets.requests.exchange import Reply
from eval_assets.requests.keys import KEY_SCHEMA, key_of
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.replies.stored_replies import row_of
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.run_tables import RESPONSES

TABLES = (
    "eval_datasets",
    "prompts",
    "evaluations",
    "predictions",
    "heuristic_metrics",
    "aggregate_reports",
    "comparison",
)
LANE = "openai-measured-00000000"
BATCH = 2_000
CHECKPOINT_EVERY = 100
SHOWN_APPENDS = 300
LONG_AGO = datetime.now(UTC) - timedelta(days=60)
ROOT = Path(__file__).parents[1]
FILES = {
    "datasets/items.yaml": "task: question-answering\n",
    "datasets/items.jsonl": "".join(
        json.dumps({"example_id": f"q{n}", "inputs": f"What is item {n}?", "targets": [f"item {n}"]}) + "\n"
        for n in range(16)
    ),
    **{f"prompts/p{n}.md": f"## user\nWay {n}: {{{{ inputs }}}}\n" for n in range(2)},
    **{
        f"models/m{n}.yaml": "provider: callable\ncallable: eval_assets.providers.baselines:lead_sentence\n"
        for n in range(2)
    },
    "evaluations/e.yaml": (
        f"dataset: items\nmodels: {[f'm{n}' for n in range(2)]}\nprompts: {[f'p{n}' for n in range(2)]}\n"
        "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level]\n"
    ),
}
TICK = """
import resource, sys
from pathlib import Path
import dagster as dg
from eval_assets.config.settings import settings_from
from eval_assets.definitions import assembled
from eval_assets.names import Names
from eval_assets.stages.engine_room import EngineRoom
settings = settings_from(data_dir=Path(sys.argv[1]))
with EngineRoom.from_settings(settings) as room, dg.DagsterInstance.get() as instance:
    sensor = assembled(room.project, room, settings, Names()).resolve_sensor_def("watch_files")
    cursor = None
    for _ in range(3):
        used = resource.getrusage(resource.RUSAGE_SELF)
        cursor = sensor(dg.build_sensor_context(instance=instance, cursor=cursor)).cursor
        now = resource.getrusage(resource.RUSAGE_SELF)
        print(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
"""


class Project:
    """The folder of a project, and processes that work on it."""

    def __init__(self, folder: Path) -> None:
        """`folder` may be a copy of another project's."""
        self.folder, self.data = folder, folder / "data"
        self.warehouse = self.data / "warehouse"

    def write(self) -> None:
        """Write its files."""
        for name, text in FILES.items():
            path = self.data / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def cpu_seconds(self, *arguments: str) -> tuple[float, str]:
        """Run Python with these arguments: CPU seconds, and what it printed."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        environment = {**os.environ, "DAGSTER_HOME": str(self.folder / "home"), "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(  # noqa: S603  our own commands
            [sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False, cwd=self.folder
        )
        if ended.returncode:
            raise SystemExit(f"{arguments}: {ended.stderr}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ended.stdout

    def command(self, *arguments: str) -> tuple[float, str]:
        """Run `eval-assets`."""
        return self.cpu_seconds("-m", "eval_assets", "--data", str(self.data), *arguments)

    def measured(self) -> dict[str, float]:
        """CPU seconds of each action, and megabytes on disk."""
        ticks = [float(line) for line in self.cpu_seconds("-c", TICK, str(self.data))[1].split()]
        return {
            "plan": self.command("plan")[0],
            "report": self.command("report", "e")[0],
            "first tick": ticks[0],
            "tick": ticks[-1],
            "MB": sum(path.stat().st_size for path in self.warehouse.rglob("*") if path.is_file()) / 1e6,
        }

    def copy(self, folder: Path) -> "Project":
        """A copy that shares its files' content: what is written is written to other files."""
        shutil.copytree(self.folder, folder, copy_function=os.link)
        return Project(folder)


def add_commits(table: Path, upto: int) -> None:
    """Replace the partitions of a table in turn, by the same rows, until it has so many commits."""
    log = table / "_delta_log"
    entries = [[json.loads(line) for line in path.read_text().splitlines()] for path in sorted(log.glob("*.json"))]
    latest: dict[str, tuple[dict[str, object], dict[str, object]]] = {}
    for entry in entries:
        (info,) = (action["commitInfo"] for action in entry if "commitInfo" in action)
        for action in entry:
            if "add" in action:
                latest[info["partition"]] = (info, action["add"])
    moment = int(LONG_AGO.timestamp() * 1000)
    turns = list(latest)
    for version in range(len(entries), upto):
        partition = turns[version % len(turns)]
        info, former = latest[partition]
        folder = Path(str(former["path"])).parent
        added = {**former, "path": f"{folder}/part-00000-{uuid.uuid4()}-c000.zstd.parquet", "modificationTime": moment}
        os.link(table / str(former["path"]), table / str(added["path"]))
        os.utime(table / str(added["path"]), (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
        removed = {
            **{name: former[name] for name in ("path", "partitionValues", "size")},
            "dataChange": True,
            "deletionTimestamp": moment,
            "extendedFileMetadata": True,
        }
        recorded = {**info, "commit_id": uuid.uuid4().hex, "timestamp": moment}
        lines = ({"commitInfo": recorded}, {"remove": removed}, {"add": added})
        (log / f"{version:020d}.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
        latest[partition] = (recorded, added)
        if version % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1:
            DeltaTable(str(table)).create_checkpoint()
    Warehouse(str(table.parent)).sum_up(table.name)  # as writers do
    for path in log.iterdir():
        os.utime(path, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))


def add_replies(warehouse: Warehouse, start: int, stop: int) -> None:
    """Append replies with these numbers; the first batch ever and the last of these are whole."""
    columns = {name: pl.lit(None, dtype=dtype) for name, dtype in RESPONSES.items()}
    whole = frame_of(range(BATCH))
    for first in range(start, stop, BATCH):
        if first in (0, stop - BATCH):
            frame = frame_of(range(first, first + BATCH))
        else:
            keys = [hashlib.sha256(f"{first + n}".encode()).hexdigest() for n in range(BATCH)]
            frame = whole.with_columns(request_key=pl.Series(keys), response_id=pl.Series(keys).str.head(32))
        warehouse.append("responses", frame.select(list(columns)), {"lane": LANE})


def request_of(number: int) -> str:
    """A canonical request of the length that real ones have."""
    return json.dumps({"n": number, "messages": "word " * 40, "parameters": {}})


def frame_of(numbers: range) -> pl.DataFrame:
    """Whole rows of `responses`."""
    rows = []
    for number in numbers:
        at = LONG_AGO + timedelta(seconds=number)
        reply = Reply("ok", f"answer {number}: " + "word " * 20, "stop", 0.1, at, 10, 20)
        key = key_of(request_of(number))
        rows.append(
            row_of(reply, lane=LANE, request_key=key, request=request_of(number), key_schema=KEY_SCHEMA, run_id="r")
        )
    return pl.DataFrame(rows, schema=RESPONSES, orient="row")


def looked_up(root: str, n: int) -> dict[str, float]:
    """Seconds of the first and the second look-up of a batch, of a scan of the lane for one, and megabytes."""
    store, warehouse = ResponseStore(Warehouse(root)), Warehouse(root)
    batches = [[key_of(request_of(number)) for number in range(first, first + BATCH)] for first in (0, n - BATCH)]
    seconds = []
    for batch in batches:
        began = time.process_time()
        if len(store.lookup(LANE, batch)) != BATCH:
            raise SystemExit("replies are lost")
        seconds.append(time.process_time() - began)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.process_time()
    wanted = pl.Series(batches[1]).implode()
    found = warehouse.scan("responses", {"lane": LANE}).filter(pl.col("request_key").is_in(wanted)).collect()
    scan = time.process_time() - began
    if found.height != BATCH:
        raise SystemExit("replies are lost")
    size = sum(path.stat().st_size for path in Path(root).rglob("*") if path.is_file()) / 1e6
    return {"first": seconds[0], "next": seconds[1], "scan": scan, "peak MB": memory, "MB": size}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commits", type=int, nargs="*", default=[100, 1_000, 10_000])
    parser.add_argument("--replies", type=int, nargs="*", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--appends", type=int, default=900)
    parser.add_argument("--look-up", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.look_up:
        print(json.dumps(looked_up(chosen.look_up[0], int(chosen.look_up[1]))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        tables = ((of_commits, chosen.commits), (of_replies, chosen.replies), (of_appends, chosen.appends))
        for line in chain(*(chain(lines(Path(scratch), asked), [""]) for lines, asked in tables if asked)):
            print(line, flush=True)


def of_commits(scratch: Path, counts: list[int]) -> Iterator[str]:
    """Lines of the table of commits."""
    project = Project(scratch / "project")
    project.write()
    project.command("run")
    yield "| commits of each table | plan, CPU s | report, CPU s | first tick | tick, nothing changed | MB |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    yield _commits_line("a fresh warehouse", project.measured())
    for n in counts:
        for table in TABLES:
            add_commits(project.warehouse / table, n)
        yield _commits_line(f"{n:,}", project.measured())
        copy = project.copy(scratch / f"copy-{n}")
        copy.command("maintain")
        yield _commits_line(f"{n:,}, maintained", copy.measured())
        shutil.rmtree(copy.folder)


def of_replies(scratch: Path, counts: list[int]) -> Iterator[str]:
    """Lines of the table of replies."""
    yield "| replies of a lane | first look-up, CPU s | next process | each next | a scan | peak MB | MB on disk |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    warehouse, n_before = Warehouse(str(scratch / "replies")), 0
    for n in counts:
        add_replies(warehouse, n_before, n)
        n_before = n
        yield _replies_line(f"{n:,}", warehouse.root, n)
        maintained = Project(scratch / f"maintained-{n}")
        maintained.data.mkdir(parents=True)
        shutil.copytree(warehouse.root, maintained.warehouse, copy_function=os.link)
        maintained.command("maintain", "--keep-days", "1")
        yield _replies_line(f"{n:,}, maintained", str(maintained.warehouse), n)
        shutil.rmtree(maintained.folder)


def of_appends(scratch: Path, n: int) -> Iterator[str]:
    """Lines of the table of appends."""
    yield "| appends by one process | CPU ms each | MB of the log |"
    yield "| --- | ---: | ---: |"
    warehouse, frame = Warehouse(str(scratch / "appends")), frame_of(range(20))
    for first in range(0, n, SHOWN_APPENDS):
        began = time.process_time()
        for _ in range(SHOWN_APPENDS):
            warehouse.append("responses", frame, {"lane": LANE})
        each = (time.process_time() - began) / SHOWN_APPENDS * 1000
        log = Path(warehouse.uri("responses"), "_delta_log")
        size = sum(path.stat().st_size for path in log.iterdir()) / 1e6
        yield f"| {first + 1:,} to {first + SHOWN_APPENDS:,} | {each:.1f} | {size:.1f} |"


def _commits_line(what: str, found: dict[str, float]) -> str:
    seconds = " | ".join(f"{found[name]:.2f}" for name in ("plan", "report", "first tick"))
    return f"| {what} | {seconds} | {found['tick']:.3f} | {found['MB']:,.1f} |"


def _replies_line(what: str, root: str, n: int) -> str:
    command = [sys.executable, "-m", "benchmarks.growth", "--look-up", root, str(n)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT) for _ in range(2)]  # noqa: S603
    ever, later = (json.loads(ended.stdout) for ended in runs)
    seconds = [ever["first"], later["first"], later["next"], later["scan"]]
    shown = " | ".join(f"{value:.3f}" for value in seconds)
    return f"| {what} | {shown} | {ever['peak MB']:,.0f} | {later['MB']:,.0f} |"


if __name__ == "__main__":
    main()
