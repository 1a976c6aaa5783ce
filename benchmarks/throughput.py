"""Requests per second, CPU and memory of the whole engine, beside bare clients and Inspect AI.

    python -m benchmarks.throughput [--requests 2000] [--large 20000 50000] [--repeats 3] [--with-inspect]

Each contender runs in a process of its own, a loopback server in another. "eval-assets" renders prompts, computes keys,
limits, journals each reply, writes replies and predictions to Delta; the others only send and read the text. Its peak
memory is given twice: until the last reply, and with the commit of the predictions, for which Delta's writer has a
buffer that fills up by about 20,000 rows and then stays.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
INSPECT_FOLDER = Path(tempfile.gettempdir()) / "eval-assets-inspect"
QUESTION = "Context: {context}\nQuestion: what is item {n}? Answer in one sentence, only from the context."
CONTEXT = "The warehouse keeps every reply under the key of its request. " * 8
MODEL = "tiny"
INSPECT_SCRIPT = """
import json, resource, sys, time
base_url, n, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import get_model
from inspect_ai.solver import generate
question, context = sys.argv[4], sys.argv[5]
samples = [Sample(input=question.format(context=context, n=i), target="") for i in range(n)]
cpu, began = time.process_time(), time.perf_counter()
model = get_model("openai/tiny", base_url=base_url, api_key="none", responses_api=False)
log = eval(Task(dataset=MemoryDataset(samples), solver=generate()), model=model, max_connections=concurrency,
           max_samples=concurrency, display="none", log_dir=sys.argv[6], log_level="error")[0]
