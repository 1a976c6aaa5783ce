"""Many small cells at the latency of real models: seconds, requests at once and CPU, beside other tools and the ideal.

    python -m benchmarks.latency [--latency 0.05 0.5 2 8] [--concurrency 64 512]
        [--models 5] [--prompts 4] [--examples 16] [--inspect-python PYTHON] [--promptfoo COMMAND]

Models × prompts × examples, each reply judged, on a loopback provider in a process of its own that takes as long for
every reply. Each tool is a process of its own, from its start to its end, with nothing stored before; ours starts on a
new warehouse and Dagster instance. A second line of ours is a run after an edit of all prompts: the concurrency that
worked is remembered then. The ideal sends as many requests as may be under way, all the time, but no verdict before its
reply. "At once" is the mean over the time in which requests are under way, and the most. Tools that aren't named, or
don't start, are listed as missing.
"""

import argparse
import asyncio
import json
import math
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.written_project import WrittenProject
from tests.loopback import LoopbackProvider

ROOT = Path(__file__).parents[1]
JUDGE = "judge"
WITHOUT = ["toxicity", "ari_grade_level", "flesch_kincaid_grade_level", "token_count"]
GRADE = "GRADE: C"
VERDICT = {"justification": "as asked", "score": 4, "reason": "as asked", "pass": True}
SAMPLING_SECONDS = 0.02
LONGEST_SECONDS = 1_800

INSPECT = """
import json, sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import model_graded_qa
from inspect_ai.solver import generate, prompt_template
said = json.loads(sys.argv[1])
samples = [Sample(input=f"What is {n}?", target=str(n)) for n in range(said["examples"])]
tasks = [
    Task(name=f"p{p}", dataset=samples, solver=[prompt_template(f"Prompt {p}: {{prompt}}"), generate()],
         scorer=model_graded_qa(model="openai-api/bench/judge"))
    for p in range(said["prompts"])
]
logs = eval(tasks, model=[f"openai-api/bench/model-{m}" for m in range(said["models"])], max_tasks=999,
            max_samples=999, max_connections=said["concurrency"], display="none", log_dir=sys.argv[2])
assert len(logs) == said["models"] * said["prompts"] and all(log.status == "success" for log in logs)
"""


@dataclass(frozen=True)
class Size:
    """The experiment."""

    models: int
    prompts: int
    examples: int
    latency: float
    concurrency: int

    @property
    def n_requests(self) -> int:
        """Replies and verdicts."""
        return 2 * self.models * self.prompts * self.examples

    @property
    def ideal_seconds(self) -> float:
        """Round trips with every slot taken: at least two, as a verdict follows its reply."""
        return self.latency * max(2, math.ceil(self.n_requests / self.concurrency))


