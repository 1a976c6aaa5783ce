"""A table of predictions you already have, from `eval-assets run` to the report page: CPU seconds and memory per stage.

    python -m benchmarks.static_table                                        # 20,000 rows, 2 candidates
    python -m benchmarks.static_table --rows 1000000 --candidates 1
    python -m benchmarks.static_table --mlflow-python environment/bin/python # `mlflow.evaluate` beside it

Each run is a process of its own over a new project of recorded models with the metrics of question-answering without
toxicity. CPU seconds are those of all threads and worker processes; memory is the most that the process held at a time,
per stage while the stage ran. MLflow runs once per candidate, each time as a whole process.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.metrics import texts

ROOT = Path(__file__).resolve().parent.parent
NAME = "static"
CLEAR_PEAK = "5"


def main() -> None:
    """Write a project, run it, print what it took; in the child, run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--candidates", type=int, default=2)
    parser.add_argument("--mlflow-python", help="Interpreter of an environment that has MLflow.")
    parser.add_argument("--keep", type=Path, help="Use this folder; a run over its former results is a rerun.")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        run_measured(chosen.child)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        if not (folder / "data").exists():
            write_project(folder, chosen.rows, chosen.candidates)
        measured = folder / "measured.json"
        used = whole_process(
            [sys.executable, "-m", "benchmarks.static_table", "--child", str(measured)], environment_of(folder)
        )
        found = json.loads(measured.read_text())
        print(f"{chosen.rows:,} recorded predictions x {chosen.candidates} candidates\n")
        print("| | CPU s | peak memory, MB |\n| --- | ---: | ---: |")
        for stage, (seconds, megabytes) in found["stages"].items():
            print(f"| {stage} | {seconds:.1f} | {megabytes:.0f} |")
        print(f"| **eval-assets, whole process** | **{used:.1f}** | **{found['peak_megabytes']:.0f}** |")
        print_mlflow(folder, chosen.candidates, chosen.mlflow_python, used)


def write_project(folder: Path, n_rows: int, n_candidates: int) -> None:
    """Write a dataset and as many recorded models: texts of 101 words that share about a third."""
    data = folder / "data"
    for kind in ("datasets", "prompts", "models", "evaluations"):
        (data / kind).mkdir(parents=True, exist_ok=True)
    (data / "datasets" / f"{NAME}.yaml").write_text("task: question-answering\n")
    (data / "prompts" / "ask.md").write_text("## user\n{{ inputs }}\n")
    names = [f"candidate-{number}" for number in range(n_candidates)]
    files = [(data / "models" / f"{name}.jsonl").open("w") for name in names]
    with (data / "datasets" / f"{NAME}.jsonl").open("w") as examples:
        for row, (output, target) in enumerate(texts("invented", n_rows)):
            example = {"example_id": f"e{row}", "inputs": f"What is said about item {row}?", "targets": target}
            examples.write(json.dumps(example) + "\n")
            for number, file in enumerate(files):
                said = target if (row * 7 + number * 3) % 10 == 0 else f"{output} {number}"
                file.write(json.dumps({"example_id": f"e{row}", "output": said}) + "\n")
    for name, file in zip(names, files, strict=True):
        file.close()
        (data / "models" / f"{name}.yaml").write_text(f"provider: recorded\nfile: {name}.jsonl\n")
    (data / "evaluations" / f"{NAME}.yaml").write_text(
        f"dataset: {NAME}\ntask: question-answering\nmodels: {json.dumps(names)}\nprompts: [ask]\n"
        "without_metrics: [toxicity]\n"
    )


def environment_of(folder: Path) -> dict[str, str]:
    """Variables for a process whose project lies in a folder."""
    home = folder / "dagster"
    home.mkdir(exist_ok=True)
    return {**os.environ, "PYTHONPATH": str(ROOT), "EVAL_ASSETS_DATA": str(folder / "data"), "DAGSTER_HOME": str(home)}


