"""From the files in `data/` to the tables at the root of the graph: datasets, and histories of everything else."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.config.datasets.human_labels import HumanLabel, read_labels
from eval_assets.config.datasets.rows import read_documents, read_examples
from eval_assets.config.project import Project
from eval_assets.errors import StorageError
from eval_assets.requests.canonical_json import json_text
from eval_assets.stages.content_hash import HASH_LENGTH
from eval_assets.stages.file_versions import FILES_OF, FileVersions, dataset_sha256
from eval_assets.stages.stage import Computation
from eval_assets.storage.batches import staged
from eval_assets.storage.versions import record_version
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import Written
from eval_assets.tables.schemas import SCHEMAS

FRAME_ROWS = 5_000
FRAME_CHARACTERS = 16_000_000
"""Texts held at once on their way to a table, here and for predictions."""


def compute_dataset(run: Computation) -> Written:
    """Read a dataset."""
    room = run.room
    return write_dataset(room.project, room.warehouse, run.key, run_id=run.run_id, scratch=room.scratch)


def compute_named_file(run: Computation) -> Written:
    """Read a prompt, model, judge or evaluation."""
    return write_named_file(run.room.versions, run.room.warehouse, run.table, run.key, run_id=run.run_id)


def write_named_file(versions: FileVersions, warehouse: Warehouse, table: str, name: str, *, run_id: str) -> Written:
    """Write a prompt, model, judge or evaluation, keeping its earlier versions.

    Raises:
        ConfigError: The file, or what it refers to, can't be used.
    """
    file = versions.version(FILES_OF[table], name)
    stored = record_version(
        warehouse,
        table,
        name=name,
        content_sha256=file.sha256,
        content=file.content,
        source=file.source,
        description=file.description,
        run_id=run_id,
    )
    partition = {table.removesuffix("s"): name}
    commit = warehouse.last_commit(table, partition)
    if commit is None:
        raise StorageError(f"table {table!r} lost the commit of {name!r}; was it recreated meanwhile?")
    return Written(file.sha256, commit, stored.version, {"version": stored.version})


def write_dataset(project: Project, warehouse: Warehouse, name: str, *, run_id: str, scratch: Path) -> Written:
    """Write the rows of a dataset, checked, in file order, with its documents and human labels.

    Raises:
        DatasetError: The rows can't be used; the former ones stay.
    """
    dataset = project.dataset(name)
    hashes: dict[str, str] = {}
    documents = read_documents(dataset, project.datasets_dir)

    def frames() -> Iterator[pl.DataFrame]:
        rows: list[dict[str, Any]] = []
        n_characters = 0
        for example in read_examples(dataset, project.datasets_dir):
            hashes[example.example_id] = example.sha256[:HASH_LENGTH]
            rows.append(
                {
                    "dataset": name,
                    "example_id": example.example_id,
                    "position": example.position,
                    **{column: text_of(example.columns.get(column)) for column in ("inputs", "targets", "context")},
                    "example": example.cell,
                    "example_sha256": example.sha256,
                    "run_id": run_id,
                }
            )
            n_characters += len(rows[-1]["example"])
            if len(rows) == FRAME_ROWS or n_characters > FRAME_CHARACTERS:
                yield pl.DataFrame(rows, schema=SCHEMAS["eval_datasets"])
                rows.clear()
                n_characters = 0
        if rows:
            yield pl.DataFrame(rows, schema=SCHEMAS["eval_datasets"])

    with staged(frames(), scratch) as read_frames:
        labels = read_labels(dataset, project.datasets_dir, example_ids=hashes)
        version = dataset_sha256(list(hashes.values()), documents, labels)
        partition = {"dataset": name}
        metadata = {"run_id": run_id, "data_version": version}
        warehouse.replace("labels", _labels_frame(name, labels, run_id=run_id), partition, metadata)
        warehouse.replace("documents", _documents_frame(name, documents), partition, metadata)
        commit = warehouse.replace("eval_datasets", read_frames, partition, metadata)
    return Written(version, commit, len(hashes), {"n_documents": len(documents), "n_labels": len(labels)})


def text_of(value: Any) -> str | None:
    """A column's value as text for people and SQL: text as it stands, structured values as JSON.

    >>> text_of(["a", "b"])
    '["a", "b"]'
    """
    if value is None or isinstance(value, str):
        return value
    return json_text(value)


def _documents_frame(dataset: str, documents: list[dict[str, str]]) -> pl.DataFrame:
    rows = [
        {"dataset": dataset, "position": position, "doc_id": document["id"], "text": document["text"]}
        for position, document in enumerate(documents)
    ]
    return pl.DataFrame(rows, schema=SCHEMAS["documents"])


def _labels_frame(dataset: str, labels: Sequence[HumanLabel], *, run_id: str) -> pl.DataFrame:
    rows = [
        {"dataset": dataset, "position": position, **asdict(label), "run_id": run_id}
        for position, label in enumerate(labels)
    ]
    return pl.DataFrame(rows, schema=SCHEMAS["labels"])
