"""A plan from the UI beside the same plan from the command line: seconds of two evaluations on a fresh warehouse.

Starts `dagster dev`, launches the job `refresh` over GraphQL, and runs the same files from the shell: the goal is a
ratio of at most 1.5. Then launches one partition alone, in turns with one of an asset that does nothing, in a code
location that imports nothing but Dagster: the goal is 2 s more until its first step starts. The CPU seconds of loading
both locations tell how much of that is ours where other work slows everything down.

    python benchmarks/from_the_ui.py                    # the project's evaluations quickstart and retrieval
    python benchmarks/from_the_ui.py --callables        # 2 evaluations of 2 models x 2 prompts, 16 examples
    python benchmarks/from_the_ui.py --callables --latency 0.5      # each reply takes half a second
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

from eval_assets.automation.refresh import refresh_config
from eval_assets.names import Names

CHECKOUT = Path(__file__).resolve().parents[1]

ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status startTime endTime creationTime
  stepStats { startTime } } } }"""
OURS, EMPTY = "eval_assets", "empty"
"""Code locations."""
EMPTY_PROJECT = """import dagster as dg


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["one"]))
def nothing() -> None:
    pass


defs = dg.Definitions(assets=[nothing], executor=dg.in_process_executor)
"""
SHIPPED = ("quickstart", "retrieval")


def main() -> None:
    """Write the project twice, run it both ways, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--callables", action="store_true", help="Functions as models, so that Dagster weighs more.")
    parser.add_argument("--examples", type=int, default=16, help="Of each evaluation of callables.")
    parser.add_argument("--latency", type=float, default=0.05, help="Seconds that each reply of a callable takes.")
    parser.add_argument("--times", type=int, default=3, help="Partitions launched alone, of each kind.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        shell, ui = Path(temporary) / "shell", Path(temporary) / "ui"
        for folder in (shell, ui):
            if chosen.callables:
                write_project(folder, chosen.examples, chosen.latency)
            else:
                copy_project(folder)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "eval_assets", "run"], env=environment(shell), check=True)
        of_shell = time.perf_counter() - began
        partition = "first:one@short" if chosen.callables else "retrieval:keyword-retriever@search-question"
        refreshed, alone, empty = from_the_ui(ui, partition, chosen.times)
        files = locations_of(ui).values()
        loading = [median(cpu_of_loading(file, ui) for _ in range(chosen.times)) for file in files]
    print("\n| | seconds | of the command line |\n| --- | ---: | ---: |")
    print(f"| command line | {of_shell:.1f} | 1.00 |")
    print(f"| refresh from the UI | {refreshed:.1f} | {refreshed / of_shell:.2f} |")
    print(f"\n| one partition by hand, median of {chosen.times} | seconds until its first step | CPU s of loading |")
    print("| --- | ---: | ---: |")
    for what, seconds, cpu in zip(("predictions", "an asset that does nothing"), (alone, empty), loading, strict=True):
        print(f"| {what} | {median(seconds):.1f} | {cpu:.1f} |")
    print(f"\nload: {', '.join(f'{load:.1f}' for load in os.getloadavg())}")


def from_the_ui(folder: Path, partition: str, times: int) -> tuple[float, list[float], list[float]]:
    """Seconds of `refresh`, then of starts of one partition of predictions and of one that does nothing, in turns."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    subprocess.run([sys.executable, "-m", "eval_assets", "instance"], env=environment(folder), check=True)
    command = [str(Path(sys.executable).parent / "dagster"), "dev", "-p", str(port), "-w", str(workspace_in(folder))]
    with (folder / "dagster.log").open("w") as log:
        served = subprocess.Popen(  # noqa: S603
            command, env=environment(folder), cwd=CHECKOUT, stdout=log, stderr=log, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}/graphql"
            wait_until_up(url)
            refreshed = ended(url, launched(url, OURS, "refresh", run_config=refresh_config(Names())))
            alone, empty = [], []
            for _ in range(times):
                alone.append(start_of_partition(url, OURS, "predictions", partition))
                empty.append(start_of_partition(url, EMPTY, "nothing", "one"))
        finally:
            os.killpg(served.pid, signal.SIGTERM)
            served.wait(60)
    return refreshed["endTime"] - refreshed["creationTime"], alone, empty


def workspace_in(folder: Path) -> Path:
    """A workspace file with our code location and the empty one."""
    (folder / "empty_project.py").write_text(EMPTY_PROJECT)
    locations = [
        {"python_file": {"relative_path": str(file), "location_name": name, "working_directory": str(file.parent)}}
        for name, file in locations_of(folder).items()
    ]
    path = folder / "workspace.yaml"
    path.write_text(json.dumps({"load_from": locations}))
    return path


def locations_of(folder: Path) -> dict[str, Path]:
    """Code location → its file."""
    return {OURS: CHECKOUT / "definitions.py", EMPTY: folder / "empty_project.py"}


def cpu_of_loading(file: Path, folder: Path) -> float:
    """CPU seconds of a process that opens the Dagster instance and loads a code location, as each run's does."""
    code = (
        "import runpy, sys; import dagster as dg; dg.DagsterInstance.get();"
        "runpy.run_path(sys.argv[1])['defs'].get_repository_def()"
    )
    before = os.times()
    subprocess.run([sys.executable, "-c", code, str(file)], env=environment(folder), check=True)  # noqa: S603
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def start_of_partition(url: str, location: str, asset: str, partition: str) -> float:
    """Seconds from the launch of one partition of one asset until its step starts."""
    tags = [{"key": "dagster/partition", "value": partition}]
    run = ended(url, launched(url, location, "__ASSET_JOB", selection=[{"path": [asset]}], tags=tags))
    return float(min(step["startTime"] for step in run["stepStats"]) - run["creationTime"])


def launched(
    url: str, location: str, job: str, *, run_config: Any = None, selection: Any = None, tags: Any = ()
) -> str:
    """Launch a job as the UI does; the run's id."""
    place = {"repositoryLocationName": location, "repositoryName": "__repository__"}
    selector = {**place, "pipelineName": job, **({"assetSelection": selection} if selection else {})}
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
    """Until the webserver has loaded both code locations."""
    query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
    for _ in range(600):
        try:
            if len(asked(url, query)["repositoriesOrError"].get("nodes", ())) == len((OURS, EMPTY)):
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


def copy_project(folder: Path) -> None:
    """The project's own files, with the evaluations that are measured alone."""
    kept = shutil.ignore_patterns("warehouse", "__pycache__")
    shutil.copytree(CHECKOUT / "data", folder / "data", ignore=kept)
    for path in (folder / "data" / "evaluations").iterdir():
        if path.stem not in SHIPPED:
            path.unlink()


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
