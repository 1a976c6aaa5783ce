"""The scores of one batch, in this process or a worker: pure, and nothing but computing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.errors import MetricError
from eval_assets.metrics.answers.valid_output import field_of
from eval_assets.metrics.availability import MetricUnavailableError
from eval_assets.metrics.definition import LARGEST, ResolvedMetric, Score
from eval_assets.metrics.prediction_rows import Rows


@dataclass(frozen=True)
class OpenScores:
    """What to compute of a batch.

    Args:
        frame: Rows of `predictions`.
        parts: Metrics in dependency order, each with the rows to score.
        scores: Label of a metric that others depend on → its scores known before, one a row of `frame`.
    """

    frame: pl.DataFrame
    parts: Sequence[tuple[ResolvedMetric, NDArray[np.int64]]]
    scores: Mapping[str, list[float | None]]


@dataclass(frozen=True)
class ScoreColumns:
    """Scores of one metric; where every row has the same label, outcome or reason it is stored once."""

    score: pl.Series
    label: list[str | None] | None
    outcome: list[str] | str
    reason: list[str | None] | str | None

    def columns(self, *, eager: bool = False) -> dict[str, Any]:
        """Give them as columns of `heuristic_metrics`."""
        columns: dict[str, Any] = {"score": self.score}
        for name, value in (("label", self.label), ("outcome", self.outcome), ("reason", self.reason)):
            if isinstance(value, list):
                columns[name] = pl.Series(value, dtype=pl.String)
            elif eager:
                columns[name] = pl.repeat(value, len(self.score), dtype=pl.String, eager=True)
            else:
                columns[name] = pl.lit(value, dtype=pl.String)
        return columns


Computed = Mapping[str, ScoreColumns]
"""Label of a metric → the scores of its rows, in their order."""


def compute(wanted: OpenScores) -> Computed:
    """Score the rows of each part; metrics over the same rows share what they derive from the texts.

    A score that is no finite number, or larger than `LARGEST`, is an error; a metric whose model turns out not to be
    there is skipped.
    """
    scores = {label: list(values) for label, values in wanted.scores.items()}
    shared = dict[bytes, Rows]()
    computed = dict[str, ScoreColumns]()
    for metric, rows in wanted.parts:
        selection = rows.tobytes()
        if selection not in shared:
            shared[selection] = Rows(wanted.frame if rows.size == wanted.frame.height else wanted.frame[rows])
        batch = shared[selection]
        batch.scores = {label: [values[row] for row in rows.tolist()] for label, values in scores.items()}
        columns = _score_columns(metric, batch) if metric.of_field is None else _columns_of_field(metric, batch)
        computed[metric.label] = columns
        if metric.label in scores:
            for row, score in zip(rows.tolist(), columns.score.to_list(), strict=True):
                scores[metric.label][row] = score
    return computed


def lost(wanted: OpenScores, reason: str) -> Computed:
    """Scores that nobody could compute: errors with the reason, null, computed again by the next run."""
    return {
        metric.label: ScoreColumns(pl.repeat(None, rows.size, dtype=pl.Float64, eager=True), None, "error", reason)
        for metric, rows in wanted.parts
    }


def _score_columns(metric: ResolvedMetric, rows: Rows) -> ScoreColumns:
    try:
        values = metric.definition.scorer(rows, metric.parameters)
    except MetricUnavailableError as error:
        return ScoreColumns(pl.repeat(None, len(rows), dtype=pl.Float64, eager=True), None, "skipped", str(error))
    if len(values) != len(rows):
        raise MetricError(f"expected metric {metric.label!r} to give {len(rows)} scores, got {len(values)}")
    if isinstance(values, np.ndarray) or all(type(value) is float for value in values):
        numbers = np.asarray(values, dtype=np.float64)
        if (np.abs(numbers) <= LARGEST).all():
            return ScoreColumns(pl.Series(numbers), None, "ok", None)
    full = [_checked(value if isinstance(value, Score) else Score(float(value))) for value in values]
    return ScoreColumns(
        pl.Series([score.score for score in full], dtype=pl.Float64),
        [_storable(score.label) for score in full],
        [score.outcome for score in full],
        [_storable(score.reason) for score in full],
    )


def _columns_of_field(metric: ResolvedMetric, rows: Rows) -> ScoreColumns:
    """Scores of a field of answers in JSON; an answer without it is an error: it is counted, and no wrong answer."""
    texts, faults = list[str](), dict[int, str]()
    for row, output in enumerate(rows.outputs):
        try:
            texts.append(field_of(output, metric.of_field or ""))
        except ValueError as error:
            faults[row] = str(error)
    kept = [row for row in range(len(rows)) if row not in faults]
    scores = {label: [values[row] for row in kept] for label, values in rows.scores.items()}
    full = [Score(None, None, "error", faults.get(row)) for row in range(len(rows))]
    if kept:
        inner = Rows(rows.frame[kept].with_columns(output=pl.Series(texts, dtype=pl.String)), scores)
        found = pl.DataFrame(_score_columns(metric, inner).columns(eager=True)).iter_rows()
        for row, score in zip(kept, found, strict=True):
            full[row] = Score(*score)
    return ScoreColumns(
        pl.Series([score.score for score in full], dtype=pl.Float64),
        [score.label for score in full],
        [score.outcome for score in full],
        [score.reason for score in full],
    )


def _storable(text: object) -> str | None:
    r"""What a function of the user calls a label or a reason, as a table can hold it.

    >>> _storable("cut \ud83d"), _storable(7), _storable(None)
    ('cut ?', '7', None)
    """
    return None if text is None else str(text).encode("utf-8", "replace").decode()


def _checked(score: Score) -> Score:
    if score.score is None or abs(score.score) <= LARGEST:
        return score
    if not isfinite(score.score):
        return Score(None, score.label, "error", f"expected a finite score, got {score.score}")
    said = f"expected a score of at most {LARGEST:g} in size, got {score.score:g}: its variance would be no number"
    return Score(None, score.label, "error", said)
