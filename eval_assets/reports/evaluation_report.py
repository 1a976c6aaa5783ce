"""One evaluation as a whole, read from the warehouse: what every renderer starts from."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.datasets.dataset import DatasetCard
from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.candidate_report import CandidateReport, Row, candidate_report
from eval_assets.reports.changes_report import ChangesReport, load_changes
from eval_assets.reports.computed.answerers import answerer_notes
from eval_assets.reports.computed.gating import OverallVerdict, overall_verdict
from eval_assets.reports.computed.history import TrendPoint, trend
from eval_assets.reports.computed.roles import Role
from eval_assets.reports.computed.scores import READ_OF_METRICS, score_rows
from eval_assets.reports.computed.shared_replies import shared_replies_notes
from eval_assets.reports.flips import Flip, flips
from eval_assets.reports.judging_report import JudgingReport, load_judging
from eval_assets.reports.note import Note
from eval_assets.reports.outputs import ExampleOutputs, example_outputs
from eval_assets.reports.paid_and_saved import PaidAndSaved, paid_and_saved
from eval_assets.reports.performance import Performance, performance
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.columns import CANDIDATE

READ_TABLES = (
    "predictions",
    "heuristic_metrics",
    "judge_scores",
    "aggregate_reports",
    "comparison",
    "gate_results",
    "aggregate_history",
)
READ_COLUMNS = {"heuristic_metrics": [*READ_OF_METRICS, "run_id"]}
NOT_SHOWN = {"predictions": ("messages", "example"), "judge_scores": ("messages", "raw_reply")}
TEXTS = {
    "predictions": ("inputs", "targets", "context", "output", "reasoning", "tool_calls", "trajectory", "extra"),
    "judge_scores": ("justification", "reasoning"),
}
"""Columns for reading one example after another; neither a number nor a note comes of them."""


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What was evaluated on.

    Args:
        name: Of the dataset.
        n_examples: Examples with at least one prediction.
        sha256: Hash over the hashes of these examples; changes with any of them.
        description: From the card.
        source: From the card.
        licence: From the card.
    """

    name: str
    n_examples: int
    sha256: str
    description: str = ""
    source: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers come from: when the report was made, by which runs, from which versions of which tables."""

    generated_at: datetime
    run_ids: tuple[str, ...]
    delta_versions: Mapping[str, int | None]


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
        spent: What candidates and each judge cost, paid and saved; empty where no price is known.
        judges: Judge → the model it ran on.
        dataset: What was evaluated on.
        notes: What to know besides the numbers, such as how far a judge can be trusted; what the tables show to be
            missing is added in `noting`.
        provenance: Where the numbers come from.
        judging: What is known about the judges.
        changes: What changed in each candidate since its state before.
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
    spent: tuple[PaidAndSaved, ...]
    judges: Mapping[str, str]
    dataset: DatasetFacts
    notes: tuple[Note, ...]
    provenance: Provenance
    judging: JudgingReport
    changes: ChangesReport = field(default_factory=ChangesReport)
    outdated: tuple[str, ...] = ()
    _compared: Mapping[tuple[str, str], Row] = field(init=False, repr=False, default_factory=dict)
    _against_baseline: Mapping[tuple[str, str], Row] = field(init=False, repr=False, default_factory=dict)
    _roles: Mapping[str, Role] = field(init=False, repr=False, default_factory=dict)
    _headline: str | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        """Look up once what a page asks for many times."""
        rows = {(Candidate.of_row(row), row["metric"]): row for row in self.comparison.iter_rows(named=True)}
        object.__setattr__(self, "_compared", rows)
        with_baseline = self.comparison.filter(pl.col("is_baseline_comparison")).iter_rows(named=True)
        found = {(Candidate.of_row(row), row["metric"]): row for row in with_baseline}
        object.__setattr__(self, "_against_baseline", found)
        roles = self.comparison.select("metric", "role").drop_nulls().unique().rows()
        object.__setattr__(self, "_roles", {metric: Role(role) for metric, role in roles})
        object.__setattr__(self, "_headline", self._found_headline())

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
        """The primary metric, which decides: as the comparison was made; before there is one, as the file has it."""
        return self._headline

    @property
    def reading_order(self) -> tuple[str, ...]:
        """Metrics and judges as every page and text lists them: what decides first, then in the evaluation's order."""
        return tuple(sorted(self.metrics, key=lambda metric: metric != self.headline))

    def _found_headline(self) -> str | None:
        if self._roles:
            return next((metric for metric in self.metrics if self.role(metric) is Role.PRIMARY), None)
        ranking = [
            metric
            for metric in self.metrics
            if self.facts(metric)["greater_is_better"] is not None and not self.answers_with_labels(metric)
        ]
        file = self.evaluation.file
        return next((metric for metric in (file.primary, *file.named, *ranking) if metric in ranking), None)

    def role(self, metric: str) -> Role | None:
        """What a metric is there for; null where it was not compared since there are roles."""
        return self._roles.get(metric)

    def answers_with_labels(self, metric: str) -> bool:
        """Whether the aggregates of a metric hold labels and no score."""
        rows = [candidate.metrics[metric] for candidate in self.candidates if metric in candidate.metrics]
        return any(row["n_labelled"] for row in rows) and not any(row["n_scored"] for row in rows)

    def facts(self, metric: str) -> Row:
        """Any candidate's aggregate of a metric, for what they share: direction, range, version, kind."""
        return next(candidate.metrics[metric] for candidate in self.candidates if metric in candidate.metrics)

    def compared(self, candidate: str, metric: str) -> Row:
        """Any comparison of a candidate, for what all share: rank, letters, shares of labels; empty without one."""
        return self._compared.get((candidate, metric), {})

    def against_baseline(self, candidate: str, metric: str) -> Row | None:
        """The comparison of a candidate with the baseline; null for the baseline itself."""
        return self._against_baseline.get((candidate, metric))

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

    def outputs(
        self, candidates: Sequence[str], *, limit: int | None = None, examples: Sequence[str] | None = None
    ) -> Iterator[ExampleOutputs]:
        """Outputs of candidates side by side, in dataset order: of the first examples, or of those named."""
        predictions = self.predictions.filter(CANDIDATE.is_in(candidates))
        if examples is not None:
            predictions = predictions.filter(pl.col("example_id").is_in(list(examples)))
        return example_outputs(predictions, self.scores, candidates, limit=limit)

    def trend(self, candidate: str, metric: str) -> tuple[TrendPoint, ...]:
        """A candidate's mean over the runs so far."""
        return trend(self.history, candidate=candidate, metric=metric)


