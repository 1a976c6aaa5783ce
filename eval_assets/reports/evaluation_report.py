"""One evaluation as a whole, read from the warehouse: what every renderer starts from."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.candidate_report import CandidateReport, Row, candidate_report
from eval_assets.reports.computed.gates import OverallVerdict, overall_verdict
from eval_assets.reports.computed.history import TrendPoint, trend
from eval_assets.reports.computed.scores import candidate_name, score_rows
from eval_assets.reports.computed.shared_replies import shared_replies_notes
from eval_assets.reports.flips import Flip, flips
from eval_assets.reports.judging_report import JudgingReport, load_judging
from eval_assets.reports.outputs import ExampleOutputs, side_by_side
from eval_assets.reports.performance import Performance, performance
from eval_assets.reports.provenance import DatasetFacts, Provenance
from eval_assets.storage.warehouse import Warehouse

READ_TABLES = (
    "predictions",
    "heuristic_metrics",
    "judge_scores",
    "aggregate_reports",
    "comparison",
    "gate_results",
    "aggregate_history",
)


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """One evaluation, ready to be rendered.

    Args:
        evaluation: The file and its name.
        candidates: In the file's order.
        metrics: Names in leaderboard order: heuristic metrics, then judges.
        aggregates: Rows of `aggregate_reports`, slices included.
        comparison: Rows of `comparison`.
        gates: Rows of `gate_results`.
        history: Rows of `aggregate_history`, all runs.
        predictions: Rows of all candidates.
        scores: Rows as `score_rows` makes them.
        total: Cost and speed of all candidates together.
        judges: Judge → the model it ran on.
        dataset: What was evaluated on.
        notes: What a reader must know before believing the numbers, such as how far a judge can be trusted.
        provenance: Where the numbers come from.
        judging: What is known about the judges.
        outdated: In what the numbers differ from the files as they stand, a line each.
    """

    evaluation: Evaluation
    candidates: tuple[CandidateReport, ...]
    metrics: tuple[str, ...]
    aggregates: pl.DataFrame
    comparison: pl.DataFrame
    gates: pl.DataFrame
    history: pl.DataFrame
    predictions: pl.DataFrame
    scores: pl.DataFrame
    total: Performance
    judges: Mapping[str, str]
    dataset: DatasetFacts
    notes: tuple[str, ...]
    provenance: Provenance
    judging: JudgingReport
    outdated: tuple[str, ...] = ()

    @property
    def verdict(self) -> OverallVerdict:
        """What the gates say together."""
        return overall_verdict(self.gates, self.outdated)

    @property
    def baseline(self) -> str:
        """`model@prompt` others are compared with."""
        return self.evaluation.baseline

    @property
    def headline(self) -> str | None:
        """The metric to look at first: of the first gate, else the first the file adds, else the first that has a
        better end.
        """
        gated = [gate.metric for gate in self.evaluation.file.gates]
        added = [choice.label or choice.metric for choice in self.evaluation.file.metrics]
        directed = [metric for metric in self.metrics if self.facts(metric)["greater_is_better"] is not None]
        return next((metric for metric in (*gated, *added, *directed) if metric in self.metrics), None)

    def facts(self, metric: str) -> Row:
        """Any candidate's aggregate of a metric, for what they share: direction, range, version, kind."""
        return next(candidate.metrics[metric] for candidate in self.candidates if metric in candidate.metrics)

    def against_baseline(self, candidate: str, metric: str) -> Row | None:
        """The comparison of a candidate with the baseline; null for the baseline itself."""
        return self._comparisons.get((candidate, metric))

    def flips(self, candidate: str, metric: str, *, at_most: int = 10) -> tuple[Flip, ...]:
        """Examples on which a candidate did worse or better than the baseline, worst first."""
        return flips(
            self.scores,
            self.predictions,
            metric=metric,
            candidate=candidate,
            baseline=self.baseline,
            greater_is_better=self.facts(metric)["greater_is_better"] is not False,
            at_most=at_most,
        )

    def outputs(self, *, offset: int = 0, limit: int | None = None) -> Iterator[ExampleOutputs]:
        """All outputs side by side, in dataset order."""
        names = [candidate.name for candidate in self.candidates]
        return side_by_side(self.predictions, self.scores, names, offset=offset, limit=limit)

    def trend(self, candidate: str, metric: str) -> tuple[TrendPoint, ...]:
        """A candidate's mean over the runs so far."""
        return trend(self.history, candidate=candidate, metric=metric)

    @property
    def _comparisons(self) -> dict[tuple[str, str], Row]:
        rows = self.comparison.filter(pl.col("is_baseline_comparison")).iter_rows(named=True)
        return {(f"{row['model']}@{row['prompt']}", row["metric"]): row for row in rows}


