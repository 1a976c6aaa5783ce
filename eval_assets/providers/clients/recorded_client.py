"""Provider `recorded`: predictions you already have in a file, matched to examples by id or by position."""

from array import array
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
from eval_assets.providers.clients.callable_replies import TAKEN
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.replies.content import calls_of_all, json_cell
from eval_assets.providers.replies.endings import outcome_of
from eval_assets.requests.canonical_json import canonical_json, json_text
from eval_assets.requests.conversations import conversation_in, last_answer
from eval_assets.requests.exchange import Reply, Request
from eval_assets.requests.foreign_values import finite_number, whole_number
from eval_assets.storage.spool import Spool

Place = tuple[str, int]
"""Example and sample of a row."""

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
    """Answers from a file, read once when the client is made: what it says is kept, beyond some size on disk.

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
        taken = [column for column in columns.extra if _name_of(column) in TAKEN]
        if taken:
            raise ConfigError(
                f"{file or path}: `columns.extra` names {taken[0]!r}, which is a column of every row already"
            )
        self._measured = (columns.latency_seconds, columns.prompt_tokens, columns.completion_tokens)
        self._said = Spool()
        self._lines = array("Q")
        self._places: dict[Place, int] = {}
        self._read(file or str(path))

    def outputs(self) -> Iterator[tuple[int, Any]]:
        """Line and output of each row that has one."""
        for place, line in enumerate(self._lines):
            said = self._said.at(place)
            if said is not None:
                yield line, said[0]

    def strangers(self, example_ids: Collection[str], n_positions: int) -> Iterator[tuple[int, str | None]]:
        """Line and id of each row that no example can have.

        Args:
            example_ids: The dataset's.
            n_positions: Rows of the dataset, blank ones included; rows are matched by position where they have no id.
        """
        if self._columns.example_id is None:
            yield from ((line, None) for line in self._lines[n_positions:])
            return
        for (example_id, _), place in self._places.items():
            if example_id not in example_ids:
                yield self._lines[place], example_id

    async def complete(self, request: Request) -> Reply:
        """As `reply_to`."""
        return self.reply_to(request)

    def reply_to(self, request: Request) -> Reply:
        """The recorded reply to the request's example.

        Raises:
            RequestFailed: The file has no output for the example, or the request is for a further sample.
        """
        place, named = self._place_of(request)
        said = None if place is None else self._said.at(place)
        if said is None:
            one = "" if self._columns.sample_index else "; a file without `columns.sample_index` holds one per example"
            raise RequestFailed(
                f"expected an output in column {self._columns.output!r} of {self._path.name} for sample "
                f"{request.sample_index} of {named}{one}",
                "not_recorded",
            )
        output, extra, latency, *tokens = said
        trajectory = conversation_in(output)
        calls = None if trajectory is None else calls_of_all(trajectory)
        text = _text_of(output) if trajectory is None else last_answer(trajectory)
        latency_column, *token_columns = self._measured
        latency_seconds = _number(latency, latency_column)
        prompt_tokens, completion_tokens = map(_count, tokens, token_columns)
        return Reply(
            outcome=outcome_of(text, finish_reason=None, calls=calls is not None),
            output=text,
            finish_reason=None,
            latency_seconds=latency_seconds,
            requested_at=datetime.now(UTC),
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            tool_calls=calls,
            trajectory=None if trajectory is None else json_cell(trajectory),
            extra=json_cell(extra) if extra else None,
        )

    async def aclose(self) -> None:
        """Nothing is open."""

    def _place_of(self, request: Request) -> tuple[int | None, str]:
        """Where the example's row is, if there is one, and how a message names the example."""
        if self._columns.example_id is None:
            position = request.columns["position"]
            is_there = position < len(self._lines) and request.sample_index == 0
            return position if is_there else None, f"the example at position {position}"
        example_id = str(request.columns["example_id"])
        return self._places.get((example_id, request.sample_index)), f"example {example_id!r}"

    def _read(self, file: str) -> None:
        columns, first = self._columns, None
        if columns.sample_index is not None and columns.example_id is None:
            raise ConfigError(f"{file}: expected `columns.example_id` beside `sample_index`, which counts per example")
        named = (columns.example_id, columns.sample_index, columns.output, *columns.extra)
        unseen = [column for column in named if column is not None]
        fault: ConfigError | None = None  # said after a column that no row has
        for line, row in recorded_rows(self._path, columns, file=file):
            first = row if first is None else first
            unseen = [column for column in unseen if value_at(row, column) is None]
            if columns.example_id is not None and fault is None:
                fault = self._place(line, row, columns.example_id, file)
            output = value_at(row, columns.output)
            measured = [None if column is None else value_at(row, column) for column in self._measured]
            beside = {_name_of(column): value_at(row, column) for column in columns.extra}
            extra = {name: value for name, value in beside.items() if value is not None}
            self._said.add(None if output is None else [output, extra, *measured])
            self._lines.append(line)
        if unseen and first is not None:
            raise _absent(unseen[0], first, file)
        if fault is not None:
            raise fault

    def _place(self, line: int, row: Mapping[str, Any], column: str, file: str) -> ConfigError | None:
        """Note the id of a row that is read, or say why it can't be one."""
        value = value_at(row, column)
        example_id = id_text(value)
        if example_id is None:
            if _has_nothing(row):
                return None
            return ConfigError(f"{file}:{line}: {column}: expected the id of an example, got {value!r:.80}")
        try:
            sample = sample_of(row, self._columns)
        except ValueError as error:
            return ConfigError(f"{file}:{line}: {error}")
        place = example_id, sample
        if place in self._places:
            first = f"first in {line_word(file)} {self._lines[self._places[place]]}"
            of = f" of sample {sample}" if self._columns.sample_index else ""
            return ConfigError(f"{file}:{line}: expected each {column!r} once{of}, got {example_id!r} again, {first}")
        self._places[place] = len(self._lines)
        return None


