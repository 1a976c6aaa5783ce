"""What a cell works with, read from the tables of its upstream assets, so that results match their lineage."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from eval_assets.config.datasets.examples import Example
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.judge import Judge
from eval_assets.config.model import Model
from eval_assets.config.prompt import Prompt
from eval_assets.errors import DatasetError, StorageError
from eval_assets.stages.graph import Cell
from eval_assets.storage.batches import batches_by_position
from eval_assets.storage.snapshots import Snapshot
from eval_assets.storage.versions import StoredVersion, current_version
from eval_assets.storage.warehouse import Warehouse


@dataclass(frozen=True)
class StoredModel:
    """A model as the warehouse keeps it, with the hash of the code or file behind it."""

    model: Model
    implementation: str | None
    version: int


@dataclass(frozen=True)
class CellInputs:
    """The shared inputs of one cell.

    Args:
        data_versions: Upstream partition, as `table/key`, → its data version: recorded with what is made of it.
        rows: Rows of the dataset in that version.
    """

    cell: Cell
    evaluation: Evaluation
    model: StoredModel
    prompt: Prompt
    prompt_version: int
    data_versions: Mapping[str, str]
    rows: pl.LazyFrame = field(default_factory=pl.LazyFrame)


def read_cell_inputs(warehouse: Warehouse, cell: Cell) -> CellInputs:
    """Read a cell's evaluation, model and prompt from their tables.

    Raises:
        StorageError: One of them was never materialized.
    """
    evaluation = current_version(warehouse, "evaluations", cell.evaluation)
    prompt = current_version(warehouse, "prompts", cell.prompt)
    model = current_version(warehouse, "models", cell.model)
    dataset = evaluation.content["file"]["dataset"]
    dataset_version, rows = versioned_rows(warehouse, "eval_datasets", {"dataset": dataset})
    return CellInputs(
        cell=cell,
        evaluation=evaluation_of(evaluation),
        model=stored_model_of(model.content, model.version),
        prompt=Prompt.model_validate(prompt.content),
        prompt_version=prompt.version,
        data_versions={
            f"evaluations/{cell.evaluation}": evaluation.content_sha256,
            f"prompts/{cell.prompt}": prompt.content_sha256,
            f"models/{cell.model}": model.content_sha256,
            f"eval_datasets/{dataset}": dataset_version,
        },
        rows=rows,
    )


def evaluation_of(stored: StoredVersion) -> Evaluation:
    """The evaluation in a stored version."""
    content = stored.content
    return Evaluation(name=content["name"], file=content["file"], limit=content.get("limit"))


def stored_model_of(content: Mapping[str, Any], version: int) -> StoredModel:
    """The model in the content of a stored version."""
    return StoredModel(
        Model.model_validate({"name": content["name"], "file": content["file"]}), content.get("implementation"), version
    )


@dataclass(frozen=True)
class StoredJudge:
    """A judge as the warehouse keeps it, with its jurors and everyone's models."""

    judge: Judge
    jurors: Mapping[str, Judge]
    models: Mapping[str, StoredModel]
    version: int
    data_version: str


def read_judge(warehouse: Warehouse, name: str) -> StoredJudge:
    """Read a judge from its table.

    Raises:
        StorageError: It was never materialized.
    """
    stored = current_version(warehouse, "judges", name)
    return stored_judge_of(stored.content, stored.version, stored.content_sha256)


def stored_judge_of(content: Mapping[str, Any], version: int, data_version: str) -> StoredJudge:
    """The judge in the content of a stored version."""
    jurors = [Judge.model_validate(juror) for juror in content["jurors"]]
    models = [stored_model_of(model, 0) for model in content["models"]]
    return StoredJudge(
        judge=Judge.model_validate({"name": content["name"], "file": content["file"]}),
        jurors={juror.name: juror for juror in jurors},
        models={model.model.name: model for model in models},
        version=version,
        data_version=data_version,
    )


def versioned_rows(warehouse: Warehouse, table: str, partition: Mapping[str, str]) -> tuple[str, pl.LazyFrame]:
    """Data version of a partition as it lies in the warehouse, and its rows in that version, whatever is written next.

    Raises:
        StorageError: The partition was never materialized.
    """
    snapshot = warehouse.snapshot(table)
    return data_version_in(snapshot, partition), snapshot.scan(partition)


def data_version_in(snapshot: Snapshot, partition: Mapping[str, str]) -> str:
    """Data version that a partition has in a snapshot of its table; raises as `versioned_rows` does."""
    table, commit = snapshot.table, snapshot.last_commit(partition)
    if commit is None:
        key = "/".join(partition.values())
        raise StorageError(
            f"the table {table!r} has no partition {key!r} yet; materialize it first, or use `eval-assets run`"
        )
    return commit.metadata["data_version"]


def stored_examples(rows: pl.LazyFrame, evaluation: Evaluation) -> Iterator[Example]:
    """The examples an evaluation uses, in order, from its dataset's rows; raises as `chosen_examples` does."""
    read = rows.select("example_id", "position", "example", "example_sha256")
    examples = (
        Example(example_id, position, json.loads(stored), sha256, stored)
        for batch in batches_by_position(read)
        for example_id, position, stored, sha256 in batch.rows()
    )
    return chosen_examples(evaluation, examples)


def count_examples(rows: pl.LazyFrame, evaluation: Evaluation) -> int | None:
    """How many examples an evaluation uses; null where that takes reading them all."""
    if evaluation.file.slice.narrows:
        return None
    n_rows: int = rows.select(pl.len()).collect().item()
    return min(n_rows, evaluation.file.slice.first or n_rows)


def chosen_examples(evaluation: Evaluation, examples: Iterable[Example]) -> Iterator[Example]:
    """The examples that an evaluation's slice selects.

    Raises:
        DatasetError: There are none.
    """
    chosen = evaluation.file.slice
    found = 0
    for example in examples:
        if found == chosen.first:
            return
        if chosen.selects(example.example_id, example.columns):
            found += 1
            yield example
    if found == 0:
        raise DatasetError(
            f"evaluation {evaluation.name!r}: the slice, {chosen}, selects no example of dataset "
            f"{evaluation.file.dataset!r}"
        )


def stored_documents(warehouse: Warehouse, dataset: str) -> list[dict[str, str]]:
    """The documents a retriever searches, as they were when the dataset was materialized."""
    rows = warehouse.scan("documents", {"dataset": dataset}).sort("position").collect()
    return rows.select(id="doc_id", text="text").to_dicts()
