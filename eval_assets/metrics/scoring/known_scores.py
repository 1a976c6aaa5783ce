"""Which scores exist already: score ids by content, and a compact index of the scores of an earlier run."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.metrics.definition import ResolvedMetric
from eval_assets.requests.absence import has_text

KEPT = ("score", "label", "outcome", "reason", "signature", "run_id")
"""Columns of `heuristic_metrics` that a reused score keeps as they were."""

_CONTENT = {
    "output",
    "predictions",
    "targets",
    "context",
    "inputs",
    "example",
}  # hashed with the output and the example
_ID_BYTES = 12
_READ_ANEW = "\x1ftargets-2"


def columns_read(metric: ResolvedMetric) -> set[str]:
    """Name the columns a metric may read: of `predictions`, or of the example."""
    return {*metric.definition.needs, *metric.definition.reads, *(metric.function.arguments if metric.function else ())}


def row_keys(frame: pl.DataFrame) -> list[str]:
    """Describe what the scores of each prediction depend on, whatever the metric.

    Args:
        frame: Rows of `predictions`.
    """
    columns = (frame[name].to_list() for name in ("prediction_id", "output", "example_sha256", "outcome"))
    keys = [
        f"{prediction}\x1f{_text_sha256(output)}\x1f{example or ''}\x1f{outcome}"
        for prediction, output, example, outcome in zip(*columns, strict=True)
    ]
    if "extra" not in frame.columns or frame["extra"].null_count() == frame.height:
        return keys
    extra = frame["extra"].to_list()
    return [key if cell is None else f"{key}\x1f{_text_sha256(cell)}" for key, cell in zip(keys, extra, strict=True)]


def reading_of(value: Any) -> str:
    """Name the way targets are read that are not all texts; empty for those that are, whose ids are older than it.

    >>> reading_of("Paris"), reading_of(["Paris"]), reading_of(["Paris", None]) != ""
    ('', '', True)
    """
    if isinstance(value, str):
        return "" if has_text(value) else _READ_ANEW
    items = value if isinstance(value, list) else [value]
    return "" if all(isinstance(item, str) and has_text(item) for item in items) else _READ_ANEW


def score_ids(
    metric: ResolvedMetric,
    frame: pl.DataFrame,
    keys: Sequence[str],
    ids: Mapping[str, Sequence[str]],
    readings: Sequence[str],
) -> list[str]:
    """Derive the id of a metric's score of each prediction from everything the score depends on.

    Args:
        metric: The metric.
        frame: Rows of `predictions`.
        keys: Their `row_keys`.
        ids: Label of a metric → ids of its scores of these rows, for those the metric depends on.
        readings: What `reading_of` says of the targets of each row.

    Returns:
        `s-` and 24 hexadecimal digits for each row.
    """
    identity = f"{metric.label}\x1e{metric.version}\x1e{metric.parameters_sha256}\x1e{metric.code_sha256}"
    if "targets" in metric.definition.needs and metric.function is None:
        keys = list(map(operator.add, keys, readings))
    columns: list[Sequence[Any]] = [
        frame[name].to_list() for name in sorted(columns_read(metric) - _CONTENT) if name in frame.columns
    ]
    columns += [ids[label] for label in metric.depends_on.values()]
    if not columns:
        tail = f"\x1d{identity}"
        return [f"s-{sha256((key + tail).encode()).hexdigest()[: 2 * _ID_BYTES]}" for key in keys]
    return [
        f"s-{sha256(repr((key, identity, *values)).encode()).hexdigest()[: 2 * _ID_BYTES]}"
        for key, *values in zip(keys, *columns, strict=True)
    ]


@dataclass(frozen=True)
class KnownScores:
    """Scores of an earlier run, found by id; about 30 bytes each, ids included.

    Args:
        high: First 64 bits of each id, ascending.
        low: The other 32 bits.
        kept: The `KEPT` columns in the same order; repeated texts are stored once.
    """

    high: NDArray[np.uint64]
    low: NDArray[np.uint32]
    kept: pl.DataFrame

    @classmethod
    def read(cls, previous: pl.LazyFrame | None, cell: Mapping[str, str]) -> "KnownScores":
        """Read the scores of a cell.

        Args:
            previous: Rows of `heuristic_metrics`, None when there are none.
            cell: Partition column → value.
        """
        if previous is None:
            none = pl.DataFrame(schema={name: pl.Float64 if name == "score" else pl.String for name in KEPT})
            return cls(np.empty(0, np.uint64), np.empty(0, np.uint32), none)
        of_cell = [pl.col(name) == value for name, value in cell.items()]
        digits = pl.col("score_id").str.strip_prefix("s-").str.decode("hex", strict=False)
        texts = [pl.col(name).cast(pl.Categorical) for name in KEPT if name != "score"]
        frame = (
            previous.filter(*of_cell)
            .select(
                digits.bin.slice(0, 8).bin.reinterpret(dtype=pl.UInt64, endianness="big").alias("high"),
                digits.bin.slice(8, 4).bin.reinterpret(dtype=pl.UInt32, endianness="big").alias("low"),
                "score",
                *texts,
            )
            .drop_nulls("low")
            .sort("high")
            .collect(engine="streaming")
        )
        return cls(frame["high"].to_numpy(), frame["low"].to_numpy(), frame.select(KEPT))

    def find(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Find the row of each id in `kept`, -1 where it is unknown."""
        if not self.high.size:
            return np.full(len(ids), -1)
        raw = np.frombuffer(
            bytes.fromhex("".join([text[2:] for text in ids])), np.dtype([("high", ">u8"), ("low", ">u4")])
        )
        place = np.minimum(np.searchsorted(self.high, raw["high"].astype(np.uint64)), self.high.size - 1)
        same = (self.high[place] == raw["high"]) & (self.low[place] == raw["low"])
        return np.where(same, place, -1)


def _text_sha256(text: str | None) -> str:
    return "" if text is None else sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
