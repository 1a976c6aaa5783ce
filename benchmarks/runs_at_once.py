"""Runs at once: two evaluations whose judges stand in opposite order, again and again; then first runs on nothing.

    python -m benchmarks.runs_at_once [--repeats 20] [--first-runs 9]

Every run is a process of its own, as a person or a timer would start it. All have to end, without a traceback, and the
loopback provider must have been paid once for each request. The exit code is 1 otherwise.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.written_project import WrittenProject
from tests.loopback import LoopbackProvider

ROOT = Path(__file__).parents[1]
EXAMPLES = 4
ORDERS = {"forth": ["a", "b"], "back": ["b", "a"]}
"""Evaluation → its judges; each asks a model of its own."""
SECONDS = 900
WITHOUT = ["toxicity", "ari_grade_level", "flesch_kincaid_grade_level", "token_count"]


class Project(WrittenProject):
    """A project folder with its Dagster instance; nothing is there before the first run."""

    def write_everything(self) -> None:
        """Write all files but the dataset's rows."""
        served = {"provider": "openai", "base_url": self.base_url, "parameters": {"temperature": 0}}
        for name in ("candidate", "referee-a", "referee-b"):
            self.write("models", name, **served, model=name)
        for name in ("a", "b"):
            scale = {"type": "pass_fail"}
            self.write("judges", name, definition=f"It is right by {name}.", scale=scale, model=f"referee-{name}")
        self.write("datasets", "items", task="question-answering")
        for name, judges in ORDERS.items():
            asked = {"dataset": "items", "models": ["candidate"], "prompts": ["ask"], "judges": judges}
            self.write("evaluations", name, **asked, without_metrics=WITHOUT)
        self.write_prompt("ask", "{{ inputs }}")

    def write_round(self, round_number: int) -> None:
        """Give the dataset rows that were never asked before."""
        ids = (f"{round_number}-{number}" for number in range(EXAMPLES))
        self.write_rows("items", ({"example_id": each, "inputs": f"What is {each}?", "targets": each} for each in ids))

    def run(self, evaluations: Sequence[str]) -> list[str]:
        """Start a run of each evaluation at once; what went wrong, a line for each."""
        environment = {**os.environ, "DAGSTER_HOME": str(self.folder / "home"), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", "from eval_assets.cli.main import main; main()", "--data"]
        started = [
            subprocess.Popen(  # noqa: S603  ourselves
                [*command, str(self.folder / "data"), "run", evaluation],
                cwd=self.folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for evaluation in evaluations
        ]
        return [wrong for run in started if (wrong := _wrong_with(run))]


def _wrong_with(run: subprocess.Popen[str]) -> str:
    try:
        _, said = run.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        run.kill()
        return f"did not end in {SECONDS} s: {run.communicate()[1][-500:]}"
    if run.returncode or "Traceback" in said:
        return f"exit code {run.returncode}: {said[-1500:]}"
    return ""


def answer(body: Mapping[str, Any]) -> str:
    """Verdicts of referees; of others what they were asked."""
    if str(body["model"]).startswith("referee"):
        return '{"justification": "as asked", "verdict": "pass"}'
    return f"It is {body['messages'][-1]['content']}"


def main() -> None:
    """Print a line per round, and the balance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--first-runs", type=int, default=9)
    arguments = parser.parse_args()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder, LoopbackProvider(answer=answer, keep_bodies=False) as provider:  # type: ignore[arg-type]
        project = Project(Path(folder) / "again", provider.base_url)
        project.write_everything()
        for number in range(arguments.repeats):
            project.write_round(number)
            wrong += _round(project, provider, f"two at once, {number + 1}", list(ORDERS), number + 1)
        fresh = Project(Path(folder) / "first", provider.base_url)
        shutil.copytree(project.folder / "data", fresh.folder / "data", ignore=shutil.ignore_patterns("warehouse"))
        fresh.write_rows(arguments.repeats)
        names = (list(ORDERS) * arguments.first_runs)[: arguments.first_runs]
        wrong += _round(fresh, provider, f"{len(names)} first runs at once", names, arguments.repeats + 1)
    for line in wrong:
        print(line)
    print(f"{len(wrong)} of {2 * arguments.repeats + arguments.first_runs} runs went wrong")
    sys.exit(bool(wrong))


def _round(project: Project, provider: LoopbackProvider, what: str, names: list[str], n_rounds: int) -> list[str]:
    began = time.perf_counter()
    wrong = project.run(names)
    # A reply to each example, and a verdict of each judge on it, however many runs want them.
    least = n_rounds * EXAMPLES * 3
    print(
        f"{what:<24} {time.perf_counter() - began:6.1f} s  {provider.paid:>5} replies paid, least {least}", flush=True
    )
    if provider.paid != least or max(provider.paid_by_hash.values(), default=0) > 1:
        wrong.append(f"{what}: {provider.paid} replies were paid, least {least}")
    return wrong


if __name__ == "__main__":
    main()
