"""Examples that got better or worse against the baseline, with what was answered and why it was scored so.

Whether the whole got better is in `comparing`; this is for reading, one example at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from eval_assets.reports.word_diff import DiffPart, word_diff
from eval_assets.requests.conversations import answer_in, readable
from eval_assets.statistics.comparison.paired import DECIMALS
from eval_assets.tables.columns import CANDIDATE

MOST_CHARACTERS = 2000  # of a text: comparing longer ones takes long, and nobody reads them in a table

READ_OF_PREDICTIONS = (
    "model", "prompt", "example_id", "sample_index", "inputs", "targets", "output", "tool_calls", "outcome",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Justification:
    """Why a judge scored one of the two outputs as it did."""

    judge: str
    candidate: str
    score: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Flip:
    """One example that two candidates answered differently well.

    Args:
        example_id: The example.
        metric: The score that changed.
        candidate: `model@prompt` of the candidate.
        baseline: `model@prompt` it is held against.
        candidate_score: Mean over the example's samples.
        baseline_score: Likewise.
        improvement: How much better the candidate did, in score units; negative is worse, whatever the metric's
            direction.
        inputs: What was asked; this and the texts below are cut after 2,000 characters.
        targets: What was expected, if known.
        candidate_output: The first sample's output, or the calls it consists of; null where that request failed.
        baseline_output: Likewise.
        difference: Words in which the outputs differ, from baseline to candidate.
        justifications: Of every judge that judged either output.
    """

    example_id: str
    metric: str
    candidate: str
    baseline: str
    candidate_score: float
    baseline_score: float
    improvement: float
    inputs: str | None
    targets: str | None
    candidate_output: str | None
    baseline_output: str | None
    difference: tuple[DiffPart, ...]
    justifications: tuple[Justification, ...]

    @property
    def got_worse(self) -> bool:
        """Whether the candidate did worse than the baseline."""
        return self.improvement < 0


def changed_examples(
    scores: pl.DataFrame, *, metric: str, candidate: str, baseline: str, greater_is_better: bool = True
) -> pl.DataFrame:
    """List the examples on which two candidates scored differently, worst first.

    Args:
        scores: Rows as `score_rows` makes them, of both candidates.
        metric: Metric or judge name.
        candidate: `model@prompt`.
        baseline: `model@prompt`.
        greater_is_better: Direction of the metric.

    Returns:
        `example_id`, `candidate_score`, `baseline_score`, `improvement`; only examples both have scored, samples
        averaged.
    """
    sign = 1.0 if greater_is_better else -1.0
    candidate_scores, baseline_scores = (
        scores.filter((pl.col("metric") == metric) & (name == CANDIDATE) & pl.col("score").is_not_null())
        .group_by("example_id")
        .agg(pl.col("score").mean().alias(column))
        for name, column in ((candidate, "candidate_score"), (baseline, "baseline_score"))
    )
    return (
        candidate_scores.join(baseline_scores, on="example_id")
        .with_columns(improvement=(sign * (pl.col("candidate_score") - pl.col("baseline_score"))).round(DECIMALS))
        .filter(pl.col("improvement") != 0)
        .sort("improvement", "example_id")
    )


def most_changed(changed: pl.DataFrame, at_most: int) -> pl.DataFrame:
    """Of rows of `changed_examples` so many that got worse, worst first, then as many that got better, best first."""
    worse = changed.filter(pl.col("improvement") < 0).head(at_most)
    better = changed.filter(pl.col("improvement") > 0).sort("improvement", "example_id", descending=[True, False])
    return pl.concat([worse, better.head(at_most)])


def flips(
    scores: pl.DataFrame,
    predictions: pl.DataFrame,
    *,
    metric: str,
    candidate: str,
    baseline: str,
    greater_is_better: bool = True,
    at_most: int = 10,
) -> tuple[Flip, ...]:
    """Gather the examples that changed most, with both outputs.

    Args:
        scores: Rows as `score_rows` makes them, of both candidates.
        predictions: Rows of both candidates, of which `READ_OF_PREDICTIONS` are read, at least those of the examples.
        metric: The score that counts.
        candidate: `model@prompt`.
        baseline: `model@prompt`.
        greater_is_better: Direction of the metric.
        at_most: How many of the worse and how many of the better ones.

    Returns:
        Worst first: those that got worse before those that got better, the latter best first.
    """
    changed = changed_examples(
        scores, metric=metric, candidate=candidate, baseline=baseline, greater_is_better=greater_is_better
    )
    chosen = most_changed(changed, at_most)
    replies = _first_replies(predictions, chosen["example_id"], (candidate, baseline))
    reasons = _justifications(scores, chosen["example_id"], (candidate, baseline))
    found: list[Flip] = []
    for row in chosen.iter_rows(named=True):
        example_id = row["example_id"]
        ours, theirs = replies.get((example_id, candidate), {}), replies.get((example_id, baseline), {})
        found.append(
            Flip(
                **row,
                metric=metric,
                candidate=candidate,
                baseline=baseline,
                inputs=ours.get("inputs") or theirs.get("inputs"),
                targets=ours.get("targets") or theirs.get("targets"),
                candidate_output=ours.get("output"),
                baseline_output=theirs.get("output"),
                difference=word_diff(theirs.get("output"), ours.get("output")),
                justifications=tuple(reasons.get(example_id, [])),
            )
        )
    return tuple(found)


def _first_replies(
    predictions: pl.DataFrame, example_ids: pl.Series, candidates: tuple[str, str]
) -> dict[tuple[str, str], dict[str, str | None]]:
    rows = (
        predictions.with_columns(candidate=CANDIDATE)
        .filter(pl.col("example_id").is_in(example_ids.implode()) & pl.col("candidate").is_in(candidates))
        .sort("sample_index")
        .unique(["example_id", "candidate"], keep="first", maintain_order=True)
        .select("example_id", "candidate", "inputs", _cut("targets"), "output", "tool_calls", "outcome")
    )
    return {(row["example_id"], row["candidate"]): _shown(row) for row in rows.iter_rows(named=True)}


def _shown(row: Mapping[str, str | None]) -> dict[str, str | None]:
    """A reply with what was asked as people read them, cut."""
    output = answer_in({"tool_calls": row["tool_calls"]}) if _is_of_calls(row) else row["output"]
    return {"inputs": _cut_text(readable(row["inputs"])), "targets": row["targets"], "output": _cut_text(output)}


def _is_of_calls(row: Mapping[str, str | None]) -> bool:
    return row["output"] is None and row["outcome"] == "ok"


def _justifications(
    scores: pl.DataFrame, example_ids: pl.Series, candidates: tuple[str, str]
) -> dict[str, list[Justification]]:
    rows = (
        scores.with_columns(candidate=CANDIDATE)
        .filter(
            pl.col("example_id").is_in(example_ids.implode())
            & pl.col("candidate").is_in(candidates)
            & pl.col("justification").is_not_null()
        )
        .select("example_id", "metric", "candidate", "score", _cut("justification"))
    )
    found: dict[str, list[Justification]] = {}
    for example_id, *rest in rows.iter_rows():
        found.setdefault(example_id, []).append(Justification(*rest))
    return found


def _cut_text(text: str | None) -> str | None:
    return text if text is None or len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} …"


def _cut(column: str) -> pl.Expr:
    """A text that can be shown in a table, with a sign where the rest is left out."""
    text = pl.col(column)
    left_out = pl.concat_str(text.str.slice(0, MOST_CHARACTERS), pl.lit(" …"))
    return pl.when(text.str.len_chars() > MOST_CHARACTERS).then(left_out).otherwise(text).alias(column)
