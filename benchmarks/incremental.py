"""What an edit costs: 5 models x 4 prompts, judged, each edit followed by a run that sends only what changed.

    python -m benchmarks.incremental [--examples 500]

A loopback provider in a process of its own counts requests; the history of the tables counts partitions written, those
of files aside. The least possible of both is derived from the numbers of models, prompts and examples; the exit code is
1 if anything more was sent or written.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from benchmarks.written_project import WrittenProject
from eval_assets.config.settings import Settings
from eval_assets.names import Names
from eval_assets.plan_runs import plan_with_instance, run_plan
from eval_assets.planning.run_summary import RunSummary
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.spending import Spending
from eval_assets.stages.stage_table import OF_CELLS, OF_EVALUATIONS
from eval_assets.storage.warehouse import Warehouse

ROOT = Path(__file__).parents[1]
MODELS, PROMPTS, ADDED = 5, 4, 10
METRIC = '''def brevity(output):
    """Whether a reply is short."""
    return len(output.split()) <= 20
'''
WITHOUT = ["toxicity", "ari_grade_level", "flesch_kincaid_grade_level", "token_count"]


class Project(WrittenProject):
    """The files of the benchmark, and its edits."""

    def instruct(self, name: str, instruction: str) -> None:
        """Write a prompt."""
        self.write_prompt(name, f"{instruction} {{{{ inputs }}}}")

    def write_examples(self, n: int) -> None:
        """Write the dataset's rows."""
        rows = ({"example_id": f"q{i}", "inputs": f"What is item {i}?", "targets": [f"item {i}"]} for i in range(n))
        self.write_rows("items", rows)

    def write_everything(self, n: int) -> None:
        """Write all files of the first run."""
        for number in range(MODELS):
            served = {"provider": "openai", "model": f"m{number}", "base_url": self.base_url}
            self.write("models", f"m{number}", **served, parameters={"temperature": 0})
        for number in range(PROMPTS):
            self.instruct(f"p{number}", f"Way {number}.")
        judge = {"definition": "The output answers the question.", "rubric": "1: no\n5: yes", "include_input": True}
        self.write("models", "referee", provider="openai", model="referee", base_url=self.base_url)
        self.write("judges", "grader", **judge, model="referee")
        self.write("datasets", "items", task="question-answering")
        self.write_examples(n)
        (self.folder / "benchmark_metrics.py").write_text(METRIC)
        models, prompts = [f"m{i}" for i in range(MODELS)], [f"p{i}" for i in range(PROMPTS)]
        candidates = {"dataset": "items", "models": models, "prompts": prompts, "judges": ["grader"]}
        self.write("evaluations", "all", **candidates, without_metrics=WITHOUT)
        self.write_metric("v1")

    def evaluate(self, **fields: object) -> None:
        """Edit the evaluation."""
        self.write("evaluations", "all", **fields)

    def write_metric(self, version: str) -> None:
        """Give the custom metric a version."""
        choice = {"metric": "brevity", "function": "benchmark_metrics:brevity", "version": version}
        self.evaluate(metrics=[choice])


@dataclass(frozen=True)
class Step:
    """An edit, and how many requests the run after it has to send, and how many partitions to write, at least."""

    what: str
    edit: Callable[[], object]
    least: int
    partitions: int


