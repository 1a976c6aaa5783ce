"""The viewer on a large evaluation: milliseconds of each kind of request, and memory of the server.

The answers are generated, then read, scored, aggregated and compared as real ones are. The server is `eval-assets view`
as a process of its own; wall clock is taken at the client, CPU time from the server. Prints a table.

    python -m benchmarks.viewer                                # 100,000 examples, 4 candidates, 6 metrics: half an hour
    python -m benchmarks.viewer --examples 2000 --keep folder
"""

import argparse
import http.client
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Self

from benchmarks.many_candidates import WORDS, compute_everything, peak_memory_kib, write_project

PAGE = "/evaluations/many"
GRID = f"{PAGE}/grid"
SHOWS = ("flips", "worse", "better", "disagreements", "outputs", "unscored")
SORTS = ("regression", "improvement", "lowest", "highest", "disagreement", "longest", "slowest")


def main() -> None:
    """Generate, compute, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--candidates", type=int, default=4)
    parser.add_argument("--words", type=int, default=40, help="Words of an answer, on average.")
    parser.add_argument("--requests", type=int, default=40, help="Of each kind.")
    parser.add_argument("--keep", type=Path, help="Use this folder, and its results if it has some.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        if not (folder / "data" / "warehouse").exists():
            write_project(folder, chosen.candidates, chosen.examples, chosen.words)
            print(f"computed in {compute_everything(folder):.0f} s\n")
        with Server(folder) as server:
            measure(server, chosen.examples, chosen.requests)


class Served:
    """A server on this machine, and what it takes to answer.

    Args:
        process_id: Of the server.
        port: Where it listens.
    """

    def __init__(self, process_id: int, port: int) -> None:
        self._process_id, self._port = process_id, port

    def get(self, path: str) -> tuple[float, float, str]:
        """Ask once: seconds, CPU seconds of the server, and the page."""
        before, began = self._cpu_seconds(), time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        seconds = time.perf_counter() - began
        assert answer.status == 200, (path, answer.status, text[-500:])
        return seconds, self._cpu_seconds() - before, text

    @property
    def peak_mib(self) -> float:
        """The most memory so far."""
        return peak_memory_kib(self._process_id) / 1024

    def _cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process_id}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server(Served):
    """`eval-assets view` on a project."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "eval_assets", "--data", str(folder / "data"), "view", "--port", "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603
        assert self._process.stdout is not None
        super().__init__(self._process.pid, int(re.findall(r":(\d+)", self._process.stdout.readline())[0]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def measure(server: Server, n_examples: int, n_requests: int) -> None:
    """Ask for each kind of page and print what it took."""
    rng = random.Random(0)
    print("| request | median ms | p95 ms | CPU ms, median |")
    print("| --- | ---: | ---: | ---: |")
    for title, path in (("grid, the first time", GRID), ("evaluation, the first time", PAGE)):
        seconds, cpu, _ = server.get(path)
        print(f"| {title} | {1000 * seconds:.0f} | | {1000 * cpu:.0f} |", flush=True)
    example = f"{PAGE}/example?id=q{{}}"
    traced = re.compile(r"trace=(p-[0-9a-f]+)")
    kinds: dict[str, Callable[[], str]] = {
        "list of evaluations": lambda: "/",
        "evaluation": lambda: PAGE,
        "grid, any page": lambda: f"{GRID}?page={rng.randint(1, n_examples // 25)}",
        "grid, filtered": lambda: f"{GRID}?show={rng.choice(SHOWS)}&page={rng.randint(1, 20)}",
        "grid, sorted": lambda: f"{GRID}?sort={rng.choice(SORTS)}&page={rng.randint(1, 20)}",
        "grid, words marked": lambda: f"{GRID}?diff=baseline&page={rng.randint(1, n_examples // 25)}",
        "search in everything": lambda: f"{GRID}?q={'+'.join(rng.choices(WORDS, k=3))}",
        "example": lambda: example.format(rng.randrange(n_examples)),
    }
    for title, path in kinds.items():
        print_line(title, (server.get(path())[:2] for _ in range(n_requests)))
    found = [traced.findall(server.get(address)[2]) for address in (kinds["example"]() for _ in range(n_requests))]
    ids = [each[0] for each in found]
    print_line("trace by id, JSON", (server.get(f"{PAGE}/trace.json?id={each}")[:2] for each in ids))
    print(f"\npeak memory of the server: {server.peak_mib:,.0f} MB")


def print_line(title: str, taken: Iterator[tuple[float, float]]) -> None:
    """Print median and 95th percentile."""
    seconds, cpu = zip(*taken, strict=True)
    p95 = sorted(seconds)[ceil(0.95 * len(seconds)) - 1]
    row = [statistics.median(seconds), p95, statistics.median(cpu)]
    print(f"| {title} | {' | '.join(f'{1000 * value:.0f}' for value in row)} |", flush=True)


if __name__ == "__main__":
    main()
