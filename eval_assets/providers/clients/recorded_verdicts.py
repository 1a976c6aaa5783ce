"""Verdicts and preferences you already have in a file, by example and candidate: how provider `recorded` judges.

What a verdict means on a judge's scale is in `judges.recorded`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from eval_assets.config.candidate import Candidate
from eval_assets.config.datasets.formats.paths import value_at
from eval_assets.config.files.file_states import FileState, state_of
from eval_assets.config.model import Model
from eval_assets.config.recorded_columns import RecordedColumns
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.recorded_client import (
    RecordedClient,
    recorded_file,
    recorded_rows,
    require_column,
    sample_of,
)
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import RequestFailed
from eval_assets.requests.canonical_json import json_text
from eval_assets.requests.exchange import Reply, Request

KEPT_BYTES = 64 * 2**20
"""Largest file that is kept as it was read, for whoever asks next: a check reads what the run after it does."""

Place = tuple[str, int, str, str | None]
"""Example, sample, candidate and opponent of a row."""


class RecordedVerdicts:
    """Answers judges from a file, read once when the client is made.

    A request names in its columns the `example_id`, the `candidate` (`model@prompt`) and, for a preference, the
    `opponent`. The reply is a JSON object with the `verdict` and its `justification`; of two candidates that were
    compared in both orders it holds the verdict of the other order too, as `in_reverse`.

    Args:
        path: JSON lines, a JSON list of objects, CSV or Parquet.
        columns: Where in a row example, candidate, opponent, verdict (`output`) and justification stand.

    Raises:
        ConfigError: The file is absent, unreadable or empty, a verdict stands in it twice, or a column is in no row.
    """

    def __init__(self, path: Path, columns: RecordedColumns, *, file: str | None = None) -> None:
        named = file or str(path)
        if columns.example_id is None:
            raise ConfigError(f"{named}: expected `columns.example_id` to name a column, verdicts have no position")
        self._path = path
        self._columns = columns
        self._by_place: dict[Place, Mapping[str, Any]] = {}
        rows = list(recorded_rows(path, columns, file=named))
        for column in (columns.example_id, columns.sample_index, columns.candidate, columns.opponent, columns.output):
            require_column(rows, column, named)
        for line, row in rows:
            try:
                place = self._place_of(row)
            except ValueError as error:
                raise ConfigError(f"{named}:{line}: {error}") from error
            if place in self._by_place:
                example_id, _, *others = place
                raise ConfigError(
                    f"{named}:{line}: expected one verdict per example and candidate, got {(example_id, *others)!r} "
                    "again; keep the verdicts of each rater in a file of their own, and let a jury vote"
                )
            self._by_place[place] = row

    async def complete(self, request: Request) -> Reply:
        """As `reply_to`."""
        return self.reply_to(request)

    def reply_to(self, request: Request) -> Reply:
        """The recorded verdict on the candidate's output.

        Raises:
            RequestFailed: The file has none.
        """
        example_id, candidate = str(request.columns["example_id"]), str(request.columns["candidate"])
        opponent = request.columns.get("opponent")
        asked = example_id, request.sample_index
        row = self._found(asked, candidate, opponent)
        swapped = self._found(asked, str(opponent), candidate) if opponent and self._columns.opponent else None
        if row is None and swapped is None:
            against = f" against {opponent}" if opponent else ""
            raise RequestFailed(
                f"expected a verdict in column {self._columns.output!r} of {self._path.name} for sample "
                f"{request.sample_index} of example {example_id!r} by {candidate}{against}; "
                "a file without `columns.sample_index` holds one per example and candidate",
                "not_recorded",
            )
        said = {} if row is None else self._verdict_of(row)
        if swapped is not None:
            said["in_reverse"] = self._verdict_of(swapped)
        return Reply(
            outcome="ok",
            output=json_text(said),
            finish_reason=None,
            latency_seconds=None,
            requested_at=datetime.now(UTC),
        )

    async def aclose(self) -> None:
        """Nothing is open."""

    def _verdict_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        said = {"verdict": value_at(row, self._columns.output)}
        reason = value_at(row, self._columns.justification) if self._columns.justification else None
        return said if reason is None else {**said, "justification": str(reason)}

    def _place_of(self, row: Mapping[str, Any]) -> Place:
        columns = self._columns
        example_id, candidate = (str(value_at(row, str(name))) for name in (columns.example_id, columns.candidate))
        opponent = columns.opponent and str(value_at(row, columns.opponent))
        return example_id, sample_of(row, columns), candidate, opponent

    def _found(self, asked: tuple[str, int], candidate: str, opponent: str | None) -> Mapping[str, Any] | None:
        """The row with a verdict on a candidate, by its full name or by its model's alone."""
        opponents: tuple[str | None, ...] = _names_of(opponent) if opponent and self._columns.opponent else (None,)
        places = ((*asked, name, other) for name in _names_of(candidate) for other in opponents)
        rows = (self._by_place[place] for place in places if place in self._by_place)
        return next((row for row in rows if value_at(row, self._columns.output) is not None), None)


def open_recorded(model: Model, surroundings: Surroundings) -> RecordedClient | RecordedVerdicts:
    """The client of a model file; reads what is recorded."""
    return recorded_client(recorded_file(str(model.file.file), surroundings.models_dir), model.file.columns)


def recorded_client(
    path: Path, columns: RecordedColumns, *, file: str | None = None
) -> RecordedClient | RecordedVerdicts:
    """Whoever answers from a recorded file: with verdicts where it names the candidate they are on.

    Args:
        path: The file.
        columns: Where in a row what stands.
        file: How messages name the file; default its path.
    """
    if columns.candidate is not None:
        return RecordedVerdicts(path, columns, file=file)
    state = state_of(path)
    if state is None or state[3] > KEPT_BYTES:
        return RecordedClient(path, columns, file=file)
    return _predictions_in_state(_Opening(path, columns, state, file))


@dataclass(frozen=True, slots=True)
class _Opening:
    """A file of predictions in a state, whatever messages call it."""

    path: Path
    columns: RecordedColumns
    state: FileState
    file: str | None = field(compare=False)


@lru_cache(maxsize=16)
def _predictions_in_state(opening: _Opening) -> RecordedClient:
    return RecordedClient(opening.path, opening.columns, file=opening.file)


def _names_of(candidate: str) -> tuple[str, str]:
    return candidate, Candidate(candidate).model
