"""Provider `recorded`: predictions you already have in a file, matched to examples by id or by position."""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.config.datasets.documents import read_text
from eval_assets.config.model import RecordedColumns
from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.replies.endings import outcome_of
from eval_assets.providers.replies.usage import finite_number, whole_number
from eval_assets.providers.requests import Reply, Request

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")


def recorded_file(file: str, models_dir: Path) -> Path:
    """The path of a file of predictions.

    Args:
        file: Absolute or relative to `models_dir`; `${NAME}` stands for an environment variable.
        models_dir: The folder `data/models`.

    Raises:
        ConfigError: A variable isn't set.

    >>> recorded_file("run.jsonl", Path("/project/data/models")).as_posix()
    '/project/data/models/run.jsonl'
    """
    for name in re.findall(r"\$\{(\w+)\}", file):
        if name not in os.environ:
            raise ConfigError(
                f"expected the environment variable {name!r} to be set, the file {file!r} of a recorded model names it"
            )
    return models_dir / re.sub(r"\$\{(\w+)\}", lambda match: os.environ[match[1]], file)


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """The value in a row under a column name, or under a path of dots into nested objects and lists; null if absent.

    >>> value_at({"gpt.score": 1, "gpt": {"answers": ["Paris"]}}, "gpt.answers.0")
    'Paris'
    >>> value_at({"gpt.score": 1, "gpt": {"answers": ["Paris"]}}, "gpt.score")
    1
    """
    if path in row:
        return row[path]
    value: Any = row
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


class RecordedClient:
    """Answers from a file, read once when the client is made.

    Args:
        path: JSON lines, a JSON list of objects, CSV or Parquet.
        columns: Where in a row the example id, the output and the measurements stand.

    Raises:
        ConfigError: The file is absent, unreadable or empty, an id stands in it twice, or no row has a named column.
    """

    def __init__(self, path: Path, columns: RecordedColumns) -> None:
        self._path = path
        self._columns = columns
        rows = recorded_rows(path, (columns.example_id, columns.output))
        self._rows = rows
        self._by_id = _rows_by_id(rows, columns.example_id, path) if columns.example_id else {}

    async def complete(self, request: Request) -> Reply:
        """The recorded reply to the request's example.

        Raises:
            RequestFailed: The file has no output for the example, or the request is for a further sample.
        """
        row, named = self._row_of(request)
        output = value_at(row, self._columns.output)
        if output is None or request.sample_index > 0:
            raise RequestFailed(
                f"expected an output in column {self._columns.output!r} of {self._path.name} for sample "
                f"{request.sample_index} of {named}; a file holds one reply per example",
                "not_recorded",
            )
        text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, default=str)
        return Reply(
            outcome=outcome_of(text, finish_reason=None),
            output=text,
            finish_reason=None,
            latency_seconds=_number(row, self._columns.latency_seconds),
            requested_at=datetime.now(UTC),
            prompt_tokens=_count(row, self._columns.prompt_tokens),
            completion_tokens=_count(row, self._columns.completion_tokens),
        )

    async def aclose(self) -> None:
        """Nothing is open."""

    def _row_of(self, request: Request) -> tuple[Mapping[str, Any], str]:
        """The example's row, empty if there is none, and how a message names the example."""
        if self._columns.example_id is None:
            position = request.columns["position"]
            return (self._rows[position] if position < len(self._rows) else {}), f"the example at position {position}"
        example_id = str(request.columns["example_id"])
        return self._by_id.get(example_id, {}), f"example {example_id!r}"


def recorded_rows(path: Path, required: Iterable[str | None]) -> Sequence[Mapping[str, Any]]:
    """Read a recorded file.

    Args:
        path: JSON lines, a JSON list of objects, CSV or Parquet.
        required: Columns that some row must have a value in; null asks for none.

    Raises:
        ConfigError: The file is absent, unreadable or empty, or no row has a value in a required column.
    """
    rows = _rows(path)
    for column in required:
        _require_column(rows, column, path)
    return rows


def _rows(path: Path) -> Sequence[Mapping[str, Any]]:
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: expected a file of predictions ending in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise ConfigError(
            f"{path}: the file of predictions doesn't exist; a path in a model file starts at data/models"
        )
    try:
        match path.suffix:
            case ".csv":
                rows: Any = pl.read_csv(path, infer_schema=False).to_dicts()
            case ".parquet":
                rows = pl.read_parquet(path).to_dicts()
            case ".json":
                rows = json.loads(read_text(path, file=str(path)))
            case _:
                rows = [json.loads(line) for line in read_text(path, file=str(path)).split("\n") if line.strip()]
    except (pl.exceptions.PolarsError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: not readable as {path.suffix[1:].upper()}: {error}") from error
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{path}: expected a list of objects with at least one, got {str(rows)[:80]!r}")
    return rows


def _require_column(rows: Sequence[Mapping[str, Any]], column: str | None, path: Path) -> None:
    if column is not None and all(value_at(row, column) is None for row in rows):
        hint = nearest(column, rows[0])
        raise ConfigError(
            f"{path}: no row has a value in column {column!r}; {hint}; name columns in the model's `columns`"
        )


def _rows_by_id(rows: Sequence[Mapping[str, Any]], column: str, path: Path) -> dict[str, Mapping[str, Any]]:
    by_id: dict[str, Mapping[str, Any]] = {}
    for number, row in enumerate(rows, start=1):
        example_id = str(value_at(row, column))
        if example_id in by_id:
            raise ConfigError(f"{path}: row {number}: expected each {column!r} once, got {example_id!r} again")
        by_id[example_id] = row
    return by_id


def _number(row: Mapping[str, Any], column: str | None) -> float | None:
    value = None if column is None else value_at(row, column)
    if value is None or value == "":
        return None
    try:
        return finite_number(float(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise RequestFailed(f"expected a number in column {column!r}, got {value!r}", "invalid_reply") from error


def _count(row: Mapping[str, Any], column: str | None) -> int | None:
    return whole_number(_number(row, column))
