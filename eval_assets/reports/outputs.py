"""The outputs of all candidates side by side, example by example. Which of them changed for the worse is in `flips`."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from eval_assets.requests.conversations import readable
from eval_assets.requests.tool_calls import calls_text
from eval_assets.tables.columns import CANDIDATE


@dataclass(frozen=True, slots=True)
class CandidateOutput:
    """What one candidate answered to one example; of several samples the first, with scores averaged over all.

    Args:
        output: Null where the request failed.
        outcome: How the request ended; `missing` where the candidate has no row for the example.
        error: What the provider said, if it failed.
        n_samples: Replies asked for.
        scores: Metric or judge → mean over the samples; null where none was scored.
        justifications: Judge → its reason for the first sample.
        prediction_id: Of the first sample: what `eval-assets trace` takes; null where there is no row.
        reasoning: What the model thought before the first sample's answer.
        tool_calls: The calls that the first sample makes, a line each.
        trajectory: The first sample as a whole conversation, turn by turn, where it is one; `output` is its end.
        labels: Metric or judge → the first sample's label, where it got one.
        extra: JSON object of what code of the user returned beside the first sample's output.
    """

    output: str | None
    outcome: str
    error: str | None
    n_samples: int
    scores: Mapping[str, float | None] = field(default_factory=dict)
    justifications: Mapping[str, str] = field(default_factory=dict)
    prediction_id: str | None = None
    reasoning: str | None = None
    tool_calls: str | None = None
    trajectory: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    extra: str | None = None

    @property
    def said(self) -> str | None:
        """The output, or the calls of an answer that is nothing else."""
        return self.tool_calls if self.output is None and self.outcome == "ok" else self.output


@dataclass(frozen=True, slots=True)
class ExampleOutputs:
    """One example with an answer per candidate, in the candidates' order; a conversation in `inputs` turn by turn."""

    example_id: str
    inputs: str | None
    targets: str | None
    context: str | None
    answers: tuple[CandidateOutput, ...]


def example_outputs(
    predictions: pl.DataFrame, scores: pl.DataFrame, candidates: Sequence[str], *, limit: int | None = None
) -> Iterator[ExampleOutputs]:
    """Walk through the examples in dataset order.

    Args:
        predictions: Rows of all candidates.
        scores: Score rows of all candidates, as `score_rows` makes them.
        candidates: `model@prompt`, in the order of the answers.
        limit: Examples to yield; all when absent.
    """
    page = (
        predictions.sort("position", "example_id", "sample_index")
        .unique("example_id", keep="first", maintain_order=True)
        .slice(0, limit)
    )
    wanted = page["example_id"].implode()
    on_page = predictions.filter(pl.col("example_id").is_in(wanted)).with_columns(candidate=CANDIDATE)
    answers = _answers(on_page, scores.filter(pl.col("example_id").is_in(wanted)))
    absent = CandidateOutput(output=None, outcome="missing", error=None, n_samples=0)
    for row in page.iter_rows(named=True):
        example_id = row["example_id"]
        yield ExampleOutputs(
            example_id=example_id,
            inputs=readable(row["inputs"]),
            targets=row["targets"],
            context=row["context"],
            answers=tuple(answers.get((example_id, candidate), absent) for candidate in candidates),
        )


def _answers(predictions: pl.DataFrame, scores: pl.DataFrame) -> dict[tuple[str, str], CandidateOutput]:
    means: dict[tuple[str, str], dict[str, float | None]] = defaultdict(dict)
    reasons: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    labels: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    averaged = (
        scores.with_columns(candidate=CANDIDATE)
        .sort("sample_index", maintain_order=True)
        .group_by("example_id", "candidate", "metric", maintain_order=True)
        .agg(pl.col("score").mean(), pl.col("justification", "label").drop_nulls().first())
    )
    for example_id, candidate, metric, score, justification, label in averaged.iter_rows():
        means[example_id, candidate][metric] = score
        if justification is not None:
            reasons[example_id, candidate][metric] = justification
        if label is not None:
            labels[example_id, candidate][metric] = label
    first = (
        predictions.sort("sample_index", maintain_order=True)
        .group_by("example_id", "candidate", maintain_order=True)
        .agg(
            pl.col(
                "output", "outcome", "error", "prediction_id", "reasoning", "tool_calls", "trajectory", "extra"
            ).first(),
            n_samples=pl.len(),
        )
    )
    return {
        (row["example_id"], row["candidate"]): CandidateOutput(
            row["output"],
            row["outcome"],
            row["error"],
            row["n_samples"],
            means[row["example_id"], row["candidate"]],
            reasons[row["example_id"], row["candidate"]],
            row["prediction_id"],
            row["reasoning"],
            None if row["tool_calls"] is None else calls_text(row["tool_calls"]),
            readable(row["trajectory"]),
            labels[row["example_id"], row["candidate"]],
            row["extra"],
        )
        for row in first.iter_rows(named=True)
    }
