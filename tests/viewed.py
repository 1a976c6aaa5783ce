"""A small computed project to be looked at: two candidates, a judge, slices, two versions of a prompt, hostile text."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import uvicorn
from starlette.testclient import TestClient

from eval_assets.config.settings import settings_from
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.app import viewer_app
from eval_assets.viewer.viewed_project import ViewedProject
from tests.small_project import compute_everything, project_with

PLAIN, ODD = "plain@ask", "odd@ask"
NAME = "seen"
SCRIPT = "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 1'>"
TURNED = "a\u202eright to left\x1b[31m\x00end"
MEGABYTE = 1_000_000
N_EXAMPLES = 30

CODE = f'''
import json

SCRIPT, TURNED = {SCRIPT!r}, {TURNED!r}


def number(columns):
    return int(str(columns["inputs"]).split()[-1])


def plain(inputs: str, topic: str) -> str:
    """Right on every row but each third."""
    n = int(inputs.split()[-1])
    return f"answer {{n}}" if n % 3 else f"no idea {{n}}"


def odd(inputs: str, topic: str) -> str:
    """What no reader expects, then right on each second row."""
    n = int(inputs.split()[-1])
    if n == 4:
        raise ValueError("the model fell over")
    said = {{1: SCRIPT, 2: TURNED, 3: "x" * {MEGABYTE}, 5: json.dumps({{"city": "Oslo", "n": [1, 2]}})}}
    return said.get(n, f"answer {{n}} of course" if n % 2 else f"answer {{n}}")


def judge(messages, columns):
    score = 5 if str(columns["output"]).startswith("answer") else 2
    return json.dumps({{"justification": f"{{SCRIPT}} row {{number(columns)}}", "score": score}})
'''


def write_viewed(folder: Path) -> Path:
    """Write the project and compute it, once with each version of its prompt."""
    (folder / "viewed_code.py").write_text(CODE)
    rows = [
        {
            "example_id": f"e{n}/ä",
            "inputs": f"Which number is {n}",
            "targets": f"answer {n}",
            "topic": ["even", "odd"][n % 2],
        }
        for n in range(N_EXAMPLES)
    ]
    files: dict[str, str | bytes | None] = {
        "datasets/qa.yaml": "task: question-answering\nslices: [topic]\n",
        "datasets/qa.jsonl": "".join(f"{json.dumps(row)}\n" for row in rows),
        "models/echo.yaml": None,
        "models/plain.yaml": "provider: callable\ncallable: viewed_code:plain\n",
        "models/odd.yaml": "provider: callable\ncallable: viewed_code:odd\n",
        "models/referee.yaml": "provider: callable\ncallable: viewed_code:judge\n",
        "judges/right.yaml": "definition: Is it right?\nrubric: 1 wrong, 5 right\nmodel: referee\n",
        "prompts/ask.md": "## user\nAnswer: {{ inputs }}\n",
        "evaluations/e.yaml": None,
        f"evaluations/{NAME}.yaml": json.dumps(
            {
                "dataset": "qa",
                "models": ["plain", "odd"],
                "prompts": ["ask"],
                "judges": ["right"],
                "metrics": ["token_f1", "exact_match"],
                "without_metrics": ["toxicity", "ari_grade_level", "flesch_kincaid_grade_level"],
                "baseline": PLAIN,
                "primary": "token_f1",
                "gates": [{"metric": "token_f1", "max_drop": 0.05}],
            }
        ),
        "evaluations/never.yaml": "dataset: qa\nmodels: [plain]\nprompts: [ask]\nwithout_metrics: [toxicity]\n",
    }
    project_with(folder, **files)
    (folder / "data" / "evaluations" / "never.yaml").rename(folder / "never.yaml")
    compute_everything(folder, run_id="run-1")
    project_with(folder, **{**files, "prompts/ask.md": "## user\nAnswer briefly: {{ inputs }}\n"})
    (folder / "data" / "evaluations" / "never.yaml").unlink()
    compute_everything(folder, run_id="run-2")
    (folder / "never.yaml").rename(folder / "data" / "evaluations" / "never.yaml")
    return folder


def viewer_of(folder: Path, *, dagster_url: str | None = None, can_edit: bool = False) -> TestClient:
    """A client of the viewer on a project."""
    settings = settings_from({}, data_dir=folder / "data")
    warehouse = Warehouse(settings.warehouse_root, settings.storage_options)
    app = viewer_app(ViewedProject(settings, warehouse, dagster_url, can_edit), ["localhost"])
    return TestClient(app, base_url="http://localhost:3141", raise_server_exceptions=True)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a viewer that takes edits, as a browser asks it."""
    settings = settings_from({}, data_dir=folder / "data")
    app = viewer_app(ViewedProject(settings, Warehouse(settings.warehouse_root), can_edit=True), ["127.0.0.1"])
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    thread = Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
