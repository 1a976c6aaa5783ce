"""What small things cost from the shell: CPU seconds and seconds of whole processes, medians.

`check` and `plan` of the project's own files, and of three rows with two callables: the first run, a run after its rows
were edited, and one that has nothing to do. The goals on a quiet machine: 1 s, 4 s, and 1.5 s for nothing to do.

    python -m benchmarks.small_loops [--times 5]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
FILES = {
    "data/datasets/qa.yaml": "task: question-answering\n",
    "data/prompts/short.md": "## user\n{{ inputs }}\n",
    "data/models/one.yaml": "provider: callable\ncallable: two_models:one\n",
    "data/models/two.yaml": "provider: callable\ncallable: two_models:two\n",
    "data/evaluations/e.yaml": "dataset: qa\nmodels: [one, two]\nprompts: [short]\nwithout_metrics: [toxicity]\n",
    "two_models.py": "def one(inputs):\n    return inputs.upper()\n\n\ndef two(inputs):\n    return inputs\n",
}


def main() -> None:
    """Measure one after the other, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    n = parser.parse_args().times
    with tempfile.TemporaryDirectory() as temporary:
        own, small = Path(temporary) / "own", Path(temporary) / "small"
        shutil.copytree(ROOT / "data", own / "data", ignore=shutil.ignore_patterns("warehouse"))
        write(small)
        print("| | CPU s | s |\n| --- | ---: | ---: |")
        show("`check` of the project", [measured(own, "check") for _ in range(n)])
        show("`plan` of the project, nothing computed", [measured(own, "plan") for _ in range(n)])
        show("three rows, two callables: first `run`", [measured(small, "run", forget(small)) for _ in range(n)])
        show("rows edited: `run`", [measured(small, "run", partial(edit, small, turn)) for turn in range(n)])
        show("nothing to do: `run`", [measured(small, "run") for _ in range(n)])
    print(f"\nload: {', '.join(f'{load:.1f}' for load in os.getloadavg())}")


def show(what: str, found: list[tuple[float, float]]) -> None:
    """Print a line of the table."""
    print(f"| {what} | {median(cpu for cpu, _ in found):.2f} | {median(wall for _, wall in found):.2f} |", flush=True)


def measured(folder: Path, command: str, before: Callable[[], None] = lambda: None) -> tuple[float, float]:
    """CPU seconds and seconds of `eval-assets` in a project, with a Dagster instance of its own."""
    before()
    home = folder / "dagster"
    home.mkdir(exist_ok=True)
    places = {"EVAL_ASSETS_DATA": str(folder / "data"), "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)}
    environment = {name: value for name, value in os.environ.items() if name != "EVAL_ASSETS_WAREHOUSE"} | places
    began, used = time.perf_counter(), os.times()
    arguments = [sys.executable, "-m", "eval_assets", command]
    ended = subprocess.run(arguments, env=environment, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode:
        raise SystemExit(f"{command}: {ended.stdout}{ended.stderr}")
    now = os.times()
    cpu = now.children_user + now.children_system - used.children_user - used.children_system
    return cpu, time.perf_counter() - began


def write(folder: Path) -> None:
    """The small project."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    edit(folder, -1)


def edit(folder: Path, turn: int) -> None:
    """Give every row other texts."""
    rows = [{"example_id": f"q{n}", "inputs": f"question {n} of {turn}", "targets": "question"} for n in range(3)]
    (folder / "data" / "datasets" / "qa.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def forget(folder: Path) -> Callable[[], None]:
    """What takes a project's tables and Dagster instance away."""

    def remove() -> None:
        for place in (folder / "data" / "warehouse", folder / "dagster"):
            shutil.rmtree(place, ignore_errors=True)

    return remove


if __name__ == "__main__":
    main()
