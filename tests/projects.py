"""Small complete projects on a loopback provider: their files, the edits a user makes to them, and runs over them.

>>> files = write_project(tmp_path, provider.base_url)  # doctest: +SKIP
>>> lab = Lab(files, dg.DagsterInstance.ephemeral())  # doctest: +SKIP
>>> lab.run()  # doctest: +SKIP
>>> files.edit_prompt("short")  # doctest: +SKIP
>>> lab.plan().stale_cells  # doctest: +SKIP
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from eval_assets.assets.file_reading import reading_config
from eval_assets.assets.stage_assets import BACKFILL_TAG
from eval_assets.automation.backfill import missing_in_dagster
from eval_assets.automation.refresh import refresh_config
from eval_assets.config.settings import Settings
from eval_assets.definitions import assembled
from eval_assets.names import JOBS, READ_FILES, REFRESH_JOB, Names
from eval_assets.plan_runs import QUIET, run_plan
from eval_assets.planning.plan import Plan, make_plan
from eval_assets.planning.run_summary import RunSummary
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.spending import Spending
from eval_assets.storage.warehouse import Warehouse

IMPLICIT_JOB = "__ASSET_JOB"
JUDGE_MODEL = "judge-1"
VERDICT = '{"justification": "as asked", "score": 4}'
METRIC_CODE = "def brevity(output, limit=10) -> bool:\n    return len(output.split()) <= limit\n"
SLOW_DEFAULTS = ["toxicity", "ari_grade_level", "flesch_kincaid_grade_level", "token_count"]
MAIN_CELLS = ("main:alpha@long", "main:alpha@short", "main:beta@long", "main:beta@short")
OTHER_CELLS = ("other:alpha@short",)
ALL_CELLS = (*MAIN_CELLS, *OTHER_CELLS)


def echo_or_verdict(body: Mapping[str, Any]) -> str:
    """Judges reply with a verdict, other models with their name, their temperature and what they were asked."""
    if body["model"] == JUDGE_MODEL:
        return VERDICT
    return f"{body['model']} at {body['temperature']}: {body['messages'][-1]['content']}"


@dataclass
class Files:
    """The folder `data/` of a project, and edits of it.

    Two evaluations: `main` has models alpha and beta, prompts short and long, the judge grader and the custom metric
    brevity; `other` has alpha and short on the same dataset, and no judge.
    """

    folder: Path
    base_url: str

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def metric_module(self) -> str:
        """A module name of its own for each project, since Python keeps modules by name."""
        return f"metrics_of_{self.folder.name.replace('-', '_')}"

    def read(self, kind: str, name: str) -> dict[str, Any]:
        return yaml.safe_load((self.data / kind / f"{name}.yaml").read_text())

    def write(self, kind: str, name: str, content: Mapping[str, Any]) -> None:
        path = self.data / kind / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(dict(content), sort_keys=False))

    def change(self, kind: str, name: str, **fields: Any) -> None:
        self.write(kind, name, {**self.read(kind, name), **fields})

    def remove(self, kind: str, name: str) -> None:
        (self.data / kind / f"{name}{'.md' if kind == 'prompts' else '.yaml'}").unlink()

    def write_prompt(self, name: str, text: str, description: str = "Asks.") -> None:
        path = self.data / "prompts" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"---\ndescription: {description}\n---\n## user\n{text}\n")

    def write_model(self, name: str, model: str, **fields: Any) -> None:
        limits = {"max_concurrency": 8, "max_retries": 0, "timeout_seconds": 5}
        served = {"provider": "openai", "model": model, "base_url": self.base_url, "limits": limits}
        self.write("models", name, {**served, "parameters": {"temperature": 0, "max_tokens": 64}, **fields})

    def write_rows(self, start: int, stop: int) -> None:
        """Replace the dataset's rows by those with these numbers."""
        path = self.data / "datasets" / "qa.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{json.dumps(_row(number))}\n" for number in range(start, stop)))

    def add_rows(self, n: int) -> None:
        path = self.data / "datasets" / "qa.jsonl"
        n_before = len(path.read_text().splitlines())
        with path.open("a") as rows:
            rows.writelines(f"{json.dumps(_row(number))}\n" for number in range(n_before, n_before + n))

    def edit_prompt(self, name: str) -> None:
        self.write_prompt(name, "In one word: {{ inputs }}")

    def change_parameter(self, model: str, **parameters: Any) -> None:
        self.change("models", model, parameters={**self.read("models", model)["parameters"], **parameters})

    def edit_rubric(self) -> None:
        self.change("judges", "grader", rubric="1: wrong\n5: right, and nothing else")

    def edit_metric_code(self) -> None:
        (self.folder / f"{self.metric_module}.py").write_text(METRIC_CODE.replace("<= limit", "< limit"))

    def change_metric(self, **fields: Any) -> None:
        """Change the choice of the custom metric in `main`."""
        (choice,) = self.read("evaluations", "main")["metrics"]
        self.change("evaluations", "main", metrics=[{**choice, **fields}])

    def touch(self) -> None:
        """Change everything that shapes no result."""
        self.write_prompt("short", "{{ inputs }}", description="another description")
        prices = {"prompt_usd_per_million": 1.0, "completion_usd_per_million": 2.0}
        limits = {"max_concurrency": 4, "max_retries": 1, "timeout_seconds": 6}
        self.change("models", "alpha", description="another", prices=prices, limits=limits, owners=["team:evals"])
        self.change("judges", "grader", description="another", owners=["team:evals"])
        schedule = {"cron": "0 6 * * *"}
        fields = {"description": "another", "schedule": schedule, "owners": ["team:evals"], "max_cost_usd": 9.0}
        self.change("evaluations", "main", **fields)
        self.change("datasets", "qa", description="another", licence="CC-BY-4.0", source="elsewhere")


