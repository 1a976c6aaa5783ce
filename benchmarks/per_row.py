"""What a row costs from `eval-assets run` to the report page: computing, memory, disk and requests, at several sizes.

    python -m benchmarks.per_row                                         # 10,000 and 100,000 rows
    python -m benchmarks.per_row --rows 10000 100000 1000000 --requests 10000 100000

`--rows` are predictions of a recorded table, 101 words each; `--requests` are sent to a loopback server, with a prompt
of 110 words that it sends back. One candidate, metrics of question-answering without toxicity, each size a project and
a process of its own. CPU seconds are those of all threads and worker processes; requests are asked ahead of the
stages, in "all else". The last column is what each further row costs, between the two largest sizes: what doesn't grow
with rows is left out of it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.disk import size_of
from benchmarks.kill_loop import stats
from benchmarks.metrics import print_table
from benchmarks.static_table import ROOT, environment_of, whole_process, write_project

PROMPT = f"## user\n{'The warehouse keeps every reply under the key of its request. ' * 10}{{{{ inputs }}}}\n"
MODEL = "provider: openai\nmodel: tiny\nbase_url: {}\nlimits: {{max_concurrency: 64, start_concurrency: 64}}\n"

SHOWN = 0.05
"""Smaller parts are left out."""


@dataclass(frozen=True)
class Run:
    """What one size took.

    Args:
        n_rows: Predictions.
        seconds: Stage → CPU seconds.
        megabytes: Stage → most memory that the process held while it ran, in MB.
        stored: Table → MB in the warehouse; what Dagster keeps beside them.
        n_requests: Sent to the model.
    """

    n_rows: int
    seconds: Mapping[str, float]
    megabytes: Mapping[str, float]
    stored: Mapping[str, float]
    n_requests: int


def main() -> None:
    """Print tables for a recorded model and for one that is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--requests", type=int, nargs="*", default=[2_000, 20_000])
    chosen = parser.parse_args()
    show("recorded predictions", [run(n_rows) for n_rows in chosen.rows])
    with asked_model() as base_url:
        show("replies asked for", [run(n_rows, base_url) for n_rows in chosen.requests])


def run(n_rows: int, base_url: str | None = None) -> Run:
    """Run an evaluation of one candidate over so many rows."""
    before = n_sent(base_url)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_project(folder, n_rows, 1)
        if base_url is not None:
            (folder / "data" / "prompts" / "ask.md").write_text(PROMPT)
            (folder / "data" / "models" / "candidate-0.yaml").write_text(MODEL.format(base_url))
        measured = folder / "measured.json"
        command = [sys.executable, "-m", "benchmarks.static_table", "--child", str(measured)]
        whole = whole_process(command, environment_of(folder))
        found = json.loads(measured.read_text())
        warehouse = folder / "data" / "warehouse"
        stored = {path.name: size_of(path)[0] for path in sorted(warehouse.iterdir()) if path.is_dir()}
        stored["Dagster's history"] = size_of(folder / "dagster")[0]
    seconds = {stage: took for stage, (took, _) in found["stages"].items()} | {"whole process": whole}
    held = {stage: most for stage, (_, most) in found["stages"].items()} | {"whole process": found["peak_megabytes"]}
    print(f"{n_rows:,} rows: {whole:.1f} CPU s", file=sys.stderr, flush=True)
    return Run(n_rows, seconds, held, stored, n_sent(base_url) - before)


def show(what: str, runs: Sequence[Run]) -> None:
    """Print what the runs took, largest part first, and what a further row costs."""
    if not runs:
        return
    sizes = [f"{run.n_rows:,}" for run in runs]
    print(f"\n## {what}\n")
    print_table(["CPU s", *sizes, "ms a further row"], lines([run.seconds for run in runs], runs, 1000.0))
    print()
    print_table(["MB of memory", *sizes, "KB a further row"], lines([run.megabytes for run in runs], runs, 1e3))
    print()
    print_table(["MB on disk", *sizes, "bytes a further row"], lines([run.stored for run in runs], runs, 1e6))
    print(f"\nrequests: {', '.join(str(run.n_requests) for run in runs)}")


def lines(parts: Sequence[Mapping[str, float]], runs: Sequence[Run], scale: float) -> list[list[str]]:
    """A line for each part, the largest of the last run first: its numbers, and the slope between the last two."""
    found = []
    for name in sorted(parts[-1], key=lambda name: -parts[-1][name]):
        numbers = [part.get(name, 0.0) for part in parts]
        if max(numbers) < SHOWN:
            continue
        slope = "" if len(runs) == 1 else f"{slope_of(numbers, runs) * scale:.3f}"
        found.append([name, *(f"{number:.1f}" for number in numbers), slope])
    return found


def slope_of(numbers: Sequence[float], runs: Sequence[Run]) -> float:
    """What each row of the last run beyond those of the one before it took."""
    return (numbers[-1] - numbers[-2]) / (runs[-1].n_rows - runs[-2].n_rows)


@contextmanager
def asked_model() -> Iterator[str]:
    """The address of a loopback server in a process of its own."""
    command = [sys.executable, "-m", "tests.loopback"]
    serving = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603
    try:
        assert serving.stdout is not None
        yield serving.stdout.readline().strip()
    finally:
        serving.terminate()
        serving.wait()


def n_sent(base_url: str | None) -> int:
    """Requests that the server has seen."""
    return 0 if base_url is None else int(stats(base_url)["requests"])


if __name__ == "__main__":
    main()
