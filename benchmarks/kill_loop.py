"""Kill a run with SIGKILL at random moments, again and again, and count what was paid twice.

    python -m benchmarks.kill_loop [--kills 20] [--requests 4000]

The provider counts paid replies per request. Only requests under way at a kill may be paid again.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from eval_assets.storage.warehouse import Warehouse

ROOT = Path(__file__).parents[1]
CONCURRENCY = 8
"""Of the worker."""


def stats(base_url: str) -> dict[str, Any]:
    """What the provider counted."""
    with urllib.request.urlopen(base_url.removesuffix("/v1") + "/_stats") as reply:  # noqa: S310  loopback
        counts: dict[str, Any] = json.load(reply)
        return counts


def main() -> None:
    """Print the count of each kill and the balance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--requests", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    share = arguments.requests // arguments.kills
    command = [sys.executable, "-m", "tests.loopback", "--latency", "0.01"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert server.stdout is not None
        base_url = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as folder:
            n_kills, over = 0, False
            while not over:
                run = start(base_url, folder, arguments.requests, f"run-{n_kills}")
                paid = stats(base_url)["paid"]
                # The last run is left alone.
                until = paid + moments.randint(1, share) if n_kills < arguments.kills else None
                while run.poll() is None and (until is None or stats(base_url)["paid"] < until):
                    time.sleep(moments.uniform(0.0, 0.02))
                over = run.poll() is not None
                if not over:
                    run.kill()
                    run.wait()
                    n_kills += 1
                    print(f"kill {n_kills:>3}: {stats(base_url)['paid']:>6,} replies paid", flush=True)
            assert run.returncode == 0, run.communicate()[1]
            balance(stats(base_url), Warehouse(f"{folder}/warehouse"), arguments.requests, n_kills)
    finally:
        server.kill()


def start(base_url: str, folder: str, n: int, run_id: str) -> subprocess.Popen[str]:
    """A run of the engine over the same folder."""
    command = [sys.executable, "-m", "tests.faults.worker", base_url, folder, str(n), run_id]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603


def balance(counts: dict[str, Any], warehouse: Warehouse, n: int, n_kills: int) -> None:
    """Compare what was paid with what is stored."""
    rows = warehouse.scan("responses").collect()
    paid_again = sum(times - 1 for times in counts["paid_by_hash"].values())
    print(f"{n:,} requests, {n_kills} kills")
    print(f"paid at least once    {len(counts['paid_by_hash']):,}")
    print(f"paid again            {paid_again} (at most {n_kills * CONCURRENCY} were under way at the kills)")
    print(f"stored replies        {rows.height:,} under {rows['request_key'].n_unique():,} keys")
    assert len(counts["paid_by_hash"]) == rows["request_key"].n_unique() == rows.height == n
    assert paid_again <= n_kills * CONCURRENCY


if __name__ == "__main__":
    main()
