"""Score rows of a cell, heuristic and judged alike, and their way into one score per example.

What is computed from them is in `aggregates` and `comparing`; how a score came about is not of interest here.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.config.candidate import Candidate
from eval_assets.metrics.targets import NO_TARGETS
from eval_assets.requests.absence import is_absent
from eval_assets.statistics.descriptive import ExampleScores, example_scores
from eval_assets.statistics.spread import joint_clusters, repeated
from eval_assets.tables.cell_tables import HEURISTIC_METRICS, JUDGE_SCORES
from eval_assets.tables.columns import CELL, EXAMPLE_CLUSTERS

SCORE_ROWS = {
    **CELL,
    "example_id": pl.String(),
    "position": pl.Int64(),
    "sample_index": pl.Int64(),
    "metric": pl.String(),
    "version": pl.String(),
    "kind": pl.String(),
    "score": pl.Float64(),
    "label": pl.String(),
    "outcome": pl.String(),
    "reason": pl.String(),
    "justification": pl.String(),
}

READ_OF_METRICS = [name for name in SCORE_ROWS if name in HEURISTIC_METRICS]
"""Columns of `heuristic_metrics` that any report looks at: a fifth of what its rows hold."""

READ_OF_JUDGES = [name for name in JUDGE_SCORES if name in SCORE_ROWS or name in ("judge", "juror")]

WORDS = ("evaluation", "model", "prompt", "version", "outcome")
"""Columns of few different texts, which take a quarter of the memory as categories."""

NO_VALUE = "(none)"

WITHOUT_TARGET = ((pl.col("outcome") == "skipped") & pl.col("reason").str.contains(rf"\b{NO_TARGETS}\b")).fill_null(
    value=False
)
"""Score rows of examples that have no target: nothing failed and nothing was asked, so they are in no denominator."""


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What must be known of a metric or judge to report its scores.

    Args:
        greater_is_better: Direction; null for a metric that only describes (a length), which is never won or lost.
        low: Lowest possible score, if there is one.
        high: Highest possible score, if there is one.
        is_binary: Whether every score is 0 or 1, so that means are shares.
        aggregates: Names of aggregates asked for beside those every report has, such as `ratio`.
        named_at: Its place among the metrics and judges that the evaluation's file names; null for a default of the
            task.
    """

    greater_is_better: bool | None = True
    low: float | None = None
    high: float | None = None
    is_binary: bool = False
    aggregates: tuple[str, ...] = ()
    named_at: int | None = 0

    @property
    def in_points(self) -> bool:
        """Whether differences read best in points of 0.01: scores from 0 to 1."""
        return (self.low, self.high) == (0, 1)


@dataclass(frozen=True, slots=True)
class ExampleGroups:
    """How the examples of a dataset hang together and may be broken down.

    Args:
        examples: One row per example: `example_id` and the columns named below, as text.
        cluster: Column whose equal values mark examples that depend on each other.
        slices: Columns to break aggregates down by.
        shared_replies: Which examples of which candidate got one reply between them, as `shared_replies` finds them.
    """

    examples: pl.DataFrame
    cluster: str | None = None
    slices: tuple[str, ...] = ()
    shared_replies: pl.DataFrame | None = None


def example_groups(predictions: pl.DataFrame, *, cluster: str | None, slices: Sequence[str]) -> ExampleGroups:
    """Read the cluster and slice columns out of the examples that predictions carry.

    Args:
        predictions: Rows with `example_id` and `example`, the example's columns as JSON; repeated examples count once.
        cluster: As the dataset card names it; a dot reaches into nested objects (`metadata.source`).
        slices: Likewise.

    Returns:
        Values as text; lists and objects as JSON, a missing one as null.

    >>> rows = pl.DataFrame({"example_id": ["a"], "example": ['{"metadata": {"topic": "cost"}, "level": 2}']})
    >>> example_groups(rows, cluster="level", slices=["metadata.topic"]).examples.rows()
    [('a', '2', 'cost')]
    """
    wanted = tuple(dict.fromkeys([*([cluster] if cluster else []), *slices]))
    unique = predictions.select("example_id", "example").unique("example_id", keep="first", maintain_order=True)
    rows = (
        [
            (example_id, *(_value_at(json.loads(example or "{}"), column) for column in wanted))
            for example_id, example in unique.rows()
        ]
        if wanted
        else [(example_id,) for example_id in unique["example_id"]]
    )
    schema = dict.fromkeys(("example_id", *wanted), pl.String())
    return ExampleGroups(pl.DataFrame(rows, schema=schema, orient="row"), cluster, tuple(slices))


