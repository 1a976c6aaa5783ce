"""The history of named files: every version of a prompt, model, judge or evaluation, oldest first."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from eval_assets.errors import OvertakenError, StorageError
from eval_assets.requests.canonical_json import json_text
from eval_assets.storage.committing import COMMIT_ATTEMPTS
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import PARTITIONED_BY, SCHEMAS


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version of a named file as the warehouse keeps it."""

    name: str
    version: int
    content_sha256: str
    content: dict[str, Any]
    source: str
    run_id: str


def record_version(warehouse: Warehouse, table: str, **version: Any) -> StoredVersion:
    """Add a version to a file's history if its content is new, and return the current one.

    A change without effect on results (a description, a price) replaces the latest version's text and keeps its number.
    Versions that other processes add meanwhile stay.

    Args:
        warehouse: Where the history lies.
        table: A table of named files.
        version: `name`, `content_sha256`, `content`, `source`, `description` and `run_id`.
    """
    for _ in range(COMMIT_ATTEMPTS):
        with suppress(OvertakenError):
            return _record_once(warehouse, table, **version)
    raise OvertakenError(f"table {table!r}: {COMMIT_ATTEMPTS} attempts lost against other writers; run again")


def _record_once(
    warehouse: Warehouse,
    table: str,
    *,
    name: str,
    content_sha256: str,
    content: dict[str, Any],
    source: str,
    description: str,
    run_id: str,
) -> StoredVersion:
    column = PARTITIONED_BY[table][0]
    warehouse.create(table)
    snapshot = warehouse.snapshot(table)
    stored = snapshot.scan({column: name}).sort("version").collect()
    latest = stored.tail(1).to_dicts()[0] if stored.height else None
    same = latest is not None and latest["content_sha256"] == content_sha256
    content_text = json_text(content, sort_keys=True)
    if latest is not None and same and (latest["source"], latest["content"]) == (source, content_text):
        return _version_of(latest, column)
    row = {
        column: name,
        "version": (latest["version"] + (0 if same else 1)) if latest else 1,
        "content_sha256": content_sha256,
        "content": content_text,
        "source": source,
        "description": description,
        "first_seen_at": latest["first_seen_at"] if latest is not None and same else datetime.now(UTC),
        "run_id": latest["run_id"] if latest is not None and same else run_id,
    }
    kept = stored.head(stored.height - 1) if same else stored
    frame = pl.concat([kept, pl.DataFrame([row], schema=SCHEMAS[table])])
    metadata = {"run_id": run_id, "data_version": content_sha256}
    warehouse.replace(table, frame, {column: name}, metadata, since=snapshot)
    return _version_of(row, column)


def current_version(warehouse: Warehouse, table: str, name: str) -> StoredVersion:
    """The latest version of a file.

    Raises:
        StorageError: The file was never materialized.
    """
    versions = all_versions(warehouse, table, name)
    if not versions:
        raise StorageError(
            f"the {table.removesuffix('s')} {name!r} was not read into the warehouse yet: `eval-assets run` does it, "
            f"in the Dagster UI the partition {name} of the asset {table}"
        )
    return versions[-1]


def all_versions(warehouse: Warehouse, table: str, name: str) -> list[StoredVersion]:
    """Every version of a file, oldest first; empty if it was never materialized."""
    column = PARTITIONED_BY[table][0]
    rows = warehouse.small_partition(table, {column: name}).sort("version").to_dicts()
    return [_version_of(row, column) for row in rows]


def _version_of(row: dict[str, Any], column: str) -> StoredVersion:
    return StoredVersion(
        name=row[column],
        version=row["version"],
        content_sha256=row["content_sha256"],
        content=json.loads(row["content"]),
        source=row["source"],
        run_id=row["run_id"],
    )