def load_report(
    warehouse: Warehouse,
    evaluation: Evaluation,
    *,
    generated_at: datetime,
    notes: Sequence[str] = (),
    description: str = "",
    source: str = "",
    licence: str = "",
    judges_now: Mapping[str, str | None] | None = None,
) -> EvaluationReport:
    """Read everything an evaluation left in the warehouse.

    Args:
        warehouse: Where the tables are.
        evaluation: The evaluation; candidates that it no longer has are left out.
        generated_at: Printed in the report, UTC.
        notes: What a reader must know before believing the numbers.
        description: Of the dataset, from its card.
        source: Likewise.
        licence: Likewise.
        judges_now: Judge → its data version as its file stands now; null if that can't be told.

    Returns:
        The report; parts that were never computed are empty.
    """
    versions = {table: warehouse.version(table) for table in READ_TABLES}
    frames = {
        table: _of_candidates(
            warehouse.scan(table, {"evaluation": evaluation.name}, version=versions[table]).collect(), evaluation
        )
        for table in READ_TABLES
    }
    predictions = frames["predictions"]
    dataset = DatasetFacts(
        name=evaluation.file.dataset,
        n_examples=predictions["example_id"].n_unique(),
        sha256=examples_sha256(predictions),
        description=description,
        source=source,
        licence=licence,
    )
    runs = pl.concat([frames[table]["run_id"] for table in READ_TABLES if table != "aggregate_history"])
    provenance = Provenance(generated_at, tuple(runs.drop_nulls().unique().sort()), versions)
    judging = load_judging(warehouse, evaluation, judges_now or {})
    return assemble_report(evaluation, frames, dataset=dataset, notes=notes, provenance=provenance, judging=judging)


def assemble_report(
    evaluation: Evaluation,
    frames: Mapping[str, pl.DataFrame],
    *,
    dataset: DatasetFacts,
    provenance: Provenance,
    notes: Sequence[str] = (),
    judging: JudgingReport | None = None,
) -> EvaluationReport:
    """Put a report together from tables in memory.

    Args:
        evaluation: The evaluation.
        frames: A frame for each of `READ_TABLES`, with the rows of this evaluation alone.
        dataset: What was evaluated on.
        provenance: Where the numbers come from.
        notes: What a reader must know before believing the numbers; what is known of the judges is added.
        judging: What is known about the judges; nothing by default.
    """
    known = judging or JudgingReport()
    aggregates, judged = frames["aggregate_reports"], frames["judge_scores"]
    overall = aggregates.filter(pl.col("slice_column").is_null())
    metrics = overall.sort(pl.col("kind") == "judge", maintain_order=True)["metric"].unique(maintain_order=True)
    return EvaluationReport(
        evaluation=evaluation,
        candidates=tuple(
            candidate_report(name, evaluation, overall, frames["predictions"], judged) for name in evaluation.candidates
        ),
        metrics=tuple(metrics),
        aggregates=aggregates,
        comparison=frames["comparison"],
        gates=frames["gate_results"],
        history=frames["aggregate_history"],
        predictions=frames["predictions"],
        scores=score_rows(frames["heuristic_metrics"], judged),
        total=performance(frames["predictions"], judged),
        judges=dict(judged.select("judge", "judge_model").drop_nulls().unique(maintain_order=True).rows()),
        dataset=dataset,
        notes=(*notes, *shared_replies_notes(frames["predictions"]), *(judge.sentence for judge in known.trust)),
        provenance=provenance,
        judging=known,
    )


def examples_sha256(predictions: pl.DataFrame) -> str:
    """Hash the examples that were evaluated, whatever their order: what a trend calls the dataset's version.

    Args:
        predictions: Rows with `example_id` and `example_sha256`.
    """
    rows = predictions.select("example_id", "example_sha256").unique().sort("example_id").rows()
    text = "\n".join(f"{example_id} {sha256}" for example_id, sha256 in rows)
    return hashlib.sha256(text.encode()).hexdigest()


def _of_candidates(frame: pl.DataFrame, evaluation: Evaluation) -> pl.DataFrame:
    return frame.filter(candidate_name().is_in(evaluation.candidates))