class Measured:
    """The provider in a process of its own, and how many requests were under way while a tool ran."""

    def __init__(self, latency: float) -> None:
        command = [sys.executable, "-m", "benchmarks.latency", "--serve", str(latency)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603
        assert self._process.stdout is not None
        self.base_url, self._side = self._process.stdout.readline().split()

    def taken(self) -> dict[str, Any]:
        """Counts since the last call."""
        with urllib.request.urlopen(f"{self._side}/_taken") as response:  # noqa: S310  loopback
            counts: dict[str, Any] = json.load(response)
            return counts

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


def answer(body: Mapping[str, Any]) -> str:
    """A verdict that every tool can read, or an answer."""
    said = str(body["messages"][-1]["content"])
    if body["model"] != JUDGE:
        return f"{body['model']} echoes: {said}"
    return GRADE if "GRADE" in said else json.dumps(VERDICT)


async def serve(latency: float) -> None:
    """Be the provider."""
    from aiohttp import web

    provider = LoopbackProvider(answer=answer, latency_seconds=latency, keep_bodies=False)
    samples: list[int] = []

    async def sample() -> None:
        while True:
            samples.append(provider.at_once)
            await asyncio.sleep(SAMPLING_SECONDS)

    async def taken(_: web.Request) -> web.Response:
        busy = [n for n in samples if n] or [0]
        counts = {"requests": provider.requests, "mean": sum(busy) / len(busy), "most": provider.most_at_once}
        samples.clear()
        provider.requests = provider.most_at_once = 0
        return web.json_response(counts)

    await provider.start()
    side = web.Application()
    side.router.add_get("/_taken", taken)
    runner = web.AppRunner(side, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    task = asyncio.create_task(sample())
    print(provider.base_url, f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await task


def write_project(folder: Path, base_url: str, size: Size) -> WrittenProject:
    """Our project: one evaluation of all models and prompts."""
    project = WrittenProject(folder, base_url)
    limits = {"max_concurrency": size.concurrency}
    served = {"provider": "openai", "base_url": base_url, "parameters": {"temperature": 0}, "limits": limits}
    models = [f"model-{number}" for number in range(size.models)]
    for name in (*models, JUDGE):
        project.write("models", name, **served, model=name)
    project.write("judges", "grader", definition="It answers.", scale={"type": "integer"}, model=JUDGE)
    project.write("datasets", "items", task="question-answering")
    rows = ({"example_id": str(n), "inputs": f"What is {n}?", "targets": str(n)} for n in range(size.examples))
    project.write_rows("items", rows)
    write_prompts(project, size, "")
    prompts = [f"p{number}" for number in range(size.prompts)]
    asked = {"dataset": "items", "models": models, "prompts": prompts, "judges": ["grader"], "metrics": []}
    project.write("evaluations", "many", **asked, without_metrics=WITHOUT)
    return project


def write_prompts(project: WrittenProject, size: Size, edit: str) -> None:
    """The prompts, as they are or edited."""
    for number in range(size.prompts):
        project.write_prompt(f"p{number}", f"Prompt {number}{edit}: {{{{ inputs }}}}")


def run(command: Sequence[str], folder: Path, **environment: str) -> tuple[float, float]:
    """Seconds and CPU seconds of a process with its children."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(  # noqa: S603  the tools compared
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout)[-1_500:])
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def tools(
    folder: Path, provider: Measured, size: Size, chosen: argparse.Namespace
) -> Iterator[tuple[str, Callable[[], tuple[float, float]] | None]]:
    """Each tool with how it is run, null where it isn't there."""
    project = write_project(folder / "ours", provider.base_url, size)
    home = {"DAGSTER_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "none"}
    ours = [sys.executable, "-m", "eval_assets", "--data", str(folder / "ours" / "data"), "run", "many"]
    yield "eval-assets, new account", lambda: run(ours, folder, **home)

    def again() -> tuple[float, float]:
        write_prompts(project, size, " anew")
        return run(ours, folder, **home)

    yield "eval-assets, known account", again
    for label, options in (("promptfoo, default", []), (f"promptfoo -j {size.concurrency}", ["-j", size.concurrency])):
        yield label, None if chosen.promptfoo is None else _promptfoo(folder, provider, size, chosen.promptfoo, options)
    yield f"Inspect AI, {size.concurrency}", _inspect(folder, provider, size, chosen.inspect_python)


def _promptfoo(
    folder: Path, provider: Measured, size: Size, command: str, options: Sequence[object]
) -> Callable[[], tuple[float, float]]:
    def served(name: str) -> dict[str, Any]:
        return {"id": f"openai:chat:{name}", "config": {"apiBaseUrl": provider.base_url, "temperature": 0}}

    file = folder / "promptfooconfig.yaml"
    rubric = {"type": "llm-rubric", "value": "It answers.", "provider": served(JUDGE)}
    content = {
        "prompts": [f"Prompt {number}: {{{{inputs}}}}" for number in range(size.prompts)],
        "providers": [served(f"model-{number}") for number in range(size.models)],
        "tests": [{"vars": {"inputs": f"What is {n}?"}, "assert": [rubric]} for n in range(size.examples)],
    }
    file.write_text(yaml.safe_dump(content))
    said = [*shlex.split(command), "eval", "-c", str(file), "--no-cache", "--no-table", "--no-progress-bar"]
    quiet = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1", "OPENAI_API_KEY": "none"}
    quiet["PROMPTFOO_CONFIG_DIR"] = str(folder / "promptfoo")
    return lambda: run([*said, *map(str, options)], folder, **quiet)


def _inspect(
    folder: Path, provider: Measured, size: Size, python: str | None
) -> Callable[[], tuple[float, float]] | None:
    if python is None:
        return None
    said = {"models": size.models, "prompts": size.prompts, "examples": size.examples, "concurrency": size.concurrency}
    command = [python, "-c", INSPECT, json.dumps(said), str(folder / "inspect")]
    return lambda: run(command, folder, BENCH_API_KEY="none", BENCH_BASE_URL=provider.base_url)


@contextmanager
def provider_with(latency: float) -> Iterator[Measured]:
    """The provider while it is needed."""
    provider = Measured(latency)
    try:
        yield provider
    finally:
        provider.close()


def measure(size: Size, chosen: argparse.Namespace) -> None:
    """One table."""
    print(
        f"\n{size.models} models × {size.prompts} prompts × {size.examples} examples, each judged: "
        f"{size.n_requests} requests of {size.latency:g} s, {size.concurrency} at once; "
        f"ideal {size.ideal_seconds:.1f} s\n"
    )
    print("| tool | seconds | × ideal | requests | at once: mean | most | CPU ms per request |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    with tempfile.TemporaryDirectory() as folder, provider_with(size.latency) as provider:
        for label, start in tools(Path(folder), provider, size, chosen):
            if start is None:
                print(f"| {label} | missing: not named | | | | | |", flush=True)
                continue
            provider.taken()
            try:
                seconds, cpu = start()
            except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
                print(f"| {label} | missing: {str(error)[-300:]!r} | | | | | |", flush=True)
                continue
            taken = provider.taken()
            print(
                f"| {label} | {seconds:.1f} | {seconds / size.ideal_seconds:.2f} | {taken['requests']} "
                f"| {taken['mean']:.0f} | {taken['most']} | {1000 * cpu / max(1, taken['requests']):.1f} |",
                flush=True,
            )


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, nargs="+", default=[0.05, 0.5, 2.0, 8.0])
    parser.add_argument("--concurrency", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--examples", type=int, default=16)
    parser.add_argument("--inspect-python", help="Python of an environment that has Inspect AI.")
    parser.add_argument("--promptfoo", help="Command that starts promptfoo.")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve is not None:
        asyncio.run(serve(chosen.serve))
        return
    for latency in chosen.latency:
        for concurrency in chosen.concurrency:
            measure(Size(chosen.models, chosen.prompts, chosen.examples, latency, concurrency), chosen)


if __name__ == "__main__":
    main()
