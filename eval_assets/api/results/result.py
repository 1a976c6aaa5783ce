"""What `ea.evaluate` returns. Frames are made in `frames`, texts in `showing`, files in `saving`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.api.assembly import Assembled
from eval_assets.api.project_choice import opened_warehouse
from eval_assets.api.rescoring import refuse_other_outputs, with_other_scores
from eval_assets.api.results.assertions import refuse_regression
from eval_assets.api.results.compared_results import ResultComparison, compared_results
from eval_assets.api.results.frames import error_frame, example_frame, metrics_by_name, score_frame, summary_frame
from eval_assets.api.results.showing import result_html, result_text
from eval_assets.api.without_dagster import Sent, compute_evaluation, opened_room
from eval_assets.checking.references import refuse_broken_references
from eval_assets.config.problems import nearest
from eval_assets.config.settings import Settings
from eval_assets.errors import ConfigError
from eval_assets.reports.computed.scores import MetricFacts
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.flips import Flip
from eval_assets.reports.note import Note, in_order
from eval_assets.reports.noting import report_notes
from eval_assets.stages.cell_inputs import data_version_in
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import cells_of, judge_models_of
from eval_assets.stages.metric_facts import stored_facts
from eval_assets.stages.report_reading import read_report
from eval_assets.stages.spending import Spending


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """An evaluation that was computed: its numbers, and what to do with them.

    In a notebook it shows itself: a verdict, a table with intervals, the examples that got worse.

    Args:
        report: The numbers, as every other door reads them.
        assembled: What was evaluated.
        sent: What computing it sent.
        settings: Where its tables lie.
        output_versions: Cell → data version of the outputs that are shown.
        facts: Metric or judge name → its direction and range.
    """

    report: EvaluationReport = field(repr=False)
    assembled: Assembled = field(repr=False)
    sent: Sent
    settings: Settings = field(repr=False)
    output_versions: Mapping[str, str] = field(repr=False)
    facts: Mapping[str, MetricFacts] = field(repr=False)

    def __repr__(self) -> str:
        """The result as text."""
        return result_text(self.report, self.labels, self.sent, self.notes)

    def _repr_html_(self) -> str:
        """The result as a notebook shows it."""
        return result_html(self.report, self.labels, self.sent, self.notes)

    @property
    def name(self) -> str:
        """The evaluation's name in tables."""
        return self.assembled.name

    @property
    def labels(self) -> dict[str, str]:
        """`model@prompt` of each candidate in tables → what it is called here."""
        return {str(name): label for name, label in self.assembled.labels.items()}

    @property
    def notes(self) -> tuple[Note, ...]:
        """What to know besides the numbers, a line per cause, the most consequential first."""
        return in_order([*map(Note, self.assembled.notes), *report_notes(self.report)])

    @cached_property
    def df(self) -> Any:
        """The data with a column per candidate, and one per candidate and score, in the caller's kind of frame.

        With one candidate these are `output` and the metrics' names, with several `my_app` and `my_app.exact_match`.
        """
        return example_frame(self.report, self.labels, self.assembled.rows)

    @cached_property
    def scores(self) -> pl.DataFrame:
        """Every score: a row per example, sample, candidate and metric, with its outcome and reason."""
        return score_frame(self.report, self.labels)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """A row per candidate and metric: mean, interval, counts, and the difference from the baseline."""
        return summary_frame(self.report, self.labels)

    @cached_property
    def metrics(self) -> dict[str, float | None]:
        """Aggregates by MLflow's names: `exact_match/v1/mean`; of several candidates `my_app/exact_match/v1/mean`."""
        return metrics_by_name(self.report, self.labels)

    @cached_property
    def errors(self) -> pl.DataFrame:
        """Rows without an answer or a score: whose, of which example, with what outcome and why."""
        return error_frame(self.report, self.labels)

    @property
    def cost_usd(self) -> float | None:
        """What this call spent; null where something was sent and no price is known."""
        return self.sent.cost_usd

    @property
    def n_sent(self) -> int:
        """Requests that this call sent: to models, functions and judges."""
        return self.sent.n_sent

    @property
    def n_reused(self) -> int:
        """Replies that were at hand."""
        return self.sent.n_reused

    def flips(self, candidate: str | None = None, metric: str | None = None, *, at_most: int = 10) -> tuple[Flip, ...]:
        """Examples on which a candidate did worse or better than the baseline, worst first.

        Args:
            candidate: By its label; default the first that isn't the baseline.
            metric: Default the one that is looked at first.
            at_most: How many of the worse and how many of the better ones.

        Raises:
            ConfigError: There is no such candidate or metric, or just one candidate.
        """
        others = [name for name in self.labels if name != self.report.baseline]
        if not others:
            raise ConfigError("flips: expected at least two candidates; `r.compare(other)` compares two results")
        name = others[0] if candidate is None else self._name_of(candidate)
        return self.report.flips(name, self._metric(metric), at_most=at_most)

    def compare(self, other: "EvaluationResult", metric: str | None = None) -> ResultComparison:
        """Compare with another result on the same examples, candidate by candidate, this one being the newer.

        Args:
            other: What to hold this one against; its examples are matched by their ids.
            metric: The one that is compared in flips; default the one that is looked at first.

        Raises:
            ConfigError: The two have no example or no metric in common.
        """
        return compared_results(
            self.report,
            self.labels,
            other.report,
            other.labels,
            facts=self.facts,
            cluster=self.assembled.cluster,
            metric=metric,
        )

    def trace(self, identifier: str) -> dict[str, Any]:
        """Follow the id of a score, prediction or example back to the row, prompt, model and reply behind it.

        Raises:
            TraceError: The id names nothing, or more than one row.
        """
        from eval_assets.storage.tracing.trace import trace

        return trace(opened_warehouse(self.settings), identifier)

    def rescore(self, metrics: Any = None, judges: Sequence[Any] | None = None) -> "EvaluationResult":
        """Score the same outputs by other metrics or judges: nothing but judges' requests is sent.

        Args:
            metrics: As in `ea.evaluate`; null keeps those there are.
            judges: As in `ea.evaluate`; null keeps those there are.
        """
        refuse_other_outputs(self.assembled, self.settings, self.output_versions)
        anew = with_other_scores(self.assembled, metrics, judges)
        return evaluated(self.settings, anew, Spending(), without=("predictions",))

    def assert_no_regression(
        self,
        metric: str | None = None,
        *,
        max_drop: float = 0.0,
        candidate: str | None = None,
        against: "EvaluationResult | None" = None,
        min_mean: float | None = None,
    ) -> None:
        """Fail where a candidate is worse than the baseline by more than is allowed: for tests.

        Args:
            metric: Default the one that is looked at first.
            max_drop: How much lower its mean may be, in score units, over the examples that both have scored.
            candidate: By its label; default every one that isn't the baseline.
            against: A former result to hold each candidate against; default the baseline of this one.
            min_mean: The least mean that each of them must have, besides.

        Raises:
            AssertionError: With the means, the interval of the difference and the worst examples.
            ConfigError: There is nothing to hold it against.
        """
        names = None if candidate is None else [self._name_of(candidate)]
        refuse_regression(
            self.report,
            self.labels,
            self._metric(metric),
            max_drop=max_drop,
            names=names,
            against=None if against is None else self.compare(against, metric),
            min_mean=min_mean,
        )

    def save(self, name: str, *, overwrite: bool = False) -> list[Path]:
        """Write the evaluation as files of the project, so that `eval-assets run NAME` goes on from here.

        Nothing that was answered is asked again. Outputs that only this process can make are saved as recorded ones.

        Args:
            name: Of the evaluation.
            overwrite: Replace files of other content.

        Returns:
            The files.

        Raises:
            ConfigError: A file of another content is there, or a function can't be written to a file.
        """
        from eval_assets.api.results.saving import save_evaluation

        return save_evaluation(self.assembled, self.report, self.settings, name, overwrite=overwrite)

    def _metric(self, metric: str | None) -> str:
        chosen = metric or self.report.headline or next(iter(self.report.metrics), None)
        if chosen not in self.report.metrics:
            raise ConfigError(
                f"metric: expected one of {', '.join(map(repr, self.report.metrics))}, got {chosen!r}; "
                f"{nearest(str(chosen), self.report.metrics)}"
            )
        return str(chosen)

    def _name_of(self, label: str) -> str:
        names: Mapping[str, str] = {of_label: name for name, of_label in self.labels.items()}
        if label not in names:
            raise ConfigError(
                f"candidate: expected one of {', '.join(map(repr, names))}, got {label!r}; {nearest(label, names)}"
            )
        return names[label]


