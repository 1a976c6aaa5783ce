"""A plan from the UI beside the same plan from the command line: seconds of two small evaluations on a fresh warehouse.

Starts `dagster dev` on a project of callables, launches the job `refresh` over GraphQL, then one partition alone, and
runs the same files from the shell. Prints a table; the goal is a ratio of at most 1.5.

    python benchmarks/from_the_ui.py                    # 2 evaluations of 2 models x 2 prompts, 16 examples
    python benchmarks/from_the_ui.py --latency 0.5      # each reply takes half a second
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from eval_assets.automation.refresh import refresh_config
from eval_assets.names import Names

CHECKOUT = Path(__file__).resolve().parents[1]

ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status startTime endTime creationTime
  stepStats { startTime } } } }"""
PLACE = {"repositoryLocationName": "eval_assets", "repositoryName": "__repository__"}


def main() -> None:
    """Write the project twice, run it both ways, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=16)
    parser.add_argument("--latency", type=float, default=0.05, help="Seconds that each reply takes.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        shell, ui = Path(temporary) / "shell", Path(temporary) / "ui"
        for folder in (shell, ui):
            write_project(folder, chosen.examples, chosen.latency)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "eval_assets", "run"], env=environment(shell), check=True)
        of_shell = time.perf_counter() - began
        refreshed, alone = from_the_ui(ui)
    print("\n| | seconds | of the command line |\n| --- | ---: | ---: |")
    print(f"| command line | {of_shell:.1f} | 1.00 |")
    print(f"| refresh from the UI | {refreshed:.1f} | {refreshed / of_shell:.2f} |")
    print(f"| one partition by hand, launch to first step | {alone:.1f} | |")
    print(f"\nload: {', '.join(f'{load:.1f}' for load in os.getloadavg())}")


def from_the_ui(folder: Path) -> tuple[float, float]:
    """Seconds of `refresh`, and until the step of one partition starts; a Dagster of its own runs meanwhile."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    subprocess.run([sys.executable, "-m", "eval_assets", "instance"], env=environment(folder), check=True)
    dagster = str(Path(sys.executable).parent / "dagster")
    command = [dagster, "dev", "-p", str(port), "-w", str(CHECKOUT / "workspace.yaml")]
    with (folder / "dagster.log").open("w") as log:
        served = subprocess.Popen(  # noqa: S603
            command, env=environment(folder), cwd=CHECKOUT, stdout=log, stderr=log, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}/graphql"
            wait_until_up(url)
            refreshed = ended(url, launched(url, "refresh", run_config=refresh_config(Names())))
            selection = [{"path": ["predictions"]}]
            tags = [{"key": "dagster/partition", "value": "first:one@short"}]
            alone = ended(url, launched(url, "__ASSET_JOB", selection=selection, tags=tags))
        finally:
            os.killpg(served.pid, signal.SIGTERM)
            served.wait(60)
    first_step = min(step["startTime"] for step in alone["stepStats"])
    return refreshed["endTime"] - refreshed["creationTime"], first_step - alone["creationTime"]


def launched(url: str, job: str, *, run_config: Any = None, selection: Any = None, tags: Any = ()) -> str:
    """Launch a job as the UI does; the run's id."""
    selector = {**PLACE, "pipelineName": job, **({"assetSelection": selection} if selection else {})}
    params = {"selector": selector, "runConfigData": run_config or {}, "mode": "default"}
    answer = asked(url, LAUNCH, params={**params, "executionMetadata": {"tags": list(tags)}})["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def ended(url: str, run_id: str) -> dict[str, Any]:
    """A run, when it has ended well."""
    while (run := asked(url, RUN, id=run_id)["runOrError"])["status"] not in ENDED:
        time.sleep(0.2)
    assert run["status"] == "SUCCESS", run
    return dict(run)


def asked(url: str, query: str, **variables: Any) -> dict[str, Any]:
    """Answer of the webserver."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
        answer = json.load(reply)
    assert "errors" not in answer, answer["errors"]
    return dict(answer["data"])


def wait_until_up(url: str) -> None:
    """Until the webserver has loaded the code location."""
    for _ in range(600):
        try:
            if asked(url, "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")[
                "repositoriesOrError"
            ].get("nodes"):
                return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.5)
    raise TimeoutError(f"expected a webserver at {url}")


def environment(folder: Path) -> dict[str, str]:
    """Of a process over the project in a folder."""
    paths = [str(CHECKOUT), str(folder), os.environ.get("PYTHONPATH", "")]
    home = folder / "dagster"
    home.mkdir(exist_ok=True)
    return {
        **os.environ,
        "EVAL_ASSETS_DATA": str(folder / "data"),
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
    }


def write_project(folder: Path, n_examples: int, latency: float) -> None:
    """Two evaluations of two callables, with two prompts each."""
    data = folder / "data"
    for kind in ("datasets", "prompts", "models", "judges", "evaluations"):
        (data / kind).mkdir(parents=True)
    (data / "datasets" / "qa.yaml").write_text("task: question-answering\n")
    rows = [{"example_id": f"q{n}", "inputs": f"question {n}", "targets": f"answer {n}"} for n in range(n_examples)]
    (data / "datasets" / "qa.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    for prompt in ("short", "long"):
        (data / "prompts" / f"{prompt}.md").write_text(f"## user\n{prompt}: {{{{ inputs }}}}\n")
    for model in ("one", "two"):
        (data / "models" / f"{model}.yaml").write_text(f"provider: callable\ncallable: slow_models:{model}\n")
    body = f"(inputs):\n    time.sleep({latency})\n    return inputs.replace('question', 'answer')\n"
    (folder / "slow_models.py").write_text(f"import time\n\n\ndef one{body}\n\ndef two{body}")
    for evaluation, metric in (("first", "token_f1"), ("second", "contains")):
        (data / "evaluations" / f"{evaluation}.yaml").write_text(
            f"dataset: qa\nmodels: [one, two]\nprompts: [short, long]\nmetrics: [{metric}]\n"
            "without_metrics: [toxicity]\n"
        )


if __name__ == "__main__":
    main()
