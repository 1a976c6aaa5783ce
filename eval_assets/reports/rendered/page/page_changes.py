"""What the HTML report shows of changes since the state before: differences on an axis, and examples."""

from collections.abc import Mapping
from dataclasses import dataclass

from eval_assets.reports.candidate_report import Row
from eval_assets.reports.changes_report import CandidateChange
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.flips import Flip
from eval_assets.reports.rendered.changes_text import MOST_CANDIDATES, moment_text, rows_text, scoring_text
from eval_assets.reports.rendered.page.page_data import Difference, difference_on
from eval_assets.reports.rendered.page.page_marks import symmetric_axis

FLIPS_EACH_WAY = 3
PARTS = {"all": "", "answers": "of it the answers", "scoring": "of it the scoring"}


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One metric of a candidate, or one part of what happened to it, with the interval's place around zero."""

    metric: str
    part: str
    note: str
    difference: Difference

    @property
    def row(self) -> Row:
        """Of `change_effects`."""
        return self.difference.row


@dataclass(frozen=True, slots=True)
class ChangeSection:
    """One candidate: what changed, what that did, and the examples that score otherwise by the metric to look at first.

    Args:
        change: All of it.
        moment: When the former state was computed.
        rows: Which rows are compared.
        lines: What the change did.
        metric: By which the examples are chosen; null: on none of them did a metric change.
        flips: The examples.
    """

    change: CandidateChange
    moment: str
    rows: str
    lines: tuple[ChangeLine, ...]
    metric: str | None
    flips: tuple[Flip, ...]


def change_sections(report: EvaluationReport) -> list[ChangeSection]:
    """Lay out the candidates that have a former state, the one changed last first; of many the first few."""
    return [_section(report, change) for change in report.changes.with_former[:MOST_CANDIDATES]]


def _section(report: EvaluationReport, change: CandidateChange) -> ChangeSection:
    whole = change.effects_of("all")
    axes = {
        metric: symmetric_axis(
            row[name]
            for row in change.effects
            if row["metric"] == metric
            for name in ("difference", "difference_ci_low", "difference_ci_high")
        )
        for metric in {row["metric"] for row in change.effects}
    }
    lines = [
        ChangeLine(
            row["metric"],
            PARTS[row["part"]],
            scoring_text(row) if row["part"] == "all" else "",
            difference_on(axes[row["metric"]], row),
        )
        for row in change.effects
    ]
    metric = _shown_metric(report, whole)
    flips = change.flips(metric, at_most=FLIPS_EACH_WAY) if metric else ()
    return ChangeSection(change, moment_text(change), rows_text(change), tuple(lines), metric, flips)


def _shown_metric(report: EvaluationReport, whole: Mapping[str, Row]) -> str | None:
    """The metric to look at first if it changed on any row, else the first that did and has a better end."""
    changed = [metric for metric, row in whole.items() if row["n_better"] or row["n_worse"]]
    directed = [metric for metric in changed if whole[metric]["greater_is_better"] is not None]
    return report.headline if report.headline in changed else next(iter(directed), None)
