"""The project that is looked at: its files as they stand, its tables, and what tells that either has changed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import polars as pl

from eval_assets.config.project import Project
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import Settings
from eval_assets.errors import StorageError
from eval_assets.reports.evaluation_report import (
    READ_TABLES,
    DatasetFacts,
    EvaluationReport,
    Provenance,
    assemble_report,
)
from eval_assets.stages.cell_inputs import evaluation_of
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.storage.snapshots import partition_name
from eval_assets.storage.versions import current_version
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.columns import CANDIDATE
from eval_assets.tables.schemas import SCHEMAS

SHOWN_TABLES = (*READ_TABLES, "evaluations", "prompts", "judge_agreement", "pairwise_results", "changes")
"""What a page of an evaluation is made of; where none has a new version, the page is what it was."""
SUMMED_UP = ("aggregate_reports", "comparison", "gate_results", "aggregate_history")
WRITTEN_TABLES = ("predictions", "heuristic_metrics", "judge_scores", "aggregate_reports", "comparison")
FOLDERS = ("datasets", "prompts", "models", "judges", "evaluations")


@dataclass(frozen=True)
class ViewedProject:
    """What the viewer reads from; holds nothing that could grow old.

    Args:
        settings: Where files and tables lie.
        warehouse: The tables; each thread opens them for itself.
        dagster_url: Address of the Dagster UI that knows the runs; null if there is none to link to.
        can_edit: Whether labels may be given, rows asked for again, prompts tried and saved.
    """

    settings: Settings
    warehouse: Warehouse
    dagster_url: str | None = None
    can_edit: bool = False

    def files(self) -> Project:
        """The files as they stand."""
        return load_project(self.settings.data_dir, self.settings.warehouse_root)

    def room(self) -> EngineRoom:
        """What reports are read with: the files as they stand, and the tables. Nothing is started."""
        return EngineRoom(project=self.files(), warehouse=self.warehouse, state_dir=self.settings.state_dir)

    def computed(self) -> dict[str, datetime]:
        """Evaluation → when its file was last read by a run, oldest first."""
        rows = self.warehouse.scan("evaluations").group_by("evaluation").agg(pl.col("first_seen_at").max())
        return dict(rows.sort("first_seen_at").collect().rows())

    def summary(self, evaluation: str) -> EvaluationReport:
        """The report of an evaluation without its rows: which metrics there are, what they mean, how they came out.

        Raises:
            ConfigError: There is no such evaluation.
            StorageError: It was never computed.
        """
        if self.warehouse.last_commit("evaluations", {"evaluation": evaluation}) is None:
            self.files().evaluation(evaluation)
            raise StorageError(f"{evaluation} has no results yet: `eval-assets run {evaluation}` computes them")
        stored = current_version(self.warehouse, "evaluations", evaluation)
        file = evaluation_of(stored)
        frames = {
            table: self.warehouse.scan(table, {"evaluation": evaluation})
            .filter(CANDIDATE.is_in(file.candidates))
            .collect()
            if table in SUMMED_UP
            else pl.DataFrame(schema=SCHEMAS[table])
            for table in READ_TABLES
        }
        report = assemble_report(
            file,
            frames,
            dataset=DatasetFacts(file.file.dataset, n_examples=0, sha256=""),
            provenance=Provenance(datetime.now(UTC), (), {}),
        )
        named = {*stored.content["metric_fingerprints"], *file.file.judges}
        return replace(report, metrics=tuple(metric for metric in report.metrics if metric in named))

    def state(self) -> tuple[object, ...]:
        """Something that is equal as long as neither a table nor a file of the project has changed."""
        versions = tuple(self.warehouse.version(table) for table in SHOWN_TABLES)
        return (versions, tuple(sorted(self._stamps())))

    def version(self, evaluation: str) -> str:
        """A text that is equal as long as no partition of an evaluation is written."""
        name = partition_name({"evaluation": evaluation})
        commits = [
            f"{table} {partition} {commit.version}"
            for table in WRITTEN_TABLES
            for partition, commit in sorted(self.warehouse.last_commits(table).items())
            if partition == name or partition.startswith(f"{name}/")
        ]
        return sha256("\n".join(commits).encode()).hexdigest()[:16]

    def stamp_of(self, evaluation: str) -> tuple[str, int, int] | None:
        """Equal as long as the file of an evaluation has not changed; null where it has none."""
        path = self.settings.data_dir / "evaluations" / f"{evaluation}.yaml"
        return _stamp(path) if path.is_file() else None

    def _stamps(self) -> Iterator[tuple[str, int, int]]:
        """Name, time and size of every file that results are made from: those of `data/`, and modules beside it."""
        places = [self.settings.data_dir / folder for folder in FOLDERS]
        found = [path for place in places if place.is_dir() for path in place.rglob("*")]
        for path in (*found, *self.settings.data_dir.parent.glob("*.py")):
            yield _stamp(path)


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        known = path.stat()
    except OSError:  # gone since it was listed, or not to be read: that too is a state
        return (str(path), 0, 0)
    return (str(path), known.st_mtime_ns, known.st_size)
