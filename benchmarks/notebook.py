"""One call in a notebook: `ea.evaluate` beside `mlflow.genai.evaluate`, as whole processes.

    python -m benchmarks.notebook                                              # 3 and 1,000 rows
    python -m benchmarks.notebook --mlflow-python environment/bin/python       # MLflow beside it
    python -m benchmarks.notebook --rows 20000

Both evaluate the same function on the same rows with the same plain scorer, from an empty folder: nothing is at hand.
A whole process counts the interpreter and its imports; the call alone is what a warm kernel waits for. CPU seconds are
those of all threads.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

OURS = """
import json, sys, time
began, cpu_began = time.perf_counter(), time.process_time()
import eval_assets as ea
ea.evaluate
called, cpu_called = time.perf_counter(), time.process_time()
rows = [{"inputs": f"question {n}", "targets": f"QUESTION {n}"} for n in range(int(sys.argv[1]))]

def app(inputs):
    return inputs.upper()

def exact(output, targets):
    return float(output == targets)

r = ea.evaluate(rows, app, metrics=[exact])
assert r.metrics["exact/mean"] == 1.0 and r.n_sent == len(rows), r
print(json.dumps({"call_cpu": time.process_time() - cpu_called, "call": time.perf_counter() - called}))
"""

THEIRS = """
import json, sys, time
import mlflow
from mlflow.genai.scorers import scorer
mlflow.set_tracking_uri("file:./mlruns")  # faster here than its database
mlflow.set_experiment("notebook")
called, cpu_called = time.perf_counter(), time.process_time()
rows = [
    {"inputs": {"question": f"question {n}"}, "expectations": {"expected_response": f"QUESTION {n}"}}
    for n in range(int(sys.argv[1]))
]

def app(question):
    return question.upper()

@scorer
def exact(outputs, expectations):
    return float(outputs == expectations["expected_response"])

r = mlflow.genai.evaluate(data=rows, predict_fn=app, scorers=[exact])
assert r.metrics["exact/mean"] == 1.0, r.metrics
print(json.dumps({"call_cpu": time.process_time() - cpu_called, "call": time.perf_counter() - called}))
"""


def main() -> None:
    """Print a table with a row per library and number of rows, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[3, 1_000])
    parser.add_argument("--repeat", type=int, default=3, help="Runs of which the best counts.")
    parser.add_argument("--mlflow-python", help="Interpreter of an environment that has MLflow 3.")
    chosen = parser.parse_args()
    print(
        "| | rows | process, CPU s | process, s | call, CPU s | call, s |\n| --- | ---: | ---: | ---: | ---: | ---: |"
    )
    for n_rows in chosen.rows:
        ours = best_of(chosen.repeat, sys.executable, OURS, n_rows)
        print_row("ea.evaluate", n_rows, ours)
        if not has_mlflow(chosen.mlflow_python):
            print(
                f"| mlflow.genai.evaluate | {n_rows:,} | missing: give --mlflow-python an interpreter that imports it "
                "| | | |"
            )
            continue
        theirs = best_of(1, chosen.mlflow_python, THEIRS, n_rows)
        print_row("mlflow.genai.evaluate", n_rows, theirs)
        print(
            f"| ratio of CPU seconds | {n_rows:,} | {theirs['cpu'] / ours['cpu']:.0f} | | "
            f"{theirs['call_cpu'] / ours['call_cpu']:.0f} | |"
        )


def has_mlflow(python: str | None) -> bool:
    """Whether an interpreter can do what the other side needs."""
    command = [python or sys.executable, "-c", "import mlflow.genai"]
    return python is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603


def best_of(n_runs: int, python: str, code: str, n_rows: int) -> dict[str, float]:
    """The run that took the fewest CPU seconds, each from an empty folder."""
    return min((one_run(python, code, n_rows) for _ in range(n_runs)), key=lambda run: run["cpu"])


def one_run(python: str, code: str, n_rows: int) -> dict[str, float]:
    """CPU and wall seconds of a process and of the call in it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data" / "evaluations").mkdir(parents=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EVAL_ASSETS_")}
        quiet = {"DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_FILE_STORE": "true"}
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        ended = subprocess.run(  # noqa: S603
            [python, "-c", code, str(n_rows)],
            env={**kept, **quiet, "PYTHONPATH": str(ROOT)},
            cwd=folder,
            capture_output=True,
            check=False,
        )
        seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        if ended.returncode:
            sys.exit(f"{python} failed:\n{ended.stderr.decode()[-3000:]}")
        measured = json.loads(ended.stdout.decode().splitlines()[-1])
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {**measured, "wall": seconds, "cpu": used}


def print_row(name: str, n_rows: int, run: dict[str, float]) -> None:
    """Print one row of the table."""
    print(f"| {name} | {n_rows:,} | {run['cpu']:.2f} | {run['wall']:.2f} | {run['call_cpu']:.2f} | {run['call']:.2f} |")


if __name__ == "__main__":
    main()
