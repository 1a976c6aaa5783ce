"""What a change did: the scores of two states of one candidate side by side, and how they differ.

Which two states those are, and what changed between them, is not decided here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.computed.scores import SCORE_ROWS, ExampleGroups, MetricFacts, example_groups
from eval_assets.reports.computed.shared_replies import shared_replies
from eval_assets.reports.computed.two_states import BEFORE, NOW, compared_states, under_name
from eval_assets.tables.change_tables import CHANGE_EFFECTS, PAIRED_SCORES

Scoring = Literal[
    "same",
    "former answers scored as now",
    "present answers scored as before",
    "not told apart",
    "new, former answers scored too",
    "new, former answers not scored",
]
SAME: Scoring = "same"
FORMER_ANSWERS: Scoring = "former answers scored as now"
PRESENT_ANSWERS: Scoring = "present answers scored as before"
NOT_TOLD_APART: Scoring = "not told apart"
SCORED_TOO: Scoring = "new, former answers scored too"
NOT_SCORED: Scoring = "new, former answers not scored"
"""How a metric's scores came about in the two states: the same way; or another, and then which scores tell apart what
the answers did and what the scoring did; or the former state didn't have the metric.
"""

Part = Literal["all", "answers", "scoring"]
ENDS: Mapping[tuple[str, Part], tuple[str, str]] = {
    **{(scoring, "all"): ("before", "now") for scoring in (SAME, FORMER_ANSWERS, PRESENT_ANSWERS, NOT_TOLD_APART)},
    (SCORED_TOO, "all"): ("between", "now"),
    (FORMER_ANSWERS, "answers"): ("between", "now"),
    (FORMER_ANSWERS, "scoring"): ("before", "between"),
    (PRESENT_ANSWERS, "answers"): ("before", "between"),
    (PRESENT_ANSWERS, "scoring"): ("between", "now"),
}
"""Scoring and part → the columns of `PAIRED_SCORES` whose difference it is."""

OF_ANSWERS: Mapping[str, tuple[str, str]] = {
    SAME: ("before", "now"),
    SCORED_TOO: ("between", "now"),
    **{scoring: ends for (scoring, part), ends in ENDS.items() if part == "answers"},
}
"""Scoring → the columns that differ by the answers alone; none where that can't be told."""

_COMPARED = ("n_pairs", "n_unpaired", "difference", "difference_ci_low", "difference_ci_high", "difference_method")
_SAID = ("p_value", "p_value_adjusted", "verdict", "sentence")


@dataclass(frozen=True, slots=True)
class Between:
    """Scores that differ from those of one state by the answers alone, and from the other's by the scoring alone.

    Args:
        scoring: Which of the two they are, or that there are none.
        scores: Rows as `score_rows` makes them, of one metric.
    """

    scoring: Scoring
    scores: pl.DataFrame