def whole_process(command: list[str], environment: dict[str, str], folder: Path | None = None) -> float:
    """CPU seconds of a process and its children, from start to end."""
    running = subprocess.Popen(  # noqa: S603
        command, env=environment, cwd=folder or ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert running.stderr is not None
    said = running.stderr.read().decode()
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        sys.exit(f"{command} failed:\n{said[-3000:]}")
    return used.ru_utime + used.ru_stime


@dataclass
class Meter:
    """CPU seconds and peak memory of the parts of this process; a part within another counts for itself alone."""

    stages: dict[str, tuple[float, float]] = field(default_factory=dict)
    peak_megabytes: float = 0.0
    inner_seconds: float = 0.0

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Measure a block."""
        outer, self.inner_seconds = self.inner_seconds, 0.0
        self.forget_peak()
        began = cpu_seconds()
        try:
            yield
        finally:
            took = cpu_seconds() - began
            seconds, megabytes = self.stages.get(stage, (0.0, 0.0))
            self.stages[stage] = (seconds + took - self.inner_seconds, max(megabytes, self.forget_peak()))
            self.inner_seconds = outer + took

    def forget_peak(self) -> float:
        """The peak in megabytes since the last call."""
        lines = Path("/proc/self/status").read_text().splitlines()
        peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
        self.peak_megabytes = max(self.peak_megabytes, peak)
        Path("/proc/self/clear_refs").write_text(CLEAR_PEAK)
        return peak


def cpu_seconds() -> float:
    """CPU seconds of this process so far, and of its children that ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def run_measured(written: Path) -> None:
    """`eval-assets run` in this process, with a meter at each stage and check."""
    meter = Meter()
    with meter.of("all else: start-up, imports, plan, Dagster"):
        from eval_assets.assets import stage_assets
        from eval_assets.checks import data_quality
        from eval_assets.cli.main import main as command_line
        from eval_assets.stages import comparison

        def metered(module: Any, function: str, stage_of: Callable[..., str]) -> None:
            plain = getattr(module, function)

            def measured(*arguments: Any, **named: Any) -> Any:
                with meter.of(stage_of(*arguments)):
                    return plain(*arguments, **named)

            setattr(module, function, measured)

        metered(stage_assets, "compute", lambda _room, table, *_: table)
        metered(data_quality, "inspect", lambda _room, table, *_: f"quality of {table}")
        metered(comparison, "read_report", lambda *_: "page: read")
        metered(comparison, "report_html", lambda *_: "page: render")
        with suppress(SystemExit):
            command_line(["run", NAME])
    written.write_text(json.dumps({"stages": meter.stages, "peak_megabytes": meter.peak_megabytes}))


def print_mlflow(folder: Path, n_candidates: int, python: str | None, ours: float) -> None:
    """Print what `mlflow.evaluate` takes for the same tables, as whole processes, or that it is missing."""
    imported = [python or sys.executable, "-c", "import mlflow"]
    if python is None or subprocess.run(imported, capture_output=True, check=False).returncode:  # noqa: S603
        print("| mlflow.evaluate | missing: give --mlflow-python an interpreter that imports it | |")
        return
    targets = [json.loads(line)["targets"] for line in (folder / "data/datasets" / f"{NAME}.jsonl").open()]
    seconds = 0.0
    for number in range(n_candidates):
        table = folder / f"mlflow-{number}.jsonl"
        outputs = (folder / "data/models" / f"candidate-{number}.jsonl").open()
        with table.open("w") as file:
            for line, target in zip(outputs, targets, strict=True):
                file.write(json.dumps({"output": json.loads(line)["output"], "targets": target}) + "\n")
        command = [
            python,
            str(ROOT / "benchmarks/metrics.py"),
            "--child",
            "mlflow",
            str(table),
            "question-answering",
            "",
        ]
        seconds += whole_process(command, {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}, folder)
    print(f"| mlflow.evaluate, {n_candidates} whole processes | {seconds:.1f} | |")
    print(f"\neval-assets takes {ours / seconds:.2f} of the CPU seconds of mlflow.evaluate")


if __name__ == "__main__":
    main()
