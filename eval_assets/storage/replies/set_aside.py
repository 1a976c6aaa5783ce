"""Records of a journal that can't become rows of the table: kept in a file beside it, said, and in nobody's way."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.errors import ConfigError, StorageFullError
from eval_assets.storage.replies.stored_replies import repaired
from eval_assets.tables.column_frames import frame_of_columns
from eval_assets.tables.run_tables import RESPONSES

LOG = logging.getLogger("eval_assets")
NEEDED = ("lane", "response_id", "request_key", "key_schema", "request", "outcome", "reply_sha256")
NO_ROW = (TypeError, ValueError, KeyError, AttributeError, OverflowError, ConfigError, pl.exceptions.PolarsError)
LONGEST_REASON = 200


def frame_of(records: Sequence[Any], *, folder: Path, lane: str) -> pl.DataFrame:
    """Records of a lane as a frame of `responses`; those that can't become rows are set aside in a file and said.

    Args:
        records: As a journal holds them.
        folder: Where journals lie.
        lane: Whose they are.

    Raises:
        StorageFullError: They can't be set aside; their journal has to stay.
    """
    try:
        return _frame(records)
    except NO_ROW:
        frames = [pl.DataFrame(schema=RESPONSES)]
    refused: list[tuple[str, Any]] = []
    for record in records:
        try:
            frames.append(_frame([record]))
        except NO_ROW as error:
            refused.append((f"{type(error).__name__}: {str(error)[:LONGEST_REASON]}", record))
    _set_aside(refused, folder / f"{lane}.set-aside.jsonl")
    return pl.concat(frames)


def frame_of_own(rows: Sequence[Mapping[str, Any]], *, folder: Path, lane: str) -> pl.DataFrame:
    """As `frame_of`, of rows that this process made, column by column; looked at one by one only if one is odd."""
    try:
        columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in RESPONSES}
        columns["requested_at"] = [at.astimezone(UTC) for at in columns["requested_at"]]
        return frame_of_columns(RESPONSES, columns, len(rows))
    except NO_ROW:
        return frame_of(rows, folder=folder, lane=lane)


def _frame(records: Iterable[Any]) -> pl.DataFrame:
    return pl.DataFrame([_row(record) for record in records], schema=RESPONSES, orient="row")


def _row(record: Any) -> dict[str, Any]:
    if not isinstance(record, Mapping):
        raise TypeError(f"expected an object, got {record!r:.80}")
    if absent := [name for name in NEEDED if not isinstance(record.get(name), str)]:
        raise ValueError(f"expected text in {absent[0]!r}, got {record.get(absent[0])!r:.80}")
    at = record["requested_at"]
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return {**repaired(record), "requested_at": at.astimezone(UTC)}


def _set_aside(refused: Sequence[tuple[str, Any]], path: Path) -> None:
    lines = "".join(json.dumps({"why": why, "record": record}, default=str) + "\n" for why, record in refused)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(lines)
    except OSError as error:
        raise StorageFullError(f"damaged records can't be set aside in {path}: {error.strerror}") from error
    LOG.warning(
        "%d journal records of lane %s can't become rows of the table and were set aside in %s; the first: %s",
        len(refused),
        path.name.removesuffix(".set-aside.jsonl"),
        path,
        refused[0][0],
    )