def load_report(
    warehouse: Warehouse,
    evaluation: Evaluation,
    *,
    generated_at: datetime,
    notes: Sequence[Note] = (),
    card: DatasetCard | None = None,
    judges_now: Mapping[str, str | None] | None = None,
    whole: bool = False,
    texts: bool = True,
) -> EvaluationReport:
    """Read everything an evaluation left in the warehouse.

    Args:
        warehouse: Where the tables are.
        evaluation: The evaluation; candidates that it no longer has are left out.
        generated_at: Printed in the report, UTC.
        notes: What to know besides the numbers.
        card: Of the dataset: its description, source and licence are printed.
        judges_now: Judge → its data version as its file stands now; null if that can't be told.
        whole: Whether predictions come with the columns that no renderer shows and that take most of the memory.
        texts: Whether outputs and reasons come too; without them numbers are all there is to show.

    Returns:
        The report; parts that were never computed are empty.
    """
    versions = {table: warehouse.version(table) for table in READ_TABLES}
    frames = {
        table: warehouse.scan(table, {"evaluation": evaluation.name}, version=versions[table])
        .filter(CANDIDATE.is_in(evaluation.candidates))
        .with_columns(_lean(table, whole=whole, texts=texts))
        .select(READ_COLUMNS.get(table, pl.all()))
        .collect(engine="auto" if texts else "streaming")
        for table in READ_TABLES
    }
    predictions = frames["predictions"]
    dataset = DatasetFacts(
        name=evaluation.file.dataset,
        n_examples=predictions["example_id"].n_unique(),
        sha256=examples_sha256(predictions),
        description=card.description if card else "",
        source=card.source if card else "",
        licence=card.licence if card else "",
    )
    runs = pl.concat([frames[table]["run_id"] for table in READ_TABLES if table != "aggregate_history"])
    provenance = Provenance(generated_at, tuple(runs.drop_nulls().unique().sort()), versions)
    judging = load_judging(warehouse, evaluation, judges_now or {})
    report = assemble_report(evaluation, frames, dataset=dataset, notes=notes, provenance=provenance, judging=judging)
    return replace(report, changes=load_changes(warehouse, evaluation))


def _lean(table: str, *, whole: bool, texts: bool) -> Iterator[pl.Expr]:
    """What takes less memory in place of a table's columns."""
    left_out = (*(() if whole else NOT_SHOWN.get(table, ())), *(() if texts else TEXTS.get(table, ())))
    yield from (pl.lit(None, dtype=pl.String()).alias(column) for column in left_out)
    if table == "heuristic_metrics" and not texts:
        yield pl.col("evaluation", "metric", "version", "outcome").cast(pl.Categorical())
        yield pl.when(pl.col("score").is_null()).then("reason").alias("reason")  # of the others no note tells it


def assemble_report(
    evaluation: Evaluation,
    frames: Mapping[str, pl.DataFrame],
    *,
    dataset: DatasetFacts,
    provenance: Provenance,
    notes: Sequence[Note] = (),
    judging: JudgingReport | None = None,
) -> EvaluationReport:
    """Put a report together from tables in memory.

    Args:
        evaluation: The evaluation.
        frames: A frame for each of `READ_TABLES`, with the rows of this evaluation alone.
        dataset: What was evaluated on.
        provenance: Where the numbers come from.
        notes: What to know besides the numbers; what is known of the judges is added.
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
        spent=paid_and_saved(frames["predictions"], judged),
        judges=dict(judged.select("judge", "judge_model").drop_nulls().unique(maintain_order=True).rows()),
        dataset=dataset,
        notes=(
            *notes,
            *answerer_notes(frames["predictions"], judged),
            *shared_replies_notes(frames["predictions"]),
            *(judge.note for judge in known.trust),
        ),
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
