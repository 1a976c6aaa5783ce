"""Which partitions are stale and why: recorded data versions of inputs against those of the files and tables now."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from eval_assets.config.datasets.rows import read_examples
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError
from eval_assets.planning.kept_replies import KeptReplies
from eval_assets.planning.replaced_models import ReplacedModels
from eval_assets.planning.unanswered import UnansweredRows
from eval_assets.stages.evaluation_parts import EvaluationContent
from eval_assets.stages.file_changes import OF_A_TRIAL, dataset_change, evaluation_change, source_diff, version_change
from eval_assets.stages.file_versions import FILES_OF, FileVersion, FileVersions
from eval_assets.stages.graph import (
    Cell,
    Place,
    WholeEvaluation,
    cells_of,
)
from eval_assets.stages.stage import Stage
from eval_assets.stages.stage_table import FILES, OF_CELLS, OF_EVALUATIONS, STAGES
from eval_assets.stages.stored_inputs import partition_of
from eval_assets.storage.snapshots import Commit, partition_name
from eval_assets.storage.versions import StoredVersion, all_versions
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import inputs_recorded

NEVER = "never computed"
NOT_IN_DAGSTER = "not materialized in this Dagster instance"

Change = tuple[str, dict[str, list[str]]]
"""A sentence, and changed file → its changed lines."""


@dataclass(frozen=True, slots=True)
class Staleness:
    """Why a cell, or what joins an evaluation's cells, has to run; empty causes: it is fresh.

    Args:
        causes: One line each.
        diffs: Changed file → the changed lines.
        tables: Its tables that are stale.
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
        self._replaced = ReplacedModels(project, warehouse)
        self._kept = KeptReplies(warehouse)
        self._commits: dict[str, dict[str, Commit]] = {}
        self._stored: dict[tuple[str, str], list[StoredVersion]] = {}
        self._dataset_changes: dict[tuple[str, str | None], str] = {}
        self._now: dict[tuple[str, str], FileVersion] = {}
        self._datasets_now: dict[str, str] = {}

    def stale_root(self, table: str, name: str) -> str | None:
        """Why a file has to be read again; null if its table holds it as it stands.

        Raises:
            ConfigError: The file can't be used.
        """
        commit = self.commit(table, partition_of(table, name))
        if commit is None:
            return NEVER
        if commit.metadata["data_version"] != self._sha256(FILES_OF[table], name):
            return "the file changed"
        return NOT_IN_DAGSTER if f"{table}/{name}" in self._missing else None

    def stale(self, place: Place) -> Staleness:
        """Why the tables of a cell, or of an evaluation as a whole, have to run, apart from what will be below them.

        Raises:
            ConfigError: A file it depends on can't be used.
        """
        causes: dict[str, None] = {}
        diffs: dict[str, list[str]] = {}
        tables: set[str] = set()
        for table in tables_of(place):
            for cause, changed in self._causes(table, place):
                causes[cause] = None
                diffs.update(changed)
                tables.add(table)
        return Staleness(tuple(causes), diffs, frozenset(tables))

    def causes(self, table: str, place: Place) -> tuple[str, ...]:
        """Why one of the tables of a place has to run; arguments and errors as there."""
        return tuple(dict.fromkeys(cause for cause, _ in self._causes(table, place)))

    def outdated(self, evaluation: str) -> tuple[str, ...]:
        """In what an evaluation's results differ from its files, a line per candidate and cause; failed rows aside."""
        places: list[Place] = [*cells_of(self._project, evaluation), WholeEvaluation(evaluation)]
        lines: dict[str, None] = {}
        for place in places:
            if lines and isinstance(place, WholeEvaluation):
                break  # it follows
            said = f"{place.candidate}: " if isinstance(place, Cell) else ""
            try:
                for table in tables_of(place):
                    causes = (cause for cause, _ in self._changes(STAGES[table], place))
                    lines |= {cause if cause.startswith(OF_A_TRIAL) else f"{said}{cause}": None for cause in causes}
            except ConfigError as error:
                lines[f"{said}{error}"] = None
        return tuple(lines)

    def commit(self, table: str, partition: Mapping[str, str]) -> Commit | None:
        """The last commit of a partition; null also if a table that is written with it has lost the partition."""
        name = partition_name(partition)
        for each in (table, *STAGES[table].written_with):
            if each not in self._commits:
                self._commits[each] = self._warehouse.last_commits(each)
            if name not in self._commits[each]:
                return None
        return self._commits[table][name]

    def next_version(self, table: str, name: str) -> int:
        """Number of a file's content as it stands: the stored one, or the one it will get."""
        versions = self._history(table, name)
        sha256 = self._sha256(FILES_OF[table], name)
        if versions and versions[-1].content_sha256 == sha256:
            return versions[-1].version
        return versions[-1].version + 1 if versions else 1

    def _causes(self, table: str, place: Place) -> Iterator[Change]:
        yield from self._changes(STAGES[table], place)
        if self.commit(table, place.partition) is None:
            return
        yield from ((cause, {}) for cause in self._unanswered.failed(table, place.partition))
        yield from ((cause, {}) for cause in self._replaced.causes(table, place))
        yield from ((cause, {}) for cause in self._kept.causes(table, place.partition))
        if f"{table}/{place.key}" in self._missing:
            yield NOT_IN_DAGSTER, {}

    def _changes(self, stage: Stage, place: Place) -> Iterator[Change]:
        """In what a partition differs from what it would be made from now."""
        table, commit = stage.table, self.commit(stage.table, place.partition)
        if commit is None:
            yield NEVER, {}
            return
        if commit.metadata.get("code_version") != stage.code_version:
            was = commit.metadata.get("code_version")
            yield f"the computation of {table} changed: {was} → {stage.code_version}", {}
        yield from self._marked(stage, place, commit)
        recorded = inputs_recorded(commit)
        wanted = {
            f"{upstream}/{key}": (upstream, key)
            for upstream, keys in stage.upstream(self._project, place).items()
            for key in keys
        }
        for made_from, (upstream, key) in wanted.items():
            if upstream == "evaluations":
                yield from self._evaluation_change(stage, key, recorded.get(made_from))
            elif upstream in FILES:
                if recorded.get(made_from) != self._sha256(FILES_OF[upstream], key):
                    yield self._root_change(upstream, key, recorded.get(made_from), commit)
            else:
                written = self.commit(upstream, partition_of(upstream, key))
                if written is not None and recorded.get(made_from) != written.metadata["data_version"]:
                    yield f"{upstream} changed since {table} was computed", {}
        for made_from in recorded.keys() - wanted.keys():
            yield f"no longer depends on {made_from.replace('/', ' ', 1)}", {}

    def _marked(self, stage: Stage, place: Place, commit: Commit) -> Iterator[Change]:
        """Whether a command marked something since that the partition depends on."""
        if stage.marks is not None:
            evaluation = self._project.evaluation(place.evaluation)
            if commit.metadata.get("marks", "") != stage.marks(evaluation, self._warehouse):
                yield f"{stage.marked} since {stage.table} was computed", {}

    def _evaluation_change(self, stage: Stage, name: str, former_version: str | None) -> Iterator[Change]:
        """In what the part of an evaluation that a stage reads differs from the version it was made from."""
        if stage.reads is None or former_version == self._sha256("evaluations", name):
            return
        former = self._former("evaluations", name, former_version)
        if former is None:
            yield f"evaluation {name} is new here", {}
            return
        new = self._version("evaluations", name)
        part = stage.reads(EvaluationContent.of(new.content))
        try:
            former_part = stage.reads(EvaluationContent.of(former.content))
        except ValidationError:  # written by a release that took what this one refuses
            former_part = {}
        if part != former_part:
            said = evaluation_change(name, former, former_part, part, self.next_version("evaluations", name))
            changed = source_diff(former.source, new.source)
            yield said, {f"evaluations/{name}": changed} if changed else {}

    def _root_change(self, table: str, name: str, former_version: str | None, commit: Commit) -> Change:
        if table == "eval_datasets":
            made_from = inputs_recorded(commit).get(f"eval_datasets/{name}")
            if (name, made_from) not in self._dataset_changes:
                self._dataset_changes[name, made_from] = self._dataset_change(name, made_from)
            return self._dataset_changes[name, made_from], {}
        former = self._former(table, name, former_version)
        new = self._version(FILES_OF[table], name)
        if former is None:
            return f"{table.removesuffix('s')} {name} is new here", {}
        change = version_change(table, name, former, new, self.next_version(table, name))
        changed = source_diff(former.source, new.source)
        return change, {f"{table}/{name}": changed} if changed else {}

    def _former(self, table: str, name: str, data_version: str | None) -> StoredVersion | None:
        """The last version of a file that held this content; null if none is known."""
        return next((v for v in reversed(self._history(table, name)) if v.content_sha256 == data_version), None)

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
        return [line for table in OF_CELLS for line in self._unanswered.failed(table, cell.partition)]

    def missing(self, cell: Cell) -> list[str]:
        """Rows of a cell that have no whole answer and aren't asked for again, a line per table."""
        return [line for table in OF_CELLS for line in self._unanswered.staying(table, cell.partition)]

    def replaced(self, cells: Sequence[Cell]) -> tuple[str, ...]:
        """Models of cells that were replaced by their providers and aren't followed, a line each."""
        return tuple(self._replaced.remarks(cells))

    def retried(self, place: Place, outcomes: Collection[str]) -> dict[str, str]:
        """Table of a place → what is said of its rows whose replies have one of these outcomes; others are left out."""
        said = {table: list(self._unanswered.retried(table, place.partition, outcomes)) for table in tables_of(place)}
        return {table: "; ".join(lines) for table, lines in said.items() if lines}

    def _version(self, kind: str, name: str) -> FileVersion:
        """A file as it stood when it was first looked at: every cell asks for its evaluation, whose code is parsed."""
        if (kind, name) not in self._now:
            self._now[kind, name] = self._versions.version(kind, name)
        return self._now[kind, name]

    def _sha256(self, kind: str, name: str) -> str:
        if kind != "datasets":
            return self._version(kind, name).sha256
        if name not in self._datasets_now:
            self._datasets_now[name] = self._versions.sha256(kind, name)
        return self._datasets_now[name]

    def _history(self, table: str, name: str) -> list[StoredVersion]:
        if (table, name) not in self._stored:
            self._stored[table, name] = all_versions(self._warehouse, table, name)
        return self._stored[table, name]


def tables_of(place: Place) -> tuple[str, ...]:
    """Tables that have a partition for a place, upstream first."""
    return OF_CELLS if isinstance(place, Cell) else OF_EVALUATIONS
