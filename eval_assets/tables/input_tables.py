"""Tables of what users edit: datasets, and every version of the files that are named."""

import polars as pl

from eval_assets.tables.columns import TIME

EVAL_DATASETS = {
    "dataset": pl.String(),
    "example_id": pl.String(),
    "position": pl.Int64(),
    "inputs": pl.String(),
    "targets": pl.String(),
    "context": pl.String(),
    "example": pl.String(),  # JSON of every column under our names
    "example_sha256": pl.String(),
    "run_id": pl.String(),
}

DOCUMENTS = {
    "dataset": pl.String(),
    "position": pl.Int64(),
    "doc_id": pl.String(),
    "text": pl.String(),
}

LABELS = {
    "dataset": pl.String(),
    "position": pl.Int64(),
    "example_id": pl.String(),
    "judge": pl.String(),  # null: the label is compared with every judge
    "model": pl.String(),  # null: the label holds for every model
    "prompt": pl.String(),  # null: the label holds for every prompt
    "output": pl.String(),  # the output that was labelled; null: the label holds for whatever the model says
    "rater": pl.String(),
    "label": pl.String(),  # as written
    "score": pl.Float64(),  # null where the label is a name
    "run_id": pl.String(),
}

HANDED_ROWS = {
    "dataset": pl.String(),
    "position": pl.Int64(),
    "row": pl.String(),  # JSON of a row under the names it has with whoever made it
    "run_id": pl.String(),
}

DATASET_TABLES: dict[str, dict[str, pl.DataType]] = {
    "eval_datasets": EVAL_DATASETS,
    "documents": DOCUMENTS,
    "labels": LABELS,
    "handed_rows": HANDED_ROWS,
}
"""Partitioned by the dataset."""


def _history_of(name: str) -> dict[str, pl.DataType]:
    """Every version of a named file, oldest first; `content` is its canonical JSON, `source` the text as written."""
    return {
        name: pl.String(),
        "version": pl.Int64(),
        "content_sha256": pl.String(),
        "content": pl.String(),
        "source": pl.String(),
        "description": pl.String(),
        "first_seen_at": TIME,
        "run_id": pl.String(),
    }


FILE_TABLES: dict[str, dict[str, pl.DataType]] = {
    "prompts": _history_of("prompt"),
    "models": _history_of("model"),
    "judges": _history_of("judge"),
    "evaluations": _history_of("evaluation"),
}
"""Partitioned by their first column, the name of the file."""
