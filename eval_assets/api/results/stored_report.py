"""What an evaluation of a project found, as last computed: frames, texts, and the page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from eval_assets.api.results.frames import metrics_by_name, score_frame, summary_frame
from eval_assets.reports.computed.gating import OverallVerdict
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.flips import Flip


@dataclass(frozen=True, eq=False)
class StoredReport:
    """The numbers of an evaluation, as every other door reads them; a notebook shows them as tables.

    Args:
        report: All of them.
    """

    report: EvaluationReport = field(repr=False)

    def __repr__(self) -> str:
        """What `eval-assets report` prints."""
        return self.text

    def _repr_markdown_(self) -> str:
        """What a notebook shows."""
        return self.markdown

    @property
    def outdated(self) -> tuple[str, ...]:
        """In what the numbers differ from the files as they stand, a line each; empty: they are up to date."""
        return self.report.outdated

    @property
    def verdict(self) -> OverallVerdict:
        """What the gates say together."""
        return self.report.verdict

    @cached_property
    def metrics(self) -> dict[str, float | None]:
        """Aggregates under MLflow's names: `exact_match/v1/mean`; of several candidates `model@prompt/…`."""
        return metrics_by_name(self.report, self._labels)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """A row per candidate and metric: mean, interval, counts, and the difference from the baseline."""
        return summary_frame(self.report, self._labels)

    @cached_property
    def scores(self) -> pl.DataFrame:
        """Every score: a row per example, sample, candidate and metric, with its outcome and reason."""
        return score_frame(self.report, self._labels)

    def flips(self, candidate: str, metric: str, *, at_most: int = 10) -> tuple[Flip, ...]:
        """Examples on which a candidate did worse or better than the baseline, worst first."""
        return self.report.flips(candidate, metric, at_most=at_most)

    @property
    def text(self) -> str:
        """As a terminal shows it."""
        from eval_assets.reports.rendered.table import report_table

        return report_table(self.report)

    @property
    def markdown(self) -> str:
        """As Markdown."""
        from eval_assets.reports.rendered.markdown import report_markdown

        return report_markdown(self.report)

    @property
    def html(self) -> str:
        """The whole page."""
        from eval_assets.reports.rendered.page.html import report_html

        return report_html(self.report)

    @property
    def json(self) -> dict[str, Any]:
        """As `eval-assets report --format json` prints it."""
        from eval_assets.reports.rendered.json_report import report_json

        return report_json(self.report)

    @property
    def _labels(self) -> Mapping[str, str]:
        return {candidate.name: candidate.name for candidate in self.report.candidates}
