"""What 429s cost: throughput beside independent workers of the same number, and how many 429s each provokes.

    python -m benchmarks.rate_limits [--requests 960] [--concurrency 64] [--latency 1] [--ceiling 20]

A loopback provider, in a process of its own, refuses a share of requests at random, or all beyond a ceiling per second
(a token bucket that holds one second), with `retry-after: 1`. Independent workers share an iterator; each waits as it
is told and asks again, for ever. "eval-assets" is the whole engine, with replies in Delta at the end: first on an
account that it doesn't know, then once more in the same process. A 429 is a request that brings nothing: "per reply"
tells how many were sent for each reply.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.loopback import Fault, LoopbackProvider

ROOT = Path(__file__).parents[1]
MODEL = "tiny"
REFUSED = Fault(429, retry_after="1", message="slow down")
TOO_MANY = 429


def at_random(share: float) -> Callable[[Mapping[str, Any]], Fault | None]:
    """Refuses this share of requests, whatever is under way."""
    dice = random.Random(0)
    return lambda _: REFUSED if dice.random() < share else None


def beyond(per_second: float) -> Callable[[Mapping[str, Any]], Fault | None]:
    """Refuses what a token bucket doesn't hold."""
    level, filled_at = per_second, time.monotonic()

    def faults(_: Mapping[str, Any]) -> Fault | None:
        nonlocal level, filled_at
        now = time.monotonic()
        level, filled_at = min(per_second, level + (now - filled_at) * per_second), now
        if level < 1:
            return REFUSED
        level -= 1
        return None

    return faults


async def serve(latency: float, share: float, ceiling: float) -> None:
    """Be the provider."""
    faults = beyond(ceiling) if ceiling else at_random(share)
    provider = LoopbackProvider(latency_seconds=latency, faults=faults, keep_bodies=False)
    await provider.start()
    print(provider.base_url, flush=True)
    await asyncio.Event().wait()


async def workers(base_url: str, n: int, concurrency: int) -> None:
    """Independent workers."""
    import aiohttp

    waiting = iter(range(n))

    async def work(session: aiohttp.ClientSession) -> None:
        for number in waiting:
            body = {"model": MODEL, "messages": [{"role": "user", "content": f"question {number}"}]}
            while True:
                async with session.post(f"{base_url}/chat/completions", json=body) as response:
                    if response.status != TOO_MANY:
                        await response.json()
                        break
                    seconds = float(response.headers["retry-after"])
                await asyncio.sleep(seconds * random.uniform(1.0, 1.1))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(work(session) for _ in range(concurrency)))


def engine(base_url: str, n: int, concurrency: int, limiters: Any) -> tuple[int, str]:
    """The whole engine; tells how many requests failed, and the last move of the limit."""
    from eval_assets.config.model import Limits
    from eval_assets.providers.clients.openai_client import OpenAIClient
    from eval_assets.providers.dispatch.engine import Engine
    from eval_assets.providers.dispatch.jobs import Job
    from eval_assets.requests.exchange import Request
    from eval_assets.requests.keys import ModelIdentity
    from eval_assets.storage.replies.responses import ResponseStore
    from eval_assets.storage.warehouse import Warehouse

    limits = Limits(max_concurrency=concurrency)
    with tempfile.TemporaryDirectory() as folder:
        asked = Engine(
            identity=ModelIdentity("openai", base_url, MODEL),
            client=OpenAIClient(model_id=MODEL, base_url=base_url),
            store=ResponseStore(Warehouse(folder)),
            run_id="benchmark",
            limits=limits,
            limiter=limiters.of("account", MODEL, limits),
        )
        jobs = (Job(Request(({"role": "user", "content": f"question {number}"},)), number) for number in range(n))
        failed = sum(answer.reply.outcome == "error" for answer in asked.answers(jobs, total=n))
        lows = [move.limit for move in asked.report().moves]
        return failed, f"limit {min(lows[1:] or lows)} to {max(lows)}, last {lows[-1]}"


class Provider:
    """The provider in its process, and what it counts."""

    def __init__(self, latency: float, share: float, ceiling: float) -> None:
        said = ["--latency", str(latency), "--serve", str(share), "--ceiling", str(ceiling)]
        command = [sys.executable, "-m", "benchmarks.rate_limits", *said]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().strip()

    def counts(self) -> tuple[int, int]:
        """Requests and replies so far."""
        with urllib.request.urlopen(self.base_url.removesuffix("/v1") + "/_stats") as response:  # noqa: S310  loopback
            stats = json.load(response)
        return stats["requests"], stats["paid"]

    def kill(self) -> None:
        """Stop it."""
        self._process.kill()


def compare(title: str, ideal: float, provider: Provider, arguments: argparse.Namespace) -> None:
    """One table."""
    from eval_assets.providers.dispatch.limiter import Limiters

    n, concurrency, limiters = arguments.requests, arguments.concurrency, Limiters()
    print(f"{title}: ideal {ideal:,.0f} per second")
    engine(provider.base_url, 2, 1, Limiters())  # imports
    rates: list[float] = []
    for name in ("independent workers", "eval-assets, first", "eval-assets, again"):
        requests, paid = provider.counts()
        cpu, began, said = time.process_time(), time.perf_counter(), ""
        if name.startswith("independent"):
            asyncio.run(workers(provider.base_url, n, concurrency))
        else:
            failed, moved = engine(provider.base_url, n, concurrency, limiters)
            said = f"{failed} failed, {moved}"
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        requests, paid = (after - before for after, before in zip(provider.counts(), (requests, paid), strict=True))
        rates.append(paid / seconds)
        ratios = f"{rates[-1] / ideal:>10.2f}{rates[-1] / rates[0]:>12.2f}"
        print(f"  {name:22}{rates[-1]:>12.1f}{ratios}{requests - paid:>8}{requests / paid:>11.2f}{cpu:>8.1f}  {said}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=960)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--shares", type=float, nargs="*", default=[0.0, 0.03, 0.1])
    parser.add_argument("--ceiling", type=float, default=20.0, help="requests per second")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        asyncio.run(serve(arguments.latency, arguments.serve, arguments.ceiling))
        return
    print(f"{arguments.requests} requests, {arguments.concurrency} at once, {arguments.latency:g} s latency")
    columns = f"{'per second':>12}{'to ideal':>10}{'to workers':>12}{'429s':>8}{'per reply':>11}{'CPU s':>8}"
    print(f"{'':24}{columns}")
    most = arguments.concurrency / arguments.latency
    cases = [(f"{share:.0%} of 429s at random", most, share, 0.0) for share in arguments.shares]
    if arguments.ceiling:
        cases.append((f"{arguments.ceiling:g} per second", min(most, arguments.ceiling), 0.0, arguments.ceiling))
    for title, ideal, share, ceiling in cases:
        provider = Provider(arguments.latency, share, ceiling)
        try:
            compare(title, ideal, provider, arguments)
        finally:
            provider.kill()


if __name__ == "__main__":
    main()
