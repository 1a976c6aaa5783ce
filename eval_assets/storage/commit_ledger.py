"""What was recorded with the commits of a table, summed up in files of a few hundred commits beside its log.

A log keeps an entry per commit, and reading ten thousand takes a second for each table, at every start. A summary never
changes once its last commit is made, so whoever is asked for commits reads summaries and then the entries after them.
They also outlive entries that maintenance removes: what a partition was made from is known for as long as it is there.
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
        path = _path(uri, first)
        try:
            source = path if "://" in uri else Path(path).read_bytes()
            rows = pl.read_parquet(source, storage_options=dict(storage_options) or None)
            entries = [json.loads(text) for text in rows["entry"]]
        except (OSError, ValueError, pl.exceptions.PolarsError):
            break
        if len(entries) != SIZE:
            break
        found += entries
    return found


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
            _write(uri, known, entries[known : known + SIZE], storage_options)
            known += SIZE
    return known


def _write(uri: str, first: int, entries: Sequence[Entry], storage_options: Mapping[str, str]) -> None:
    frame = pl.DataFrame({"entry": [json.dumps(entry) for entry in entries]})
    path = _path(uri, first)
    if "://" in uri:
        frame.write_parquet(path, storage_options=dict(storage_options))
        return
    Path(path).parent.mkdir(exist_ok=True)
    partial = Path(f"{path}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("wb") as file:
            frame.write_parquet(file)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _path(uri: str, first: int) -> str:
    return f"{uri}/{FOLDER}/{first + SIZE - 1:020d}.parquet"
