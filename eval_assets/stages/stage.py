"""What a stage is, and what its computation is given. Which stages there are is in `stage_table`."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

from eval_assets.config.evaluation import Evaluation
from eval_assets.config.project import Project
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.stages.cell_inputs import StoredModel, evaluation_of
from eval_assets.stages.engine_room import EngineRoom, PartitionRun
from eval_assets.stages.evaluation_parts import EvaluationContent, Part
from eval_assets.stages.graph import Place, evaluation_name
from eval_assets.stages.spending import Spending
from eval_assets.stages.stored_inputs import StoredInputs, stored_inputs
from eval_assets.storage.versions import StoredVersion, current_version
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import Written

Unit = Literal["file", "cell", "evaluation"]
Keys = Callable[[Project, Any], Sequence[str]]
"""From the place of a partition to the partitions of an upstream table that it is made from."""


@dataclass(frozen=True, slots=True)
class Computation:
    """One partition of a stage that is to be computed.

    Args:
        room: Project, warehouse, reply store, servers and engines.
        table: Of the stage.
        key: The partition key.
        upstream: Table → partitions that it is made from.
        spending: What may be spent.
        run_id: The run that writes.
    """

    room: EngineRoom
    table: str
    key: str
    upstream: Mapping[str, Sequence[str]]
    spending: Spending
    run_id: str

    def evaluation(self) -> tuple[Evaluation, StoredVersion]:
        """The evaluation of the partition, as it was last read, and that version of it.

        Raises:
            StorageError: It was never read.
        """
        stored = current_version(self.room.warehouse, "evaluations", evaluation_name(self.key))
        return evaluation_of(stored), stored

    def engine(self, model: StoredModel, evaluation: Evaluation) -> AbstractContextManager[Engine]:
        """An engine for one of the models that the partition asks."""
        return self.room.engine(model, evaluation, PartitionRun(self.table, self.key, self.spending, self.run_id))

    def inputs(self) -> StoredInputs:
        """What lies in the warehouse of what the partition is made from."""
        return stored_inputs(self.room.warehouse, self.upstream)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One box of the asset graph.

    Args:
        table: Its Delta table: its name everywhere.
        unit: What a partition is: a file of `data/`, a cell, or an evaluation as a whole.
        description: A sentence for people.
        compute: Computes and writes one partition.
        code_version: Names the computation; another one makes every partition stale.
        preview: Title → Markdown that shows a partition after it was written.
        inputs: Upstream table → which of its partitions a place is made from.
        reads: The part of the evaluation that it depends on; null: none, as it is a file.
        pays: Whether it sends requests to models.
        written_with: Further tables that are written with each partition.
        marks: What people marked beside the graph and the partition depends on, as a version; null: nothing.
        marked: What is said where that is another than it was.
    """

    table: str
    unit: Unit
    description: str
    compute: Callable[[Computation], Written]
    code_version: str
    preview: Callable[[EngineRoom, str], Mapping[str, str]]
    inputs: Mapping[str, Keys]
    reads: Callable[[EvaluationContent], Part] | None = None
    pays: bool = False
    written_with: tuple[str, ...] = ()
    marks: Callable[[Evaluation, Warehouse], str] | None = None
    marked: str = ""

    def upstream(self, project: Project, place: Place) -> dict[str, list[str]]:
        """Partitions that the partition of a place is made from: table → keys, perhaps none."""
        keys = {table: list(keys_of(project, place)) for table, keys_of in self.inputs.items()}
        return keys if self.reads is None else {**keys, "evaluations": [place.evaluation]}


def same_key(_: Project, place: Place) -> list[str]:
    """The partition of the same place."""
    return [place.key]
