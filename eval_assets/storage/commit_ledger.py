"""What was recorded with the commits of a table, summed up in files of a few hundred commits beside its log.

A log keeps an entry per commit, and reading ten thousand takes a second for each table, at every start. A summary never
changes once its last commit is made, so whoever is asked for commits reads summaries and then the entries after them.
They also outlive entries that maintenance removes: what a partition was made from is known for as long as it is there.
Most ask only for the newest commit of each partition: beside the last summary stands which those are then, so that they
are told by one small file and at most a few hundred entries, however many commits there are.
"""

import contextlib
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

FOLDER = "_commits"
"""Below the table; Delta takes names that begin with an underscore for nobody's data."""

SIZE = 200
"""Commits in one summary."""

Entry = Mapping[str, Any]


def summed_up(uri: str, newest: int, storage_options: Mapping[str, str]) -> list[Entry]:
    """What was recorded with the first commits of a table, oldest first, as far as there are summaries.

    Args:
        uri: The table.
        newest: Its latest version; summaries of later commits are left alone.
        storage_options: Of its object store.
    """
    found: list[Entry] = []
    for first in range(0, newest + 2 - SIZE, SIZE):
        rows = _read(_path(uri, first), storage_options)
        if rows is None or rows.height != SIZE:
            break
        found += map(json.loads, rows["entry"])
    return found


def newest_summed_up(uri: str, newest: int, storage_options: Mapping[str, str]) -> tuple[int, dict[int, Entry]] | None:
    """The commits that were the newest ones of their partitions at a version: that version, and commit → its record.

    Args:
        uri: The table.
        newest: Its latest version; what was written for later ones is left alone.
        storage_options: Of its object store.

    Returns:
        What the last summary says, or the one before it where a killed writer left none; null without either.
    """
    last = (newest + 1) // SIZE * SIZE - 1
    for version in (last, last - SIZE):
        rows = _read(_newest_path(uri, version), storage_options) if version >= 0 else None
        if rows is not None:
            return version, dict(zip(rows["version"], map(json.loads, rows["entry"]), strict=True))
    return None


def fills_summary(version: int) -> bool:
    """Whether the commit of this version is the last one of a summary."""
    return not (version + 1) % SIZE


def sum_up(uri: str, entries: Sequence[Entry], storage_options: Mapping[str, str], *, known: int) -> int:
    """Write the summaries that are still to be written. Returns how many commits are summed up then.

    Args:
        uri: The table.
        entries: What was recorded with each of its commits, from the first one on.
        storage_options: Of its object store.
        known: How many of them are summed up already.
    """
    with contextlib.suppress(OSError, pl.exceptions.PolarsError):  # a full or read-only disk: the log has the same
        while known + SIZE <= len(entries):
            rows = pl.DataFrame({"entry": [json.dumps(entry) for entry in entries[known : known + SIZE]]})
            _write(_path(uri, known), rows, storage_options)
            known += SIZE
    return known


def sum_up_newest(uri: str, version: int, newest: Mapping[int, Entry], storage_options: Mapping[str, str]) -> None:
    """Write which commits are the newest ones of their partitions at the last version of a summary.

    Args:
        uri: The table.
        version: That version.
        newest: Commit → its record, for each partition that was ever written.
        storage_options: Of the table's object store.
    """
    with contextlib.suppress(OSError, pl.exceptions.PolarsError):
        rows = pl.DataFrame({"version": [*newest], "entry": [json.dumps(entry) for entry in newest.values()]})
        _write(_newest_path(uri, version), rows, storage_options)
        if "://" not in uri:
            Path(_newest_path(uri, version - 2 * SIZE)).unlink(missing_ok=True)


def _read(path: str, storage_options: Mapping[str, str]) -> pl.DataFrame | None:
    """A file of this module; null where there is none, or a damaged one."""
    try:
        source = path if "://" in path else Path(path).read_bytes()
        return pl.read_parquet(source, storage_options=dict(storage_options) or None)
    except (OSError, pl.exceptions.PolarsError):
        return None


def _write(path: str, rows: pl.DataFrame, storage_options: Mapping[str, str]) -> None:
    if "://" in path:
        rows.write_parquet(path, storage_options=dict(storage_options))
        return
    Path(path).parent.mkdir(exist_ok=True)
    partial = Path(f"{path}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("wb") as file:
            rows.write_parquet(file)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _path(uri: str, first: int) -> str:
    return f"{uri}/{FOLDER}/{first + SIZE - 1:020d}.parquet"


def _newest_path(uri: str, version: int) -> str:
    return f"{uri}/{FOLDER}/{version:020d}.newest.parquet"
