"""A code location that is somebody else's: assets, an executor and a resource of its own, and two projects in it."""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import yaml
from dagster.components.testing.utils import DefsFolderSandbox, create_defs_folder_sandbox
from pydantic import PydanticDeprecatedSince20

import eval_assets as ea
from tests.projects import IMPLICIT_JOB, QUIET, SLOW_DEFAULTS

OWN_ASSETS = '''
"""`prompts` is what people call their own."""
from pathlib import Path

import dagster as dg
import polars as pl
from deltalake import write_deltalake

ROOT = Path(__file__).parents[3]


@dg.asset
def prompts() -> int:
    return 1


@dg.asset(key_prefix="warehouse", required_resource_keys={"workbench"})
def support_tickets(context: dg.AssetExecutionContext) -> None:
    write_deltalake(ROOT / "lake" / "support_tickets", pl.read_ndjson(ROOT / "tickets.jsonl"), mode="overwrite")


@dg.asset
def chats() -> pl.DataFrame:
    return pl.read_ndjson(ROOT / "tickets.jsonl")


@dg.asset(deps=[support_tickets])
def rag_index() -> None:
    (ROOT / "evals" / "index.txt").write_text((ROOT / "built.txt").read_text())


@dg.asset(deps=[rag_index])
def assistant() -> None: ...
'''
SHARED = """
import dagster as dg


@dg.definitions
def shared() -> dg.Definitions:
    workbench = dg.ResourceDefinition.hardcoded_resource("bench")
    return dg.Definitions(executor=dg.multiprocess_executor, resources={"workbench": workbench})
"""
LOADING = """
from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
APPLICATION = '''
"""Answers from an index, and keeps account of what it is asked."""
from pathlib import Path

HERE = Path(__file__).parent


def answer(inputs: str, context: str) -> str:
    with (HERE / "asked.txt").open("a") as asked:
        asked.write(f"{inputs}\\n")
    return context if (HERE / "index.txt").read_text() == "good" else "no idea"
'''
SUPPORT = {
    "dataset": "support",
    "models": ["application"],
    "prompts": ["ask"],
    "metrics": ["contains"],
    "without_metrics": SLOW_DEFAULTS,
    "gates": [{"metric": "contains", "min": 0.5}],
}
COLOURS = ("red", "blue", "green", "black", "white", "pink", "brown", "grey")
"""What the tickets are answered with; so many that all right, or all wrong, decides the gate."""


class Shop:
    """The location, with a Dagster instance of its own.

    Args:
        sandbox: Its files.
        instance: Where its runs are recorded.
    """

    def __init__(self, sandbox: DefsFolderSandbox, instance: dg.DagsterInstance) -> None:
        self.root, self.defs_folder, self.instance = sandbox.project_root, sandbox.defs_folder_path, instance
        self._sandbox = sandbox
        self.evals = self.root / "evals"

    @contextmanager
    def loaded(self) -> Iterator[dg.Definitions]:
        """Load it, as `dg check defs` does."""
        with warnings.catch_warnings():
            for of_dagster_itself in (PydanticDeprecatedSince20, dg.BetaWarning, dg.PreviewWarning):
                warnings.simplefilter("ignore", of_dagster_itself)
            with self._sandbox.build_all_defs() as definitions:
                yield definitions

    def add(self, name: str, **attributes: object) -> None:
        """Scaffold a component, and add attributes to its `defs.yaml`."""
        self._sandbox.scaffold_component(ea.EvaluationProjectComponent, name)
        file = self.defs_folder / name / "defs.yaml"
        content = yaml.safe_load(file.read_text())
        content["attributes"] |= attributes
        file.write_text(yaml.safe_dump(content))

    def make_launchable(self) -> None:
        """Add what `dg` wants of a project."""
        settings = '[tool.dg]\ndirectory_type = "project"\n\n[tool.dg.project]\nroot_module = "shop"\n'
        (self.root / "pyproject.toml").write_text(settings)
        (self.defs_folder.parent / "__init__.py").touch()
        (self.defs_folder.parent / "definitions.py").write_text(LOADING)

    def write_tickets(self, *answers: str) -> None:
        rows = [
            {
                "example_id": f"t{number}",
                "inputs": f"Question {number}?",
                "targets": answer,
                "context": f"It is {answer}.",
            }
            for number, answer in enumerate(answers)
        ]
        (self.root / "tickets.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    def build(self, index: str) -> None:
        """What the next `rag_index` will hold."""
        (self.root / "built.txt").write_text(index)

    def asked(self) -> list[str]:
        """What the application was asked since the last look."""
        account = self.evals / "asked.txt"
        lines = account.read_text().splitlines() if account.exists() else []
        account.unlink(missing_ok=True)
        return sorted(lines)

    def materialize(
        self, definitions: dg.Definitions, *keys: str, partition: str | None = None
    ) -> dg.ExecuteInProcessResult:
        """Materialize assets with their checks, as the button does, but in this process."""
        return self.run(definitions, IMPLICIT_JOB, [dg.AssetKey.from_user_string(key) for key in keys], partition)

    def run(
        self,
        definitions: dg.Definitions,
        job: str,
        keys: Sequence[dg.AssetKey] | None = None,
        partition: str | None = None,
        config: Mapping[str, object] | None = None,
    ) -> dg.ExecuteInProcessResult:
        return definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            asset_selection=keys,
            partition_key=partition,
            run_config={**QUIET, **(config or {})},
            raise_on_error=False,
        )


def own_storage(home: str) -> dict[str, Any]:
    """Settings of an instance that keeps its runs as those of the command line do."""
    name = {"module": "eval_assets.automation.run_history", "class": "RunHistory", "config": {"base_dir": home}}
    return {"storage": {"custom": name}}


@contextmanager
def open_shop() -> Iterator[Shop]:
    """The location with two projects: `evals` on the asset `support_tickets`, `chat-evals` on what `chats` loads."""
    with (
        create_defs_folder_sandbox(project_name="shop") as sandbox,
        TemporaryDirectory() as home,
        dg.instance_for_test(overrides=own_storage(home), temp_dir=home) as instance,
    ):
        shop = Shop(sandbox, instance)
        (shop.defs_folder / "ours.py").write_text(OWN_ASSETS)
        (shop.defs_folder / "shared.py").write_text(SHARED)
        shop.write_tickets(*COLOURS)
        shop.build("good")
        shop.add("evals", upstream={"support": "warehouse/support_tickets"}, gates_on={"support": "rag_index"})
        shop.add("chat-evals", upstream={"questions": "chats"})
        data = shop.evals / "data"
        (data / "datasets" / "support.yaml").write_text(_card({"delta": "${LAKE}/support_tickets"}))
        (data / "evaluations" / "support.yaml").write_text(yaml.safe_dump(SUPPORT))
        (data / "evaluations" / "first.yaml").unlink()
        (shop.evals / "answering.py").write_text(APPLICATION)
        (shop.root / "chat_evals" / "data" / "datasets" / "questions.jsonl").unlink()
        (shop.root / "chat_evals" / "data" / "datasets" / "questions.yaml").write_text(_card({"asset": True}))
        yield shop


def _card(rows: object) -> str:
    return yaml.safe_dump({"task": "question-answering", "rows": rows})
