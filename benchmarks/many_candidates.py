"""Reports of many candidates: seconds, memory and size for 57 recorded candidates on 805 examples.

The answers are generated, then read, scored, aggregated and compared as real ones are; each report is a process of its
own. Prints a table.

    python benchmarks/many_candidates.py                       # 57 candidates, 805 examples
    python benchmarks/many_candidates.py --candidates 12 --examples 100 --keep folder
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from eval_assets.config.settings import Settings
from eval_assets.stages.edges import compute
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import cells_of
from eval_assets.stages.input_files import write_dataset, write_named_file
from eval_assets.stages.spending import Spending
from eval_assets.stages.stage_table import OF_CELLS, OF_EVALUATIONS

WORDS = ("the", "model", "answers", "a", "question", "about", "prices", "quotas", "tokens", "latency", "and", "says")
STYLES = ("table", "md", "json", "html", "parquet")


def main() -> None:
    """Generate, compute, report, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=57)
    parser.add_argument("--examples", type=int, default=805)
    parser.add_argument("--words", type=int, default=120, help="Words of an answer, on average.")
    parser.add_argument("--keep", type=Path, help="Use this folder, and its results if it has some.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        if not (folder / "data" / "warehouse").exists():
            write_project(folder, chosen.candidates, chosen.examples, chosen.words)
            seconds = compute_everything(folder)
            print(f"{chosen.candidates} candidates on {chosen.examples} examples computed in {seconds:.0f} s\n")
        print("| report | seconds | of them computing | peak memory, MB | size, MB |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for style in STYLES:
            print_line(folder, style)


def write_project(folder: Path, n_candidates: int, n_examples: int, n_words: int) -> None:
    """Write a project of recorded models, each right about as often as its number says."""
    rng = random.Random(0)
    data = folder / "data"
    for kind in ("datasets", "prompts", "models", "evaluations"):
        (data / kind).mkdir(parents=True, exist_ok=True)
    ids = [f"q{number}" for number in range(n_examples)]
    answers = {example_id: " ".join(rng.choices(WORDS, k=4)) for example_id in ids}
    rows = [
        {"example_id": key, "inputs": text(rng, 20), "targets": answers[key], "context": text(rng, 80)} for key in ids
    ]
    write_lines(data / "datasets" / "many.jsonl", rows)
    (data / "datasets" / "many.yaml").write_text("task: question-answering\n")
    (data / "prompts" / "ask.md").write_text("## user\n{{ inputs }}\n")
    models = [f"model-{number:02}" for number in range(n_candidates)]
    for number, model in enumerate(models):
        share = 0.3 + 0.6 * number / n_candidates
        said = [
            {
                "example_id": key,
                "output": f"{answers[key] if rng.random() < share else text(rng, 4)} {text(rng, n_words)}",
            }
            for key in ids
        ]
        write_lines(data / "models" / f"{model}.jsonl", said)
        (data / "models" / f"{model}.yaml").write_text(f"provider: recorded\nfile: {model}.jsonl\n")
    (data / "evaluations" / "many.yaml").write_text(
        f"dataset: many\nmodels: {json.dumps(models)}\nprompts: [ask]\nmetrics: [token_f1, contains]\n"
        "without_metrics: [toxicity]\ngates:\n- {metric: contains, max_drop: 0.05}\n"
    )


def compute_everything(folder: Path) -> float:
    """Run every stage of every cell in this process; returns the seconds it took."""
    began = time.perf_counter()
    with EngineRoom.from_settings(settings_of(folder)) as engine_room:
        write_dataset(engine_room.project, engine_room.warehouse, "many", run_id="run", scratch=engine_room.scratch)
        for table in ("prompts", "models", "evaluations"):
            for name in engine_room.project.names(table):
                write_named_file(engine_room.versions, engine_room.warehouse, table, name, run_id="run")
        for cell in cells_of(engine_room.project, "many"):
            for table in OF_CELLS:
                compute(engine_room, table, cell.key, Spending(), run_id="run")
        for table in OF_EVALUATIONS:
            compute(engine_room, table, "many", Spending(), run_id="run")
    return time.perf_counter() - began


def print_line(folder: Path, style: str) -> None:
    """Make one report in a process of its own and print what it took."""
    output = folder / f"report-{style}"
    command = [sys.executable, "-m", "eval_assets", "--data", str(folder / "data"), "report", "many"]
    began = time.perf_counter()
    running = subprocess.Popen([*command, "--format", style, "--output", str(output)], stderr=subprocess.DEVNULL)  # noqa: S603
    peak, ended = 0, 0
    while not ended:
        peak = max(peak, peak_memory_kib(running.pid))
        time.sleep(0.01)
        ended, status, used = os.wait4(running.pid, os.WNOHANG)
    seconds = time.perf_counter() - began
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0, f"the {style} report failed"
    files = [output] if output.is_file() else list(output.iterdir())
    size = sum(file.stat().st_size for file in files)
    print(f"| {style} | {seconds:.1f} | {used.ru_utime + used.ru_stime:.1f} | {peak / 1024:.0f} | {size / 2**20:.2f} |")


def peak_memory_kib(process_id: int) -> int:
    """The most memory a running process has held so far, as Linux counts it."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def settings_of(folder: Path) -> Settings:
    """Settings of the project."""
    root = folder / "data" / "warehouse"
    return Settings(folder / "data", str(root), root / "_state")


def text(rng: random.Random, n_words: int) -> str:
    """About so many words."""
    return " ".join(rng.choices(WORDS, k=rng.randint(n_words // 2, 3 * n_words // 2)))


def write_lines(path: Path, rows: list[dict[str, str]]) -> None:
    """Write rows as JSON lines."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


if __name__ == "__main__":
    main()
