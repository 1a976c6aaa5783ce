"""The smallest sound project, its files replaced one by one by what a test is about, and computed without Dagster."""

from collections.abc import Collection
from pathlib import Path

from eval_assets.checking.references import check_project
from eval_assets.config.project import Project, limited
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import settings_from
from eval_assets.stages.edges import compute
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.file_versions import FileVersions
from eval_assets.stages.graph import cells_of
from eval_assets.stages.spending import Spending
from eval_assets.stages.stage_table import FILES as TABLES_OF_FILES
from eval_assets.stages.stage_table import OF_CELLS, OF_EVALUATIONS
from eval_assets.storage.warehouse import Warehouse

FILES = {
    "datasets/qa.yaml": "task: question-answering\n",
    "datasets/qa.jsonl": '{"example_id": "a", "inputs": "Why?", "targets": "Because."}\n',
    "prompts/ask.md": "## user\nAnswer: {{ inputs }}\n",
    "models/echo.yaml": "provider: callable\ncallable: eval_assets.providers.baselines:lead_sentence\n",
    "judges/right.yaml": "definition: Is it right?\nmodel: echo\n",
    "evaluations/e.yaml": "dataset: qa\nmodels: [echo]\nprompts: [ask]\njudges: [right]\nwithout_metrics: [toxicity]\n",
}


def project_with(folder: Path, **changed: str | bytes | None) -> Project:
    """The smallest sound project, with some files replaced; `None` removes one. Names: `datasets/qa.yaml` etc."""
    files: dict[str, str | bytes | None] = {**FILES, **changed}
    for name, content in files.items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            path.write_text(content, encoding="utf-8")
    return load_project(folder / "data")


def problems_of(project: Project) -> list[str]:
    """What `eval-assets check` says."""
    return check_project(project, FileVersions(project).metrics).problems


def notes_of(project: Project) -> list[str]:
    """What `eval-assets check` says of rows that can be used."""
    return check_project(project, FileVersions(project).metrics).notes


def compute_everything(
    folder: Path, *, run_id: str, without: Collection[str] = (), limit: int | None = None
) -> Warehouse:
    """Compute every stage of every evaluation of the project in a folder, in one run; the warehouse is its own.

    Args:
        folder: Which holds `data/`.
        run_id: Of the run.
        without: Tables that stay as they are.
        limit: Only the first rows of each evaluation.
    """
    project = load_project(folder / "data")
    chosen = project if limit is None else limited(project, limit)
    with EngineRoom.from_settings(settings_from({}, data_dir=folder / "data"), chosen) as room:
        for table in TABLES_OF_FILES:
            for name in room.project.names(table.removeprefix("eval_")):
                compute(room, table, name, Spending(), run_id=run_id)
        for evaluation in room.project.names("evaluations"):
            tables = [table for table in OF_CELLS if table not in without]
            for table, cell in ((table, cell) for cell in cells_of(room.project, evaluation) for table in tables):
                compute(room, table, cell.key, Spending(), run_id=run_id)
            for table in OF_EVALUATIONS:
                compute(room, table, evaluation, Spending(), run_id=run_id)
        return room.warehouse