def recorded_rows(path: Path, columns: RecordedColumns, *, file: str) -> Iterator[NumberedRow]:
    """The rows of a file of predictions, none of them left out but blank lines at the end of a CSV.

    Raises:
        ConfigError: The file is absent, unreadable or empty; or a row of a CSV is blank, and rows count by position.
    """
    if path.suffix.lower() not in READABLE_SUFFIXES:
        raise ConfigError(f"{file}: expected a file of predictions ending in {', '.join(READABLE_SUFFIXES)}")
    if not path.is_file():
        raise ConfigError(
            f"{file}: the file of predictions doesn't exist; a path in a model file starts at data/models"
        )
    blank: list[NumberedRow] = []
    found = False
    for line, row in file_rows(path, file=file, delimiter=columns.delimiter, repair=True):
        if is_separated(file) and _has_nothing(row):
            blank.append((line, row))
            continue
        if blank and columns.example_id is None and len(row) > 1:
            raise ConfigError(
                f"{file}:{blank[0][0]}: expected a prediction in each row, which are matched to examples by their "
                "position, got a blank one; take the line out, or match by id (`columns: {example_id: ...}`)"
            )
        yield from blank
        blank.clear()
        found = True
        yield line, row
    if not found:
        raise ConfigError(f"{file}: expected rows with predictions, the file has none")


def _name_of(column: str) -> str:
    """Under which a column is kept beside an output: of a path into nested objects its last part."""
    return column.rpartition(".")[2]


def _text_of(output: Any) -> str:
    return output if isinstance(output, str) else json_text(output)


def sample_of(row: Mapping[str, Any], columns: RecordedColumns) -> int:
    """Which sample of its example a row is; the first where no column says so.

    Raises:
        ValueError: What the column says is no whole number from 0.
    """
    if columns.sample_index is None:
        return 0
    value = value_at(row, columns.sample_index)
    sample = whole_number(value)
    if sample is None:
        raise ValueError(f"{columns.sample_index}: expected a whole number from 0, got {value!r:.80}")
    return sample


def _has_nothing(row: Mapping[str, Any]) -> bool:
    return all(value is None for value in row.values())


def require_column(rows: Sequence[NumberedRow], column: str | None, file: str) -> None:
    """Refuse a file in which no row has a value in a column; null asks for none.

    Raises:
        ConfigError: No row has one.
    """
    if column is not None and all(value_at(row, column) is None for _, row in rows):
        raise _absent(column, rows[0][1], file)


def _absent(column: str, row: Mapping[str, Any], file: str) -> ConfigError:
    hint = nearest(column, row)
    return ConfigError(
        f"{file}: no row has a value in column {column!r}; {hint}; name columns in the model's `columns`"
    )


def _number(value: Any, column: str | None) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = finite_number(float(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise RequestFailed(f"expected a number in column {column!r}, got {value!r:.80}", "invalid_record") from error
    return None if number is None or number < 0 else number


def _count(value: Any, column: str | None) -> int | None:
    return whole_number(_number(value, column))
