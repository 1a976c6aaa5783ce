"""Provider `recorded`: predictions you already have in a file, matched to examples by id or by position."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eval_assets.config.datasets.examples import id_text
from eval_assets.config.datasets.formats.paths import value_at
from eval_assets.config.datasets.row_files import READABLE_SUFFIXES, file_rows, is_separated
from eval_assets.config.files.file_states import file_sha256
from eval_assets.config.files.variables import with_variables
from eval_assets.config.model import ModelFile, RecordedColumns
from eval_assets.config.problems import line_word, nearest
from eval_assets.errors import ConfigError
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.replies.endings import outcome_of
from eval_assets.requests.canonical_json import canonical_json, json_text
from eval_assets.requests.exchange import Reply, Request
from eval_assets.requests.foreign_values import finite_number, whole_number

NumberedRow = tuple[int, Mapping[str, Any]]
"""The line, or of Parquet the number, and the fields of a row."""


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
    return models_dir / with_variables(file, what=f"the file {file!r} of a recorded model")


def recorded_address(file: ModelFile) -> tuple[str, str]:
    """Endpoint and model id of a model file: where in its rows what stands, and the file."""
    return canonical_json(file.columns.model_dump()), str(file.file)


def recorded_version(file: ModelFile, models_dir: Path) -> str:
    """Hash of the file of predictions; raises ConfigError if it can't be read."""
    return file_sha256(recorded_file(str(file.file), models_dir))


class RecordedClient:
    """Answers from a file, read once when the client is made.

    Args:
        path: JSON lines, a JSON list of objects, CSV or Parquet.
        columns: Where in a row the example id, the output and the measurements stand.
        file: How errors name the file.

    Raises:
        ConfigError: The file is absent, unreadable or empty, an id stands in it twice, or no row has a named column.
    """

    def __init__(self, path: Path, columns: RecordedColumns, *, file: str | None = None) -> None:
        self._path = path
        self._columns = columns
        named = file or str(path)
        rows = recorded_rows(path, columns, file=named)
        for column in (columns.example_id, columns.output):
            require_column(rows, column, named)
        self._rows = rows
        self._by_id = _rows_by_id(rows, columns.example_id, named) if columns.example_id else {}

    def outputs(self) -> Iterator[tuple[int, Any]]:
        """Line and output of each row that has one."""
        for line, row in self._rows:
            output = value_at(row, self._columns.output)
            if output is not None:
                yield line, output

    def strangers(self, example_ids: Collection[str], n_positions: int) -> Iterator[tuple[int, str | None]]:
        """Line and id of each row that no example can have.

        Args:
            example_ids: The dataset's.
            n_positions: Rows of the dataset, blank ones included; rows are matched by position where they have no id.
        """
        if self._columns.example_id is None:
            yield from ((line, None) for line, _ in self._rows[n_positions:])
            return
        for line, row in self._rows:
            example_id = id_text(value_at(row, self._columns.example_id))
            if example_id is not None and example_id not in example_ids:
                yield line, example_id

    async def complete(self, request: Request) -> Reply:
        """As `reply_to`."""
        return self.reply_to(request)

    def reply_to(self, request: Request) -> Reply:
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
        text = output if isinstance(output, str) else json_text(output)
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
            return (
                self._rows[position][1] if position < len(self._rows) else {}
            ), f"the example at position {position}"
        example_id = str(request.columns["example_id"])
        return self._by_id.get(example_id, {}), f"example {example_id!r}"


def recorded_rows(path: Path, columns: RecordedColumns, *, file: str) -> Sequence[NumberedRow]:
    """The rows of a file of predictions, none of them left out.

    Raises:
        ConfigError: The file is absent, unreadable or empty; or a row of a CSV is blank, and rows count by position.
    """
    if path.suffix.lower() not in READABLE_SUFFIXES:
        raise ConfigError(f"{file}: expected a file of predictions ending in {', '.join(READABLE_SUFFIXES)}")
    if not path.is_file():
        raise ConfigError(
            f"{file}: the file of predictions doesn't exist; a path in a model file starts at data/models"
        )
    rows = list(file_rows(path, file=file, delimiter=columns.delimiter, repair=True))
    while rows and is_separated(file) and _has_nothing(rows[-1][1]):
        rows.pop()  # blank lines at the end of a CSV
    if not rows:
        raise ConfigError(f"{file}: expected rows with predictions, the file has none")
    if is_separated(file) and columns.example_id is None and len(rows[0][1]) > 1:
        blank = next((line for line, row in rows if _has_nothing(row)), None)
        if blank is not None:
            raise ConfigError(
                f"{file}:{blank}: expected a prediction in each row, which are matched to examples by their position, "
                "got a blank one; take the line out, or match by id (`columns: {example_id: ...}`)"
            )
    return rows


def _has_nothing(row: Mapping[str, Any]) -> bool:
    return all(value is None for value in row.values())


def require_column(rows: Sequence[NumberedRow], column: str | None, file: str) -> None:
    """Refuse a file in which no row has a value in a column; null asks for none.

    Raises:
        ConfigError: No row has one.
    """
    if column is not None and all(value_at(row, column) is None for _, row in rows):
        hint = nearest(column, rows[0][1])
        raise ConfigError(
            f"{file}: no row has a value in column {column!r}; {hint}; name columns in the model's `columns`"
        )


def _rows_by_id(rows: Sequence[NumberedRow], column: str, file: str) -> dict[str, Mapping[str, Any]]:
    by_id: dict[str, Mapping[str, Any]] = {}
    lines: dict[str, int] = {}
    for line, row in rows:
        if _has_nothing(row):
            continue
        example_id = id_text(value_at(row, column))
        if example_id is None:
            raise ConfigError(
                f"{file}:{line}: {column}: expected the id of an example, got {value_at(row, column)!r:.80}"
            )
        if example_id in by_id:
            first = f"first in {line_word(file)} {lines[example_id]}"
            raise ConfigError(f"{file}:{line}: expected each {column!r} once, got {example_id!r} again, {first}")
        by_id[example_id], lines[example_id] = row, line
    return by_id


def _number(row: Mapping[str, Any], column: str | None) -> float | None:
    value = None if column is None else value_at(row, column)
    if value is None or value == "":
        return None
    try:
        number = finite_number(float(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise RequestFailed(f"expected a number in column {column!r}, got {value!r:.80}", "invalid_record") from error
    return None if number is None or number < 0 else number


def _count(row: Mapping[str, Any], column: str | None) -> int | None:
    return None if column is None else whole_number(_number(row, column))