def evaluated(
    settings: Settings, together: Assembled, spending: Spending, *, without: Sequence[str] = ()
) -> EvaluationResult:
    """Compute what was assembled, and read its report.

    Args:
        settings: Where its tables lie.
        together: What to evaluate.
        spending: What may be spent.
        without: Tables that stay as they are.
    """
    with together.said_as_given(), opened_room(settings, together.project) as room:
        refuse_broken_references(together.project, together.name, room.versions.metrics)
        sent = compute_evaluation(room, together.name, spending, without=without)
        return EvaluationResult(
            read_report(room, together.name, whole=together.cluster is not None),
            together,
            _priced(sent, together),
            settings,
            _output_versions(room, together.name),
            stored_facts(room.versions, room.warehouse, together.project.evaluation(together.name)),
        )


def _priced(sent: Sent, together: Assembled) -> Sent:
    """What was spent, or null where something was sent and no price is known of any that could be asked."""
    project = together.project
    judge_models = {model for judge in together.declared["judges"] for model in judge_models_of(project, judge)}
    models = [*(each.model.item for each in together.candidates), *map(project.model, judge_models)]
    is_known = sent.cost_usd or not sent.n_sent or any(model.file.prices.are_known for model in models)
    return sent if is_known else replace(sent, cost_usd=None)


def _output_versions(room: EngineRoom, name: str) -> dict[str, str]:
    stored = room.warehouse.snapshot("predictions")
    return {cell.key: data_version_in(stored, cell.partition) for cell in cells_of(room.project, name)}
