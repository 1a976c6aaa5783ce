"""Whole answers to one example or some, sample by sample, each score with its reason."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.requests.conversations import answer_in
from eval_assets.requests.tool_calls import calls_text, is_of_calls
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.column_rows import CELL_TABLES_READ, ColumnRows
from eval_assets.viewer.laid_out import call_nodes, laid_out, turn_nodes
from eval_assets.viewer.markdown_nodes import Node
from eval_assets.wording.foreign_text import shortened, visible_text
from eval_assets.wording.numbers import money_text, number_text, seconds_text

Row = Mapping[str, Any]

LONGEST_LABEL = 80


@dataclass(frozen=True, slots=True)
class ShownScore:
    """One score with its reason: a metric's, or a judge's with what it said; of a jury each juror's too."""

    metric: str
    juror: str | None
    row: Row

    @property
    def value(self) -> str | None:
        """The number or the label; null where there is neither."""
        score, label = self.row["score"], self.row["label"]
        if score is not None:
            return number_text(score)
        return None if label is None else shortened(label, LONGEST_LABEL)

    @property
    def why(self) -> str | None:
        """What the judge said, or the metric, or what kept it from a score."""
        said: str | None = self.row.get("justification") or self.row["reason"]
        return said


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """One sample of one candidate."""

    column: ColumnRows
    row: Row
    said: str | None
    scores: tuple[ShownScore, ...]

    @property
    def candidate(self) -> Candidate:
        """`model@prompt`."""
        return Candidate.of_row(self.column.cell)

    @property
    def nodes(self) -> list[Node] | None:
        """All of the answer by what it is, turn by turn where it is a conversation; null for one that is plain text."""
        output, calls, trajectory = (self.row.get(name) for name in ("output", "tool_calls", "trajectory"))
        if trajectory is not None:
            return turn_nodes(json.loads(trajectory))
        said = laid_out(output or "")
        if calls is None or (output is not None and is_of_calls(output)):
            return said
        return [*(said or ([("p", {}, [visible_text(output)])] if output else [])), *call_nodes(calls_text(calls))]

    @property
    def facts(self) -> str:
        """How long it took, what it cost and how long it is, as far as that is known."""
        cost, tokens = self.row["cost_usd"], self.row["completion_tokens"]
        return " · ".join(
            [
                seconds_text(self.row["latency_seconds"]),
                *([] if cost is None else [money_text(cost)]),
                *([] if tokens is None else [f"{tokens:,} tokens"]),
            ]
        )


def answer_rows(
    warehouse: Warehouse, columns: Sequence[ColumnRows], near: pl.Expr, wanted: pl.Expr
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Read whole answers.

    Args:
        warehouse: Where they are.
        columns: Whose.
        near: Rows that have to be read, told by what files hold statistics of.
        wanted: Those of them that are kept.

    Returns:
        Rows of `predictions`, sample by sample, of `heuristic_metrics` and of `judge_scores`.
    """
    predictions, heuristic, judged = (
        frame.filter(wanted)
        for frame in pl.collect_all(
            pl.concat([column.scan(warehouse, table).filter(near) for column in columns]) for table in CELL_TABLES_READ
        )
    )
    return predictions.sort("sample_index", maintain_order=True), heuristic, judged


def _scores(
    report: EvaluationReport, heuristic: pl.DataFrame, judged: pl.DataFrame
) -> dict[tuple[str, str], list[ShownScore]]:
    """Column and prediction → its scores, in the order of the report; of a jury its own before those of the jurors."""
    order = {metric: place for place, metric in enumerate(report.reading_order)}
    found: dict[tuple[str, str], list[ShownScore]] = {}
    for frame, by in ((heuristic, "metric"), (judged, "judge")):
        for row in frame.iter_rows(named=True):
            of_it = found.setdefault((Candidate.of_row(row), row["prediction_id"]), [])
            of_it.append(ShownScore(row[by], row.get("juror"), row))
    for scores in found.values():
        scores.sort(key=lambda score: (order.get(score.metric, len(order)), score.juror is not None))
    return found


def shown_answers(
    report: EvaluationReport,
    columns: Sequence[ColumnRows],
    rows: pl.DataFrame,
    heuristic: pl.DataFrame,
    judged: pl.DataFrame,
) -> list[ShownAnswer]:
    """Answers with their scores, in the columns' order; takes what `answer_rows` returns."""
    scores = _scores(report, heuristic, judged)
    answers: dict[str, list[ShownAnswer]] = {column.name: [] for column in columns}
    named = {column.name: column for column in columns}
    for row in rows.iter_rows(named=True):
        name = Candidate.of_row(row)
        of_it = tuple(scores.get((name, row["prediction_id"]), ()))
        answers[name].append(ShownAnswer(named[name], row, answer_in(row), of_it))
    return [answer for of_column in answers.values() for answer in of_column]