def write_project(folder: Path, base_url: str, *, n_rows: int = 4) -> Files:
    """Write the files of a project whose models, judge included, are served at `base_url`."""
    files = Files(folder, base_url)
    files.write("datasets", "qa", {"task": "question-answering", "description": "Questions."})
    files.write_rows(0, n_rows)
    files.write_prompt("short", "{{ inputs }}")
    files.write_prompt("long", "Take your time and answer: {{ inputs }}")
    files.write_model("alpha", "alpha-1")
    files.write_model("beta", "beta-1")
    files.write_model("referee", JUDGE_MODEL)
    files.write("judges", "grader", {"definition": "It is right.", "rubric": "1: wrong\n5: right", "model": "referee"})
    (folder / f"{files.metric_module}.py").write_text(METRIC_CODE)
    brevity = {"metric": "brevity", "function": f"{files.metric_module}:brevity", "version": "v1"}
    shared = {"dataset": "qa", "without_metrics": SLOW_DEFAULTS}
    candidates = {"models": ["alpha", "beta"], "prompts": ["short", "long"]}
    files.write("evaluations", "main", {**shared, **candidates, "judges": ["grader"], "metrics": [brevity]})
    files.write("evaluations", "other", {**shared, "models": ["alpha"], "prompts": ["short"]})
    return files


