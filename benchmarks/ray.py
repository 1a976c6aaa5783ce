"""What Ray costs and brings on one machine: metrics over many predictions and a tiny local model, with equal scores.

    python -m benchmarks.ray                                             # 1,000,000 predictions, 5,000 prompts
    python -m benchmarks.ray --predictions 20000 --prompts 200

Each way is a process of its own with all that it starts. Seconds of computing and memory are those of the whole tree of
processes, read a few times a second: processes that live shorter than that are missed, pages that several share are
divided among them. "Ready" is the time until the first shard or reply: imports, Ray's start, loading the model.
"""

import argparse
import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.local_models import made_model
from benchmarks.metrics import print_table, write_predictions

ROOT = Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.25
CELL = {"evaluation": "benchmark", "model": "m", "prompt": "p"}
REPLY_TOKENS = 16

METRIC_WAYS = ("this process", "two processes", "ray")
MODEL_WAYS = ("one thread", "two threads", "ray")


def main() -> None:
    """Print a table for metrics and one for the model; in a child, run one way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=int, default=1_000_000)
    parser.add_argument("--prompts", type=int, default=5_000)
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "WAY", "PATH"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        what, way, path = chosen.child
        print(json.dumps(scored(way, path) if what == "metrics" else answered(way, Path(path), chosen.prompts)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print(f"{chosen.predictions:,} predictions of 101 words, metrics of text-summarization without toxicity\n")
        path = write_predictions(folder, "synthetic", chosen.predictions)
        compare(METRIC_WAYS, lambda way: ["metrics", way, str(path)], [])
        print(f"\n{chosen.prompts:,} prompts, {REPLY_TOKENS} tokens each from a tiny Llama on processors\n")
        (folder / "model").mkdir()
        made_model(folder / "model", tiny=True)
        compare(MODEL_WAYS, lambda way: ["model", way, str(folder / "model")], ["--prompts", str(chosen.prompts)])


def compare(ways: tuple[str, ...], child: Callable[[str], list[str]], options: list[str]) -> None:
    """Run each way and print a line for it; stop where results differ from those of the first."""
    rows, first = [], None
    for way in ways:
        found, seconds, megabytes = measured([*options, "--child", *child(way)])
        first = first or found
        is_equal = found["sha256"] == first["sha256"]
        numbers = [found["ready"], found["seconds"] - found["ready"], seconds, megabytes]
        rows.append([way, *(f"{number:.1f}" for number in numbers), "yes" if is_equal else "NO"])
    print_table(["", "ready, s", "then, s", "computing, s", "memory, MB", "equal"], rows)
    assert all(row[-1] == "yes" for row in rows)


def measured(arguments: list[str]) -> tuple[dict[str, Any], float, float]:
    """What a child printed, CPU seconds of all its processes, and the most memory that they held together."""
    command = [sys.executable, "-m", "benchmarks.ray", *arguments]
    environment = {**os.environ, "TRANSFORMERS_VERBOSITY": "error"}
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)  # noqa: S603
    seconds, peak = dict[int, float](), 0.0
    while running.poll() is None:
        held = 0.0
        for pid in tree(running.pid):
            try:
                seconds[pid], megabytes = usage(pid)
            except OSError:
                continue  # it ended meanwhile
            held += megabytes
        peak = max(peak, held)
        time.sleep(SAMPLE_SECONDS)
    assert running.stdout is not None
    said = running.stdout.read()
    if running.returncode:
        sys.exit(f"{command} failed")
    return json.loads(said.splitlines()[-1]), sum(seconds.values()), peak


def tree(root: int) -> Iterator[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [root]
    while found:
        pid = found.pop()
        yield pid
        found += children.get(pid, [])


def usage(pid: int) -> tuple[float, float]:
    """CPU seconds of a process so far, and its share of memory in MB."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    held = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kilobytes = next(int(line.split()[1]) for line in held.splitlines() if line.startswith("Pss:"))
    return (int(fields[11]) + int(fields[12])) / TICK, kilobytes / 1024


def scored(way: str, path: str) -> Mapping[str, Any]:
    """Score a table of predictions."""
    began = time.perf_counter()
    import polars as pl

    from eval_assets.cluster.ray_session import RaySession, Share
    from eval_assets.metrics.registry import resolve_metrics
    from eval_assets.metrics.scoring.prediction_scores import score_predictions
    from eval_assets.metrics.scoring.ray_shards import RayShards
    from eval_assets.metrics.scoring.workers import Workers

    metrics = resolve_metrics("text-summarization", without=("toxicity",))
    session = RaySession(ROOT)
    shards = {"this process": None, "two processes": Workers(2), "ray": RayShards(session, Share())}[way]
    scores = score_predictions(pl.scan_parquet(path), metrics, previous=None, cell=CELL, run_id="r", shards=shards)
    digest, ready = hashlib.sha256(), 0.0
    for frame in scores:
        ready = ready or time.perf_counter() - began
        digest.update(frame.hash_rows().to_numpy().tobytes())
    session.close()
    return {"ready": ready, "seconds": time.perf_counter() - began, "sha256": digest.hexdigest()}


def answered(way: str, folder: Path, n_prompts: int) -> Mapping[str, Any]:
    """Have prompts answered by the model in a folder."""
    began = time.perf_counter()
    from eval_assets.cluster.ray_session import RaySession
    from eval_assets.config.model import Model, ModelFile
    from eval_assets.providers.clients.surroundings import Surroundings
    from eval_assets.providers.local.embedded import EmbeddedServers
    from eval_assets.providers.local.transformers_opening import open_transformers
    from eval_assets.requests.exchange import Request

    session = RaySession(folder)
    fields = {"one thread": {}, "two threads": {"threads": 2}, "ray": {"engine": "ray", "replicas": 2}}[way]
    file = ModelFile.model_validate({"provider": "transformers", "model": str(folder), **fields})
    parameters = {"temperature": 0, "max_tokens": REPLY_TOKENS}
    texts = [" ".join(f"w{(row * 7 + word) % 500}" for word in range(4 + row % 20)) for row in range(n_prompts)]
    ready = 0.0

    async def ask_all() -> list[str | None]:
        client = open_transformers(
            Model(name="tiny", file=file), Surroundings(folder, EmbeddedServers(), cluster=session)
        )
        slots = asyncio.Semaphore(file.limits.max_concurrency)

        async def ask(text: str) -> str | None:
            nonlocal ready
            async with slots:
                reply = await client.complete(Request(({"role": "user", "content": text},), parameters))
            ready = ready or time.perf_counter() - began
            return reply.output

        try:
            return await asyncio.gather(*map(ask, texts))
        finally:
            await client.aclose()

    outputs = asyncio.run(ask_all())
    session.close()
    sha256 = hashlib.sha256(json.dumps(outputs).encode()).hexdigest()
    return {"ready": ready, "seconds": time.perf_counter() - began, "sha256": sha256}


if __name__ == "__main__":
    main()
