"""Content hashes: what the data versions of partitions are made of."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from eval_assets.requests.canonical_json import json_sha256

HASH_LENGTH = 16


def content_sha256(content: Any) -> str:
    """Hash of a JSON value, whatever the order of its keys.

    >>> content_sha256({"a": 1, "b": 2}) == content_sha256({"b": 2, "a": 1})
    True
    """
    return json_sha256(content)[:HASH_LENGTH]


class RowsHash:
    """Hash of a table's rows whatever their order, taken frame by frame."""

    def __init__(self, columns: Iterable[str]) -> None:
        """Hash these columns; others (run ids, times of writing) may differ without a new version."""
        self._columns = list(columns)
        self._sum = 0
        self._n_rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Include the rows of a frame."""
        for row in frame.select(self._columns).iter_rows():
            digest = json_sha256(row, compact=False)
            self._sum = (self._sum + int(digest, 16)) % (1 << 256)
        self._n_rows += frame.height

    def hexdigest(self, *with_: Mapping[str, Any]) -> str:
        """The hash so far, together with further content."""
        return content_sha256([f"{self._sum:064x}", self._n_rows, *with_])