def steps_of(project: Project, n: int) -> list[Step]:
    """The edits, each on top of those before."""
    cells = MODELS * PROMPTS
    of_cell, judged = len(OF_CELLS), 3  # a judge's agreement with people, what changed, and the comparison
    return [
        # A request for every cell and example, and a verdict on each reply.
        Step("first run", lambda: None, 2 * cells * n, of_cell * cells + len(OF_EVALUATIONS)),
        Step("unchanged", lambda: None, 0, 0),
        Step(
            "one prompt edited",
            lambda: project.instruct("p0", "Another way."),
            2 * MODELS * n,
            of_cell * MODELS + judged,
        ),
        Step(
            f"{ADDED} examples added",
            lambda: project.write_examples(n + ADDED),
            2 * cells * ADDED,
            of_cell * cells + judged,
        ),
        Step(
            "one model parameter changed",
            lambda: project.write("models", "m0", parameters={"temperature": 0, "top_p": 0.5}),
            # The replies are the same text, and verdicts on them are known.
            PROMPTS * (n + ADDED),
            of_cell * PROMPTS + judged,
        ),
        # Verdicts and the aggregates of each cell.
        Step(
            "rubric edited",
            lambda: project.write("judges", "grader", rubric="1: no\n5: all"),
            cells * (n + ADDED),
            2 * cells + judged,
        ),
        # Scores and the aggregates of each cell, what changed, and the comparison.
        Step("one metric version bumped", lambda: project.write_metric("v2"), 0, 2 * cells + 2),
        Step("another choice of judges", lambda: project.evaluate(judges=[]), 0, 2 * cells + judged),
        Step("confidence changed", lambda: project.evaluate(confidence=0.9), 0, cells + 2),
        Step(
            "a gate edited",
            lambda: project.evaluate(gates=[{"metric": "brevity", "min": 0.5, "tier": "advisory"}]),
            0,
            1,
        ),
    ]


@contextmanager
def provider() -> Iterator[str]:
    """A loopback provider in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.incremental", "--serve"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  ourselves
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def requests_counted(base_url: str) -> int:
    """Requests the provider has seen."""
    with urllib.request.urlopen(f"{base_url.removesuffix('/v1')}/_stats") as response:  # noqa: S310  loopback
        return int(json.load(response)["requests"])


def partitions_written(settings: Settings) -> int:
    """Partitions of cells and evaluations that were ever written."""
    warehouse = Warehouse(settings.warehouse_root)
    commits = (entry for table in (*OF_CELLS, *OF_EVALUATIONS) for entry in warehouse.history(table))
    return sum("partition" in entry.metadata for entry in commits)


def run_once(settings: Settings, instance: dg.DagsterInstance) -> RunSummary:
    """Plan and run, with the files read anew."""
    with EngineRoom.from_settings(settings) as engine_room:
        plan = plan_with_instance(engine_room, instance, Names())
        spending = Spending()
        return run_plan(engine_room, plan, spending=spending, instance=instance, on_start=str, names=Names())


def main() -> None:
    """Run all steps and print a row for each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return
    exceeded = False
    with tempfile.TemporaryDirectory() as folder, provider() as base_url, dg.DagsterInstance.ephemeral() as instance:
        project = Project(Path(folder), base_url)
        sys.path.insert(0, folder)
        project.write_everything(arguments.examples)
        data = Path(folder) / "data"
        settings = Settings(data, str(data / "warehouse"), data / "warehouse" / "_state")
        print(f"{MODELS} models x {PROMPTS} prompts x {arguments.examples} examples, one judge")
        print(f"{'edit':<28} {'runs':>5} {'requests':>9} {'least':>9} {'written':>8} {'least':>6} {'seconds':>8}")
        before = written_before = 0
        for step in steps_of(project, arguments.examples):
            step.edit()
            began = time.perf_counter()
            summary = run_once(settings, instance)
            seconds = time.perf_counter() - began
            assert not summary.failed, summary.failed
            counted = requests_counted(base_url)
            sent, before = counted - before, counted
            counted = partitions_written(settings)
            written, written_before = counted - written_before, counted
            exceeded |= sent != step.least or written != step.partitions
            requests = f"{sent:>9,} {step.least:>9,}"
            partitions = f"{written:>8,} {step.partitions:>6,}"
            print(f"{step.what:<28} {summary.n_runs:>5} {requests} {partitions} {seconds:>8.1f}", flush=True)
    sys.exit(exceeded)


def serve() -> None:
    """Serve replies and verdicts until terminated."""
    import asyncio

    from tests.loopback import LoopbackProvider

    def answer(body: dict[str, object]) -> str:
        if body["model"] == "referee":
            return '{"justification": "as asked", "score": 4}'
        return f"{body['model']} says: {body['messages'][-1]['content']}"  # type: ignore[index]

    async def run() -> None:
        running = LoopbackProvider(answer=answer, keep_bodies=False)  # type: ignore[arg-type]
        await running.start()
        print(running.base_url, flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


if __name__ == "__main__":
    main()