def row_states(former: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Say of each example in which of two states it is.

    Args:
        former: Predictions of the former state.
        now: Those of the present one.

    Returns:
        `example_id`, `position`, `row` (same, edited, added or removed) and `is_answered_otherwise`: whether the
        answers to the same row differ, in any of the samples; in the order of the present dataset, removed rows last.
    """
    before, after = (
        rows.select("example_id", "position", "example_sha256").unique("example_id", keep="first")
        for rows in (former, now)
    )
    joined = after.join(before, on="example_id", how="full", coalesce=True, suffix="_before")
    is_new, is_gone = pl.col("example_sha256_before").is_null(), pl.col("example_sha256").is_null()
    state = (
        pl.when(is_new)
        .then(pl.lit("added"))
        .when(is_gone)
        .then(pl.lit("removed"))
        .when(pl.col("example_sha256") == pl.col("example_sha256_before"))
        .then(pl.lit("same"))
        .otherwise(pl.lit("edited"))
    )
    ordered = joined.sort(is_gone, pl.coalesce("position", "position_before"), "example_id")
    rows = ordered.select("example_id", pl.coalesce("position", "position_before").alias("position"), row=state)
    other = pl.col("example_id").is_in(_answered_otherwise(former, now))
    return rows.with_columns(is_answered_otherwise=pl.when(pl.col("row") == "same").then(other))


def paired_scores(
    rows: pl.DataFrame, former: pl.DataFrame, now: pl.DataFrame, between: Mapping[str, Between]
) -> pl.DataFrame:
    """Put the scores of two states side by side.

    Args:
        rows: From `row_states`.
        former: Score rows of the former state; metrics that the present one doesn't have are left out.
        now: Those of the present one.
        between: Metric → how its scores come about; those of the others come about in the same way.

    Returns:
        Columns of `PAIRED_SCORES` but those that name the cell, the state and the run: a row per example and metric.
    """
    metrics = now.select("metric", "version", "kind").unique("metric", keep="first", maintain_order=True)
    scoring = pl.DataFrame(
        {
            "metric": metrics["metric"].cast(pl.String),
            "scoring": [between[name].scoring if name in between else SAME for name in metrics["metric"]],
        },
        schema={"metric": pl.String, "scoring": pl.String},
    )
    grid = rows.join(metrics.cast({"metric": pl.String, "version": pl.String, "kind": pl.String}), how="cross")
    middle = [found.scores for found in between.values()]
    for name, frames in (("before", [former]), ("between", middle), ("now", [now])):
        grid = grid.join(_means(frames, name), on=["example_id", "metric"], how="left", maintain_order="left")
    return grid.join(scoring, on="metric", how="left", maintain_order="left")


def groups_of_both(former: pl.DataFrame, now: pl.DataFrame, cluster: str | None) -> ExampleGroups:
    """How the examples of two states hang together.

    Args:
        former: Predictions of the former state, with `example_id`, `example` and `request_key`.
        now: Those of the present one.
        cluster: Column of the dataset that says which examples depend on each other.
    """
    both = pl.concat([under_name(NOW, now), under_name(BEFORE, former)])
    return replace(example_groups(both, cluster=cluster, slices=[]), shared_replies=shared_replies(both.lazy()))


def effects(
    pairs: pl.DataFrame, evaluation: Evaluation, facts: Mapping[str, MetricFacts], groups: ExampleGroups
) -> pl.DataFrame:
    """Measure what changed, on the examples that both states have word for word.

    Args:
        pairs: From `paired_scores`.
        evaluation: Its confidence.
        facts: Metric or judge name → its direction and range.
        groups: From `groups_of_both`.

    Returns:
        Columns of `CHANGE_EFFECTS` but those that name the cell, the state and the run: a row per metric, and for one
        whose answers and scoring both changed two more that tell the parts apart.
    """
    # A gate's margin of equivalence is about what is asked of a candidate, not about what an edit did.
    evaluation = evaluation.model_copy(update={"file": evaluation.file.model_copy(update={"gates": ()})})
    means = _overall_means(pairs)
    found: list[dict[str, object]] = []
    parts: tuple[Part, ...] = ("all", "answers", "scoring")
    for part in parts:
        scores = scores_of_part(pairs, part)
        if scores.is_empty():
            continue
        names = scores["metric"].unique(maintain_order=True)
        compared = compared_states(evaluation, scores, {name: facts[name] for name in names}, groups)
        for row in compared.iter_rows(named=True):
            metric = row["metric"]
            before, now, scoring = means[metric]
            found.append(
                {
                    **{name: row[name] for name in ("metric", "version", "kind", "greater_is_better")},
                    "part": part,
                    "scoring": scoring,
                    "mean_before": before if part == "all" else None,
                    "mean_now": now if part == "all" else None,
                    **{name: row[name] for name in (*_COMPARED, *_SAID)},
                    "n_better": row["wins"],
                    "n_worse": row["losses"],
                    "n_equal": row["ties"],
                }
            )
    order = {name: place for place, name in enumerate(means)}
    found.sort(key=lambda row: (order[str(row["metric"])], parts.index(row["part"])))
    return pl.DataFrame(found, schema={name: CHANGE_EFFECTS[name] for name in CHANGE_EFFECTS if name in _of_effects()})


def scores_of_part(pairs: pl.DataFrame, part: Part) -> pl.DataFrame:
    """The two ends of a part of the difference as score rows under the names of `two_states`.

    Args:
        pairs: From `paired_scores`, or rows of the table of that name, of one candidate.
        part: Which.
    """
    return _ends_as_scores(pairs, {scoring: ends for (scoring, of_part), ends in ENDS.items() if of_part == part})


def scores_of_answers(pairs: pl.DataFrame) -> pl.DataFrame:
    """What the answers of both states score, measured in one way, as score rows under the names of `two_states`.

    Args:
        pairs: Rows of `paired_scores` of one candidate; metrics whose parts can't be told apart have no row here.
    """
    return _ends_as_scores(pairs, OF_ANSWERS)


def _ends_as_scores(pairs: pl.DataFrame, ends_of: Mapping[str, tuple[str, str]]) -> pl.DataFrame:
    """Score rows of the examples that both states have, by how their scoring changed."""
    frames, present = [pl.DataFrame(schema=SCORE_ROWS)], set(pairs["scoring"])
    for scoring, ends in ends_of.items():
        if scoring in present:
            rows = pairs.filter((pl.col("row") == "same") & (pl.col("scoring") == scoring))
            frames += [_as_scores(rows, BEFORE, ends[0]), _as_scores(rows, NOW, ends[1])]
    return pl.concat(frames)


def _answered_otherwise(former: pl.DataFrame, now: pl.DataFrame) -> list[str]:
    """Examples whose answers differ between two states, in any of the samples."""
    keys, read = ["example_id", "sample_index"], ["output", "outcome", "tool_calls"]
    before, after = (frame.select(*keys, *read) for frame in (former, now))
    joined = after.join(before, on=keys, how="full", coalesce=True, suffix="_before")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in read)
    return joined.filter(differs)["example_id"].unique().to_list()


def _as_scores(rows: pl.DataFrame, name: Candidate, column: str) -> pl.DataFrame:
    """A column of paired scores as score rows of a candidate."""
    scored = pl.col(column).is_not_null()
    columns = {
        "evaluation": pl.lit(""),
        **{key: pl.lit(value) for key, value in name.columns.items()},
        "sample_index": pl.lit(0, dtype=pl.Int64),
        "score": pl.col(column),
        "outcome": pl.when(scored).then(pl.lit("ok")).otherwise(pl.lit("error")),
        **{key: pl.lit(None, dtype=pl.String) for key in ("label", "reason", "justification")},
    }
    return rows.with_columns(**columns).select(list(SCORE_ROWS))


def _means(frames: Sequence[pl.DataFrame], name: str) -> pl.DataFrame:
    """Mean score of each example and metric over samples and draws."""
    kinds = {"example_id": pl.String, "metric": pl.String, "score": pl.Float64}
    rows = [frame.select(pl.col(key).cast(kind) for key, kind in kinds.items()) for frame in frames]
    together = pl.concat([pl.DataFrame(schema=kinds), *rows])
    return together.group_by("example_id", "metric").agg(pl.col("score").mean().alias(name))


def _overall_means(pairs: pl.DataFrame) -> dict[str, tuple[float | None, float | None, str]]:
    """Metric → its mean over all examples of each state, and how its scoring changed."""
    rows = pairs.group_by("metric", maintain_order=True).agg(
        pl.when(pl.col("scoring") == SCORED_TOO).then("between").otherwise("before").mean(),
        pl.col("now").mean(),
        pl.col("scoring").first(),
    )
    return {metric: (before, now, scoring) for metric, before, now, scoring in rows.iter_rows()}


def _of_effects() -> set[str]:
    return set(CHANGE_EFFECTS) - {"evaluation", "model", "prompt", "since", "run_id"}


PAIRED_COLUMNS = [name for name in PAIRED_SCORES if name not in ("evaluation", "model", "prompt", "since", "run_id")]
"""Columns that `paired_scores` gives."""
