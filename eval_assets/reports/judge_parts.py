"""How far a judge agrees on parts of the outputs, and with other judges: rows of `judge_agreement`, gathered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

import polars as pl

from eval_assets.calibration.two_raters import OF_SLICES, measured_by
from eval_assets.reports.candidate_report import Row

AGREEMENT = ("cohen_kappa_quadratic", "spearman")
"""What says how far two raters agree beyond chance, in the order in which it is looked for."""


@dataclass(frozen=True, slots=True)
class JudgePart:
    """A judge with people or with another judge, on all outputs or on a slice.

    Args:
        other: The other judge; null: people.
        slice: Column and value; null: all outputs.
        rows: Statistic, named as with people → row of `judge_agreement`.
    """

    other: str | None
    slice: tuple[str, str] | None
    rows: Mapping[str, Row]

    @property
    def n(self) -> int:
        """Outputs it is over."""
        return max(int(row["n"]) for row in self.rows.values())

    @property
    def same(self) -> Row | None:
        """The share of same scores; null without a value."""
        return self._valued("raw_agreement")

    @property
    def agreement(self) -> Row | None:
        """Agreement beyond chance; null without a value."""
        return next((row for name in AGREEMENT if (row := self._valued(name)) is not None), None)

    @property
    def is_small(self) -> bool:
        """Whether it has too few examples for any number."""
        return self.why.startswith("too few")

    @property
    def why(self) -> str:
        """Why there is no value, or how the first one was computed."""
        return str(next(iter(self.rows.values()))["method"])

    def _valued(self, name: str) -> Row | None:
        row = self.rows.get(name)
        return None if row is None or row["value"] is None else row


def judge_parts(rows: pl.DataFrame) -> tuple[JudgePart, ...]:
    """Gather what is known of one judge on parts of the outputs and with other judges.

    Args:
        rows: Of `judge_agreement`, of one judge.

    Returns:
        Other judges on all outputs in the evaluation's order, each before its slices; slices by the least agreement
        first, those too small for a number last.
    """
    found = list(_parts(rows.filter(pl.col("slice_column").is_not_null() | pl.col("other_judge").is_not_null())))
    others = list(dict.fromkeys(part.other for part in found))
    return tuple(
        sorted(
            found,
            key=lambda part: (
                others.index(part.other),
                part.slice is not None,
                part.is_small,
                inf if part.agreement is None else part.agreement["value"],
            ),
        )
    )


def _parts(rows: pl.DataFrame) -> Iterator[JudgePart]:
    places = ("other_judge", "slice_column", "slice_value")
    for (other, column, value), part in rows.group_by(places, maintain_order=True):
        measures = {measured_by(row["statistic"]): row for row in part.iter_rows(named=True)}
        named = {measure: row for measure, row in measures.items() if measure in OF_SLICES}
        yield JudgePart(
            None if other is None else str(other), None if column is None else (str(column), str(value)), named
        )
