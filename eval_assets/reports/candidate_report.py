"""One candidate of a report: its aggregates by metric, its cost and speed. The report as a whole is in
`evaluation_report`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.performance import Performance, performance
from eval_assets.tables.columns import CANDIDATE

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CandidateReport:
    """One candidate: its overall aggregate per metric, what it cost and how fast it was.

    Args:
        model: Name of the model.
        prompt: Name of the prompt.
        is_baseline: Whether the others are compared with it.
        metrics: Metric or judge name → row of `aggregate_reports`; empty for a cell that was never computed.
        performance: Cost and speed.
    """

    model: str
    prompt: str
    is_baseline: bool
    metrics: Mapping[str, Row]
    performance: Performance

    @property
    def name(self) -> str:
        """`model@prompt`."""
        return Candidate.of(self.model, self.prompt)


def candidate_report(
    candidate: Candidate, evaluation: Evaluation, overall: pl.DataFrame, predictions: pl.DataFrame, judged: pl.DataFrame
) -> CandidateReport:
    """Gather what one candidate's cell holds.

    Args:
        candidate: Whose.
        evaluation: Names the baseline.
        overall: Rows of `aggregate_reports` without slices.
        predictions: Rows of all candidates.
        judged: Rows of `judge_scores` of all candidates.
    """
    mine = candidate == CANDIDATE
    return CandidateReport(
        **candidate.columns,
        is_baseline=candidate == evaluation.baseline,
        metrics={row["metric"]: row for row in overall.filter(mine).iter_rows(named=True)},
        performance=performance(predictions.filter(mine), judged.filter(mine)),
    )