@dataclass
class Lab:
    """Runs over a project, each with the files as they stand, as a new process would see them.

    Args:
        files: The project.
        instance: Where Dagster records runs.
        names: What assets and jobs are called.
    """

    files: Files
    instance: dg.DagsterInstance
    names: Names = Names()  # noqa: RUF009  a frozen value

    def copied(self, parent: Path) -> "Lab":
        """The same project, warehouse included, free to be changed; its provider and its instance are shared."""
        folder = shutil.copytree(self.files.folder, parent / self.files.folder.name)
        return Lab(Files(folder, self.files.base_url), self.instance, self.names)

    @property
    def settings(self) -> Settings:
        root = self.files.data / "warehouse"
        return Settings(self.files.data, str(root), root / "_state")

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.settings.warehouse_root)

    @contextmanager
    def engine_room(self) -> Iterator[EngineRoom]:
        with _on_path(self.files.folder), EngineRoom.from_settings(self.settings) as engine_room:
            yield engine_room

    def definitions(self, engine_room: EngineRoom) -> dg.Definitions:
        return assembled(engine_room.project, engine_room, self.settings, self.names)

    def plan(self, **choice: Any) -> Plan:
        with self.engine_room() as engine_room:
            return self._plan(engine_room, **choice)

    def run(
        self,
        spending: Spending | None = None,
        *,
        on_plan: Callable[[Plan], object] | None = None,
        wait: bool = False,
        **choice: Any,
    ) -> RunSummary:
        """Plan and run, as `eval-assets run` does; `on_plan` comes between the two."""
        spending = spending or Spending()
        with self.engine_room() as engine_room:
            plan = self._plan(engine_room, spending=spending, **choice)
            if on_plan is not None:
                on_plan(plan)
            return run_plan(
                engine_room,
                plan,
                spending=spending,
                instance=self.instance,
                on_start=lambda what: None,
                names=self.names,
                wait=wait,
            )

    def materialize(
        self, job: str, partition: str, backfill: str | None = None, tables: Sequence[str] | None = None
    ) -> dg.ExecuteInProcessResult:
        """Run one job over one partition, as the Materialize button does, or as a backfill's run."""
        with self.engine_room() as engine_room:
            found = self.definitions(engine_room).resolve_job_def(self.names.of(job) if job in JOBS else job)
            return found.execute_in_process(
                partition_key=partition,
                instance=self.instance,
                asset_selection=None if tables is None else self.names.keys(tables),
                run_config=QUIET,
                tags={} if backfill is None else {BACKFILL_TAG: backfill},
                raise_on_error=False,
            )

    def read(self, table: str, partition: str) -> dg.ExecuteInProcessResult:
        """Materialize one partition of a table of files by hand."""
        return self.materialize(IMPLICIT_JOB, partition, tables=[table])

    def refresh(self, *, raise_on_error: bool = True, **config: Any) -> dg.ExecuteInProcessResult:
        """Run the job `refresh`."""
        with self.engine_room() as engine_room:
            job = self.definitions(engine_room).resolve_job_def(self.names.of(REFRESH_JOB))
            run_config = {**QUIET, **refresh_config(self.names, **config)}
            return job.execute_in_process(instance=self.instance, run_config=run_config, raise_on_error=raise_on_error)

    def read_files(self) -> None:
        """Read every changed file in one run, as the sensor `watch_files` asks for, and nothing else."""
        places = [f"{root.table}/{root.name}" for root in self.plan().roots]
        with self.engine_room() as engine_room:
            reading = self.definitions(engine_room).resolve_job_def(self.names.of(READ_FILES))
            config = {**QUIET, **reading_config(self.names, places)}
            assert reading.execute_in_process(instance=self.instance, run_config=config).success

    def _plan(self, engine_room: EngineRoom, **choice: Any) -> Plan:
        return make_plan(
            engine_room, missing_in_dagster=missing_in_dagster(self.instance, engine_room.project, self.names), **choice
        )


def work_of(plan: Plan) -> dict[str, tuple[int, int, int, int]]:
    """Stale cell → requests to generate and to judge, predictions to rescore and to reuse."""
    return {
        planned.cell.key: (planned.work.generate, planned.work.judge, planned.work.rescore, planned.work.reuse)
        for planned in plan.cells
        if planned.is_stale
    }


def _row(number: int) -> dict[str, Any]:
    return {"example_id": f"q{number}", "inputs": f"question {number}", "targets": [f"answer {number}"]}


@contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
