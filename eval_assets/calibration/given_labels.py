"""Labels that people give while they review outputs, and which of them count.

They are only ever added. A label is of one output, told by its text: it says nothing of what the candidate says now, if
that is something else. Taking them is in `labelling`, the order of outputs in `review_queue`, CSV in `label_files`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from math import isfinite

import polars as pl

from eval_assets.config.evaluation import Evaluation
from eval_assets.requests.canonical_json import json_sha256
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.input_tables import LABELS

TABLE = "given_labels"
PREFERENCES = ("a", "b", "tie")
"""Labels of a pair: the candidate, the other one, neither."""

PLACE = (
    "example_id", "model", "prompt", "output_sha256", "other_model", "other_prompt", "other_output_sha256", "judge",
    "rater",
)  # fmt: skip
"""What a rater has one label of: a later one counts in place of an earlier one."""

OUTPUT = ("example_id", "model", "prompt", "output")


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """What one person says of one output, or of two side by side.

    Args:
        example_id: The example.
        candidate: `model@prompt`.
        rater: Who says it.
        label: A score or label of the judge's scale; of a pair `a`, `b` or `tie`; null takes an earlier label back.
        judge: The judge it is compared with; null: every judge.
        sample_index: Which of several outputs.
        other: Of a pair, the candidate shown beside it.
        note: Why.
        is_chosen: Whether the output was picked, and did not come at random: it can't correct a mean then.
        shown: `output_sha256` of the output that the rater saw; null: the present one.
        other_shown: The same of the other one.
        output: The output that was labelled, where that may be another than the present one; null: the present one.
        other_output: The same of the other one.
        given_at: When; null: now.
    """

    example_id: str
    candidate: str
    rater: str
    label: str | None
    judge: str | None = None
    sample_index: int = 0
    other: str | None = None
    note: str = ""
    is_chosen: bool = False
    shown: str | None = None
    other_shown: str | None = None
    output: str | None = None
    other_output: str | None = None
    given_at: datetime | None = None


def judges_named(evaluation: Evaluation) -> tuple[str, ...]:
    """Judges that an evaluation's file names, the one of pairs last."""
    file = evaluation.file
    return tuple(dict.fromkeys([*file.judges, *([file.pairwise.judge] if file.pairwise else [])]))


def stored_labels(warehouse: Warehouse, dataset: str) -> pl.DataFrame:
    """Every label that was given on a dataset, in the order in which they were given: rows of `GIVEN_LABELS`."""
    return warehouse.small_partition(TABLE, {"dataset": dataset}).sort("given_at", maintain_order=True)


def used_labels(stored: pl.DataFrame) -> pl.DataFrame:
    """The labels that count: of each place a rater's last, unless she took it back.

    Args:
        stored: Rows of `GIVEN_LABELS`, in the order in which they were given.
    """
    last = stored.unique(list(PLACE), keep="last", maintain_order=True)
    return last.filter(pl.col("label").is_not_null())


def as_labels(used: pl.DataFrame) -> pl.DataFrame:
    """Labels of outputs, those of pairs left out, as rows of `LABELS` with `is_chosen`; those for one judge first."""
    single = used.filter(pl.col("other_model").is_null()).sort(pl.col("judge").is_null(), maintain_order=True)
    filled = single.with_columns(position=pl.lit(None, dtype=pl.Int64), run_id=pl.lit(None, dtype=pl.String))
    return filled.select(*LABELS, "is_chosen")


def labels_version(warehouse: Warehouse, dataset: str, judges: Sequence[str]) -> str:
    """Names the labels that count for judges; another one names them otherwise; empty where there are none."""
    used = used_labels(stored_labels(warehouse, dataset))
    mine = used.filter(pl.col("judge").is_null() | pl.col("judge").is_in(list(judges)))
    return json_sha256(sorted(mine["label_id"]))[:16] if judges and mine.height else ""


def in_order(label: GivenLabel) -> GivenLabel:
    """A label of a pair with its two in the order of their names, so that whoever saw them the other way round has one
    label of them too.

    >>> in_order(GivenLabel("q1", "m@b", "ann", "a", other="m@a")).label
    'b'
    """
    if label.other is None or label.candidate <= label.other:
        return label
    return replace(
        label,
        candidate=label.other,
        other=label.candidate,
        label={"a": "b", "b": "a"}.get(label.label or "", label.label),
        shown=label.other_shown,
        other_shown=label.shown,
        output=label.other_output,
        other_output=label.output,
    )


def fingerprint(output: str | None) -> str | None:
    """By what an output is told from another: sha256 of its text.

    >>> fingerprint("Paris")[:8]
    '5dd272b4'
    """
    return None if output is None else sha256(output.encode("utf-8", "surrogatepass")).hexdigest()


def number_in(label: str | None) -> float | None:
    """The number that a label is; null where it is a name.

    >>> number_in("4"), number_in("pass")
    (4.0, None)
    """
    try:
        number = float(label or "")
    except ValueError:
        return None
    return number if isfinite(number) else None
