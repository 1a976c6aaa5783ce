"""Content hashes: what the data versions of partitions are made of."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

import numpy as np
import polars as pl
import pydantic_core

from eval_assets.requests.canonical_json import json_sha256, json_text

HASH_LENGTH = 16
DIGEST_WORDS = 8


def content_sha256(content: Any) -> str:
    """Hash of a JSON value, whatever the order of its keys.

    >>> content_sha256({"a": 1, "b": 2}) == content_sha256({"b": 2, "a": 1})
    True
    """
    return json_sha256(content)[:HASH_LENGTH]


class RowsHash:
    """Hash of a table's rows whatever their order, taken frame by frame."""

    def __init__(self, columns: Iterable[str]) -> None:
        """Hash these columns; others (run ids, times of writing) may differ without a new version.

        `n_rows` counts the rows so far.
        """
        self._columns = list(columns)
        self._sum = 0
        self.n_rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Include the rows of a frame."""
        digests = b"".join([sha256(row).digest() for row in rows_as_json(frame.select(self._columns))])
        words = np.frombuffer(digests, ">u4").reshape(-1, DIGEST_WORDS).sum(axis=0, dtype=np.uint64)
        for place, word in enumerate(reversed(words.tolist())):
            self._sum += word << 32 * place
        self._sum %= 1 << 256
        self.n_rows += frame.height

    def hexdigest(self, *with_: Mapping[str, Any]) -> str:
        """The hash so far, together with further content."""
        return content_sha256([f"{self._sum:064x}", self.n_rows, *with_])


def rows_as_json(frame: pl.DataFrame) -> Iterator[bytes]:
    """Each row as a JSON list, as `json_text` writes it, made column by column, which is faster.

    >>> list(rows_as_json(pl.DataFrame({"id": ["a", None], "score": [0.5, 1e-7]})))
    [b'["a", 0.5]', b'[null, 1e-07]']
    """
    return (b"[%b]" % b", ".join(values) for values in zip(*map(_as_json, frame), strict=True))


def _as_json(column: pl.Series) -> list[bytes]:
    if column.null_count() == len(column):
        return [b"null"] * len(column)
    if column.dtype == pl.String:
        return list(map(pydantic_core.to_json, column.to_list()))  # as `json_text` writes texts, and five times as fast
    is_plain = column.dtype.is_integer() or (column.dtype.is_float() and bool(column.is_finite().all()))
    text_of = repr if is_plain else json_text
    return [b"null" if value is None else text_of(value).encode() for value in column.to_list()]