def score_rows(heuristic: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """Bring heuristic and judge scores into one long table.

    Args:
        heuristic: Rows of `heuristic_metrics`, of which `READ_OF_METRICS` are read; texts may be categories.
        judged: Rows of `judge_scores`, of which `READ_OF_JUDGES` are; a jury member's own verdict is left out, the
            jury's is kept.

    Returns:
        Columns of `SCORE_ROWS`; a judge's name stands under `metric`, `kind` tells them apart.
    """
    kinds = heuristic.schema["outcome"]
    from_metrics = heuristic.select(READ_OF_METRICS).with_columns(
        kind=pl.lit("heuristic").cast(kinds), justification=pl.lit(None, dtype=pl.String())
    )
    from_judges = (
        judged.select(READ_OF_JUDGES)
        .filter(pl.col("juror").is_null())
        .with_columns(metric=pl.col("judge"), kind=pl.lit("judge"))
    )
    rows = from_metrics.select(list(SCORE_ROWS))
    return pl.concat([rows, from_judges.select(list(SCORE_ROWS)).cast(rows.schema)])


def metric_names(scores: pl.DataFrame) -> list[str]:
    """Metrics in the order of their first row, judges last."""
    ordered = scores.select("metric", "kind").unique(maintain_order=True)
    heuristic = ordered.filter(pl.col("kind") == "heuristic")["metric"].to_list()
    return list(dict.fromkeys([*heuristic, *ordered["metric"].to_list()]))


def scores_by_candidate(
    rows: pl.DataFrame, candidates: Sequence[Candidate], facts: MetricFacts, groups: ExampleGroups | None = None
) -> dict[str, ExampleScores]:
    """Gather the rows of one metric for several candidates over the same examples: all that any of them has a row for.

    Args:
        rows: Rows of one metric, of any candidates; those without a target are left out.
        candidates: Whose; one without rows gets no scores.
        facts: Range of the metric.
        groups: As in `scores_by_example`.
    """
    rows = rows.filter(~WITHOUT_TARGET)
    example_ids = rows["example_id"].unique(maintain_order=True).sort()
    clusters = _clusters(example_ids, groups)
    parts = _placed(rows, example_ids).partition_by("model", "prompt", as_dict=True, maintain_order=True)
    none: pl.DataFrame = _placed(rows.clear(), example_ids)
    return {
        candidate: _gathered(parts.get((candidate.model, candidate.prompt), none), example_ids, facts, clusters, groups)
        for candidate in candidates
    }


def scores_by_example(
    rows: pl.DataFrame, example_ids: pl.Series, facts: MetricFacts, groups: ExampleGroups | None = None
) -> ExampleScores:
    """Gather one candidate's rows of one metric into one score per example.

    Args:
        rows: `model`, `prompt`, `example_id` and `score`; several samples or draws of an example are averaged.
        example_ids: Every example of the evaluation, each once; the order of the result. Two candidates gathered with
            equal ids can be compared row by row.
        facts: Range of the metric.
        groups: Where the cluster of an example is found, if the dataset has any, and which examples of the candidate
            share a reply. Clusters that an example is in by one or the other are one; an example in none is its own.
    """
    return _gathered(_placed(rows, example_ids), example_ids, facts, _clusters(example_ids, groups), groups)


def dependent_examples(groups: ExampleGroups) -> pl.DataFrame:
    """Number the clusters of examples that depend on each other for any candidate: by the dataset, or by one reply.

    Returns:
        `example_id` and `cluster`; an example that depends on no other is the only one of its cluster.
    """
    example_ids = groups.examples["example_id"]
    clusters = _clusters(example_ids, groups)
    shared = pl.DataFrame() if groups.shared_replies is None else groups.shared_replies
    for part in shared.partition_by("model", "prompt") if not shared.is_empty() else []:
        clusters = joint_clusters(clusters, _of_shared_replies(part, example_ids, part))
    numbers = np.arange(example_ids.len()) if clusters is None else clusters
    return pl.DataFrame({"example_id": example_ids, "cluster": numbers}, schema=EXAMPLE_CLUSTERS)


def _placed(rows: pl.DataFrame, example_ids: pl.Series) -> pl.DataFrame:
    """Each row's score with the place of its example."""
    places = pl.DataFrame({"example_id": example_ids}).with_row_index("index")
    return rows.select("model", "prompt", "example_id", "score").join(
        places, on="example_id", how="left", maintain_order="left"
    )


def _gathered(
    rows: pl.DataFrame,
    example_ids: pl.Series,
    facts: MetricFacts,
    clusters: NDArray[np.int64] | None,
    groups: ExampleGroups | None,
) -> ExampleScores:
    if groups is not None and groups.shared_replies is not None and not rows.is_empty():
        clusters = joint_clusters(clusters, _of_shared_replies(rows, example_ids, groups.shared_replies))
    return example_scores(
        rows["score"].cast(pl.Float64()).fill_null(np.nan).to_numpy(),
        example_index=rows["index"].cast(pl.Int64()).to_numpy(),
        n_examples=example_ids.len(),
        lower=facts.low,
        upper=facts.high,
        clusters=clusters,
        binary=facts.is_binary,
    )


def _clusters(example_ids: pl.Series, groups: ExampleGroups | None) -> NDArray[np.int64] | None:
    """The number of each example's cluster, where the dataset names any."""
    if groups is None or groups.cluster is None:
        return None
    found = pl.DataFrame({"example_id": example_ids}).join(
        groups.examples, on="example_id", how="left", maintain_order="left"
    )
    own = pl.concat_str(pl.lit("example:"), pl.col("example_id"))
    named = pl.concat_str(pl.lit("cluster:"), pl.col(groups.cluster))
    return repeated(found.select(pl.coalesce(named, own).rank("dense").cast(pl.Int64()))[:, 0].to_numpy())


def _of_shared_replies(rows: pl.DataFrame, example_ids: pl.Series, shared: pl.DataFrame) -> NDArray[np.int64] | None:
    """The number of each example's group, where the candidate of the rows has examples that share a reply."""
    model, prompt = rows.select("model", "prompt").row(0)
    own = shared.filter((pl.col("model") == model) & (pl.col("prompt") == prompt))
    if own.is_empty():
        return None
    found = pl.DataFrame({"example_id": example_ids}).join(own, on="example_id", how="left", maintain_order="left")
    group = found["group"].to_numpy(allow_copy=True).astype(np.float64)
    return np.where(np.isnan(group), -1.0 - np.arange(group.size), group).astype(np.int64)


def _value_at(columns: object, path: str) -> str | None:
    """Value of a column, or of a dotted path into one; null where there is none, or a blank one."""
    if isinstance(columns, dict) and path in columns:
        value = None if is_absent(columns[path]) else columns[path]
        return (
            value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        )
    head, dot, rest = path.partition(".")
    return _value_at(columns[head], rest) if dot and isinstance(columns, dict) and head in columns else None