seconds = time.perf_counter() - began
assert log.status == "success", log.error
print(json.dumps({"seconds": seconds, "cpu": time.process_time() - cpu,
                  "peak_mb": (peak := resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "answered_mb": peak}))
"""


def prompts(n: int) -> Iterator[str]:
    """The rendered prompts."""
    return (QUESTION.format(context=CONTEXT, n=index) for index in range(n))


async def in_a_loop(n: int, concurrency: int, ask: Callable[[str], Awaitable[str]]) -> None:
    """What one writes by hand: workers that share an iterator."""
    waiting = prompts(n)

    async def worker() -> None:
        for prompt in waiting:
            assert (await ask(prompt)).startswith("echo")

    await asyncio.gather(*(worker() for _ in range(concurrency)))


def openai_default(base_url: str, n: int, concurrency: int) -> None:
    """The openai client as its README shows it."""
    _openai_client(base_url, n, concurrency, aiohttp_transport=False)


def openai_aiohttp(base_url: str, n: int, concurrency: int) -> None:
    """The openai client on its aiohttp transport."""
    _openai_client(base_url, n, concurrency, aiohttp_transport=True)


def _openai_client(base_url: str, n: int, concurrency: int, *, aiohttp_transport: bool) -> None:
    from openai import AsyncOpenAI, DefaultAioHttpClient

    async def main() -> None:
        http_client = DefaultAioHttpClient() if aiohttp_transport else None
        async with AsyncOpenAI(base_url=base_url, api_key="none", http_client=http_client) as client:

            async def ask(prompt: str) -> str:
                reply = await client.chat.completions.create(
                    model=MODEL, messages=[{"role": "user", "content": prompt}]
                )
                return reply.choices[0].message.content or ""

            await in_a_loop(n, concurrency, ask)

    asyncio.run(main())


def raw_aiohttp(base_url: str, n: int, concurrency: int) -> None:
    """The limit: post and parse."""
    import aiohttp

    async def main() -> None:
        async with aiohttp.ClientSession() as session:

            async def ask(prompt: str) -> str:
                body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
                async with session.post(f"{base_url}/chat/completions", json=body) as response:
                    return str((await response.json())["choices"][0]["message"]["content"])

            await in_a_loop(n, concurrency, ask)

    asyncio.run(main())


def eval_assets(base_url: str, n: int, concurrency: int) -> float:
    """The whole engine, with replies and predictions in Delta at the end. Returns the peak MB before that end."""
    import polars as pl

    from eval_assets.config.model import Limits
    from eval_assets.providers.clients.openai_client import OpenAIClient
    from eval_assets.providers.dispatch.engine import Engine
    from eval_assets.providers.dispatch.jobs import Job
    from eval_assets.requests.exchange import Request
    from eval_assets.requests.keys import ModelIdentity
    from eval_assets.storage.replies.responses import ResponseStore
    from eval_assets.storage.warehouse import Warehouse
    from eval_assets.tables.cell_tables import PREDICTIONS

    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(folder)
        engine = Engine(
            identity=ModelIdentity("openai", base_url, MODEL),
            client=OpenAIClient(model_id=MODEL, base_url=base_url),
            store=ResponseStore(warehouse),
            run_id="benchmark",
            limits=Limits(max_concurrency=concurrency),
        )
        jobs = (
            Job(Request(({"role": "user", "content": prompt},), {"temperature": 0}), position)
            for position, prompt in enumerate(prompts(n))
        )
        cell = {"evaluation": "e", "model": "m", "prompt": "p"}

        spool = Path(folder) / "spool"
        spool.mkdir()
        rows: list[dict[str, Any]] = []

        def spill() -> None:
            pl.DataFrame(rows, schema=PREDICTIONS).write_parquet(spool / f"{len(list(spool.iterdir())):06}.parquet")
            rows.clear()

        # Spooled first: the Delta writer must not wait for requests, nor repeat them when its commit is repeated.
        for answer in engine.answers(jobs, total=n):
            reply = answer.reply
            assert reply.output is not None
            assert reply.output.startswith("echo")
            rows.append(
                cell
                | {
                    "position": answer.job.tag,
                    "example_id": str(answer.job.tag),
                    "messages": json.dumps(answer.job.request.messages),
                    "output": reply.output,
                    "outcome": reply.outcome,
                    "finish_reason": reply.finish_reason,
                    "latency_seconds": reply.latency_seconds,
                    "prompt_tokens": reply.prompt_tokens,
                    "completion_tokens": reply.completion_tokens,
                    "cost_usd": reply.cost_usd,
                    "requested_at": reply.requested_at,
                    "request_key": answer.request_key,
                    "response_id": answer.response_id,
                    "reused": answer.reused,
                    "run_id": "benchmark",
                }
            )
            if len(rows) == 2_000:
                spill()
        spill()
        answered_mb = peak_mb()
        parts = sorted(spool.iterdir())
        warehouse.replace("predictions", lambda: (pl.read_parquet(part) for part in parts), cell)
        assert warehouse.scan("predictions").select(pl.len()).collect().item() == n
    return answered_mb


CONTENDERS: dict[str, Callable[[str, int, int], float | None]] = {
    "raw aiohttp (the limit)": raw_aiohttp,
    "openai client, aiohttp transport": openai_aiohttp,
    "openai client, default transport": openai_default,
    "eval-assets, whole engine": eval_assets,
}


BARE = "openai client, aiohttp transport"


def run_contender(name: str, base_url: str, n: int, concurrency: int) -> None:
    """Measure one contender in this process; imports and connection are warmed up outside the clock."""
    CONTENDERS[name](base_url, 2, 1)
    cpu, began = time.process_time(), time.perf_counter()
    answered_mb = CONTENDERS[name](base_url, n, concurrency)
    seconds = time.perf_counter() - began
    values = {"seconds": seconds, "cpu": time.process_time() - cpu, "peak_mb": peak_mb()}
    print(json.dumps({**values, "answered_mb": answered_mb or values["peak_mb"]}))


def peak_mb() -> float:
    """The most memory this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(command: list[str]) -> dict[str, float]:
    """Run one contender in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode:
        raise SystemExit(f"{command[:4]} failed:\n{result.stderr[-2000:]}")
    values: dict[str, float] = json.loads(result.stdout.strip().splitlines()[-1])
    return values


def inspect_command(base_url: str, n: int, concurrency: int) -> list[str]:
    """Inspect AI in an environment of its own, installed at the first use."""
    python = INSPECT_FOLDER / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(INSPECT_FOLDER)], check=True)  # noqa: S603
        subprocess.run([str(python), "-m", "pip", "install", "-q", "inspect-ai", "openai"], check=True)  # noqa: S603
    logs = tempfile.mkdtemp()
    return [str(python), "-c", INSPECT_SCRIPT, base_url, str(n), str(concurrency), QUESTION, CONTEXT, logs]


def median_of(runs: list[dict[str, float]], key: str) -> float:
    """The median over repeats."""
    return statistics.median(run[key] for run in runs)


def line_of(name: str, n: int, runs: list[dict[str, float]], bare: float) -> str:
    """One line of the table."""
    rate, cpu = n / median_of(runs, "seconds"), 1000 * median_of(runs, "cpu") / n
    memory = f"{median_of(runs, 'answered_mb'):>13.0f}{median_of(runs, 'peak_mb'):>9.0f}"
    return f"{name:36}{n:>9,}{rate:>12,.0f}{cpu:>13.2f}{memory}{rate / bare:>22.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--large", type=int, nargs="*", default=[20_000, 50_000], help="ours once more at each size")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--with-inspect", action="store_true")
    parser.add_argument("--contender", nargs=2, metavar=("NAME", "BASE_URL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    n, concurrency = arguments.requests, arguments.concurrency
    if arguments.contender:
        run_contender(arguments.contender[0], arguments.contender[1], n, concurrency)
        return

    server = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "tests.loopback", "--latency", str(arguments.latency)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        base_url = server.stdout.readline().strip()

        def command(name: str, size: int) -> list[str]:
            sizes = ["--requests", str(size), "--concurrency", str(concurrency)]
            return [sys.executable, "-m", "benchmarks.throughput", *sizes, "--contender", name, base_url]

        commands = {name: (command(name, n), arguments.repeats) for name in CONTENDERS}
        if arguments.with_inspect:
            commands["Inspect AI"] = (inspect_command(base_url, n, concurrency), 1)
        ideal = concurrency / arguments.latency
        print(f"{concurrency} at once, {arguments.latency * 1000:g} ms latency: ideal {ideal:,.0f} per second")
        columns = f"{'':36}{'requests':>9}{'per second':>12}{'CPU ms each':>13}{'MB, answered':>13}{'peak MB':>9}"
        print(f"{columns}{'to openai on aiohttp':>22}")
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
        # In turns, so that whatever else the machine does disturbs all alike.
        for turn in range(arguments.repeats):
            for name, (argv, repeats) in commands.items():
                if turn < repeats:
                    runs[name].append(measured(argv))
        bare = n / median_of(runs[BARE], "seconds")
        for name in commands:
            print(line_of(name, n, runs[name], bare), flush=True)
        ours = "eval-assets, whole engine"
        for size in arguments.large:
            print(line_of(ours, size, [measured(command(ours, size))], bare), flush=True)
    finally:
        server.kill()


if __name__ == "__main__":
    main()
