"""Which partitions are stale and why: recorded data versions of inputs against those of the files and tables now."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from eval_assets.config.datasets.rows import read_examples
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError
from eval_assets.planning.changes import dataset_change, source_diff, version_change
from eval_assets.planning.unanswered import UnansweredRows
from eval_assets.stages import (
    aggregate_reports,
    comparison,
    heuristic_metrics,
    judge_agreement,
    judge_scores,
    pairwise_preferences,
    predictions,
)
from eval_assets.stages.file_versions import FileVersions
from eval_assets.stages.graph import (
    CELL_TABLES,
    EVALUATION_TABLES,
    ROOT_TABLES,
    Cell,
    cells_of,
    inputs_of,
    inputs_of_evaluation,
)
from eval_assets.stages.stored_inputs import partition_of
from eval_assets.storage.snapshots import Commit, partition_name
from eval_assets.storage.versions import StoredVersion, all_versions
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import inputs_recorded
from eval_assets.tables.schemas import PARTITIONED_BY

CODE_VERSIONS = {
    "predictions": predictions.CODE_VERSION,
    "heuristic_metrics": heuristic_metrics.CODE_VERSION,
    "judge_scores": judge_scores.CODE_VERSION,
    "aggregate_reports": aggregate_reports.CODE_VERSION,
    "pairwise_preferences": pairwise_preferences.CODE_VERSION,
    "judge_agreement": judge_agreement.CODE_VERSION,
    "comparison": comparison.CODE_VERSION,
}
WRITTEN_TOGETHER = {
    "eval_datasets": ("labels", "documents"),
    "pairwise_preferences": ("pairwise_results",),
    "judge_agreement": ("judge_disagreements",),
    "comparison": ("gate_results",),
}
NEVER = "never computed"
NOT_IN_DAGSTER = "not materialized in this Dagster instance"


@dataclass(frozen=True, slots=True)
class Staleness:
    """Why a cell has to run; empty causes: it is fresh.

    Args:
        causes: One line each.
        diffs: Changed file → the changed lines.
        tables: The cell's tables that are stale.
    """

    causes: tuple[str, ...] = ()
    diffs: Mapping[str, list[str]] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()


class StalenessReader:
    """Reads each table's history once; make a new one for each plan.

    Args:
        project: The files as they stand.
        versions: Their data versions.
        warehouse: The tables.
        missing_in_dagster: Asset partitions, as `table/key`, that the Dagster instance has never seen.
    """

    def __init__(
        self,
        project: Project,
        versions: FileVersions,
        warehouse: Warehouse,
        missing_in_dagster: frozenset[str] = frozenset(),
    ) -> None:
        self._project, self._versions, self._warehouse = project, versions, warehouse
        self._missing = missing_in_dagster
        self._unanswered = UnansweredRows(warehouse)
        self._commits: dict[str, dict[str, Commit]] = {}
        self._stored: dict[tuple[str, str], list[StoredVersion]] = {}
        self._dataset_changes: dict[tuple[str, str | None], str] = {}

    def stale_root(self, table: str, name: str) -> str | None:
        """Why a file has to be read again; null if its table holds it as it stands.

        Raises:
            ConfigError: The file can't be used.
        """
        commit = self.commit(table, {PARTITIONED_BY[table][0]: name})
        if commit is None:
            return NEVER
        if commit.metadata["data_version"] != self._versions.sha256(ROOT_TABLES[table], name):
            return "the file changed"
        return NOT_IN_DAGSTER if f"{table}/{name}" in self._missing else None

    def stale_cell(self, cell: Cell) -> Staleness:
        """Why a cell has to run.

        Raises:
            ConfigError: A file it depends on can't be used.
        """
        causes: dict[str, None] = {}
        diffs: dict[str, list[str]] = {}
        tables: set[str] = set()
        for table in CELL_TABLES:
            for cause, changed in self._causes(table, cell):
                causes[cause] = None
                diffs.update(changed)
                tables.add(table)
        return Staleness(tuple(causes), diffs, frozenset(tables))

    def stale_evaluation(self, evaluation: str) -> str | None:
        """Why what an evaluation's cells are joined in has to run, apart from cells that will."""
        causes = (self._stale_stage(table, evaluation) for table in EVALUATION_TABLES)
        return next((cause for cause in causes if cause is not None), None)

    def outdated(self, evaluation: str) -> tuple[str, ...]:
        """In what an evaluation's results differ from its files, a line per candidate and cause; failed rows aside."""
        lines: dict[str, None] = {}
        for cell in cells_of(self._project, evaluation):
            try:
                for table in CELL_TABLES:
                    lines |= {f"{cell.candidate}: {cause}": None for cause, _ in self._changes(table, cell)}
            except ConfigError as error:
                lines[f"{cell.candidate}: {error}"] = None
        if lines:
            return tuple(lines)
        try:
            causes = [self._changed_stage(table, evaluation) for table in EVALUATION_TABLES]
        except ConfigError as error:
            return (str(error),)
        return tuple(dict.fromkeys(cause for cause in causes if cause is not None))

    def _stale_stage(self, table: str, evaluation: str) -> str | None:
        if changed := self._changed_stage(table, evaluation):
            return changed
        if failed := next(self._unanswered.failed(table, {"evaluation": evaluation}), None):
            return failed
        return NOT_IN_DAGSTER if f"{table}/{evaluation}" in self._missing else None

    def _changed_stage(self, table: str, evaluation: str) -> str | None:
        commit = self.commit(table, {"evaluation": evaluation})
        if commit is None:
            return NEVER
        if commit.metadata.get("code_version") != CODE_VERSIONS[table]:
            return f"the computation of {table} changed"
        upstream = inputs_of_evaluation(self._project, table, evaluation)
        expected = {
            f"{source}/{key}": version
            for source, keys in upstream.items()
            for key in keys
            if (version := self._version_now(source, key)) is not None
        }
        if inputs_recorded(commit) != expected:
            changed = "its candidates or its evaluation" if table == "comparison" else f"what {table} is made from"
            return f"{changed} changed"
        return None

    def _version_now(self, table: str, key: str) -> str | None:
        """Data version of a file as it stands, or of a partition as it lies; null if it was never computed."""
        if table in ROOT_TABLES:
            return self._versions.sha256(ROOT_TABLES[table], key)
        commit = self.commit(table, partition_of(table, key))
        return None if commit is None else commit.metadata["data_version"]

    def commit(self, table: str, partition: Mapping[str, str]) -> Commit | None:
        """The last commit of a partition; null also if a table that is written with it has lost the partition."""
        name = partition_name(partition)
        for each in (table, *WRITTEN_TOGETHER.get(table, ())):
            if each not in self._commits:
                self._commits[each] = self._warehouse.last_commits(each)
            if name not in self._commits[each]:
                return None
        return self._commits[table][name]

    def next_version(self, table: str, name: str) -> int:
        """Number of a file's content as it stands: the stored one, or the one it will get."""
        versions = self._history(table, name)
        sha256 = self._versions.sha256(ROOT_TABLES[table], name)
        if versions and versions[-1].content_sha256 == sha256:
            return versions[-1].version
        return versions[-1].version + 1 if versions else 1

    def _causes(self, table: str, cell: Cell) -> Iterator[tuple[str, dict[str, list[str]]]]:
        yield from self._changes(table, cell)
        if self.commit(table, cell.partition) is None:
            return
        yield from ((cause, {}) for cause in self._unanswered.failed(table, cell.partition))
        if f"{table}/{cell.key}" in self._missing:
            yield NOT_IN_DAGSTER, {}

    def _changes(self, table: str, cell: Cell) -> Iterator[tuple[str, dict[str, list[str]]]]:
        """In what a table of a cell differs from what it would be made from now: a sentence, and changed lines."""
        commit = self.commit(table, cell.partition)
        if commit is None:
            yield NEVER, {}
            return
        if commit.metadata.get("code_version") != CODE_VERSIONS[table]:
            yield (
                f"the computation of {table} changed: {commit.metadata.get('code_version')} → {CODE_VERSIONS[table]}",
                {},
            )
        recorded = inputs_recorded(commit)
        wanted = {
            f"{upstream}/{key}": (upstream, key)
            for upstream, keys in inputs_of(self._project, table, cell).items()
            for key in keys
        }
        for place, (upstream, key) in wanted.items():
            if upstream in ROOT_TABLES:
                if recorded.get(place) != self._versions.sha256(ROOT_TABLES[upstream], key):
                    yield self._root_change(upstream, key, recorded.get(place), commit)
            else:
                made_from = self.commit(upstream, cell.partition)
                if made_from is not None and recorded.get(place) != made_from.metadata["data_version"]:
                    yield f"{upstream} changed since {table} was computed", {}
        for place in recorded.keys() - wanted.keys():
            yield f"no longer depends on {place.replace('/', ' ', 1)}", {}

    def _root_change(
        self, table: str, name: str, former_version: str | None, commit: Commit
    ) -> tuple[str, dict[str, list[str]]]:
        if table == "eval_datasets":
            made_from = inputs_recorded(commit).get(f"eval_datasets/{name}")
            if (name, made_from) not in self._dataset_changes:
                self._dataset_changes[name, made_from] = self._dataset_change(name, made_from)
            return self._dataset_changes[name, made_from], {}
        former = next((v for v in self._history(table, name) if v.content_sha256 == former_version), None)
        new = self._versions.version(ROOT_TABLES[table], name)
        if former is None:
            return f"{table.removesuffix('s')} {name} is new here", {}
        change = version_change(table, name, former, new, self.next_version(table, name))
        changed = source_diff(former.source, new.source)
        return change, {f"{table}/{name}": changed} if changed else {}

    def _dataset_change(self, name: str, made_from: str | None) -> str:
        """Compare the rows as they lie in the table the cell was made from with those in the file."""
        version = next(
            (
                entry.version
                for entry in self._warehouse.history("eval_datasets")
                if entry.metadata.get("partition") == partition_name({"dataset": name})
                and entry.metadata.get("data_version") == made_from
            ),
            None,
        )
        if version is None:
            return f"dataset {name} is new here"
        stored = self._warehouse.scan("eval_datasets", {"dataset": name}, version=version)
        former = dict(stored.select("example_id", "example_sha256").collect().iter_rows())
        examples = read_examples(self._project.dataset(name), self._project.datasets_dir)
        return dataset_change(name, former, {example.example_id: example.sha256 for example in examples})

    def failures(self, cell: Cell) -> list[str]:
        """Rows of a cell that failed and are asked again by the next run, a line per table."""
        return [line for table in CELL_TABLES for line in self._unanswered.failed(table, cell.partition)]

    def missing(self, cell: Cell) -> list[str]:
        """Rows of a cell that have no whole answer and aren't asked for again, a line per table."""
        return [line for table in CELL_TABLES for line in self._unanswered.staying(table, cell.partition)]

    def retried(self, cell: Cell, outcomes: Collection[str]) -> list[str]:
        """Rows of a cell whose replies have one of these outcomes, a line per table."""
        return [line for table in CELL_TABLES for line in self._unanswered.retried(table, cell.partition, outcomes)]

    def retried_pairs(self, evaluation: str, outcomes: Collection[str]) -> list[str]:
        """Comparisons of an evaluation whose replies have one of these outcomes."""
        return list(self._unanswered.retried("pairwise_preferences", {"evaluation": evaluation}, outcomes))

    def _history(self, table: str, name: str) -> list[StoredVersion]:
        if (table, name) not in self._stored:
            self._stored[table, name] = all_versions(self._warehouse, table, name)
        return self._stored[table, name]
