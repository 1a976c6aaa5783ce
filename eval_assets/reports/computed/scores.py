"""Score rows of a cell, heuristic and judged alike, and their way into one score per example.

What is computed from them is in `aggregates` and `comparing`; how a score came about is not of interest here.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from eval_assets.statistics.descriptive import ExampleScores, example_scores
from eval_assets.storage.columns import CELL
from eval_assets.storage.schemas import HEURISTIC_METRICS, JUDGE_SCORES

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

NO_VALUE = "(none)"


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What must be known of a metric or judge to report its scores.

    Args:
        greater_is_better: Direction; null for a metric that only describes (a length), which is never won or lost.
        low: Lowest possible score, if there is one.
        high: Highest possible score, if there is one.
        is_binary: Whether every score is 0 or 1, so that means are shares.
        aggregates: Names of aggregates asked for beside those every report has, such as `ratio`.
    """

    greater_is_better: bool | None = True
    low: float | None = None
    high: float | None = None
    is_binary: bool = False
    aggregates: tuple[str, ...] = ()

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
    """

    examples: pl.DataFrame
    cluster: str | None = None
    slices: tuple[str, ...] = ()


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
        heuristic: Rows of `heuristic_metrics`.
        judged: Rows of `judge_scores`; a jury member's own verdict is left out, the jury's is kept.

    Returns:
        Columns of `SCORE_ROWS`; a judge's name stands under `metric`, `kind` tells them apart.
    """
    from_metrics = heuristic.select(list(HEURISTIC_METRICS)).with_columns(
        kind=pl.lit("heuristic"), justification=pl.lit(None, dtype=pl.String())
    )
    from_judges = (
        judged.select(list(JUDGE_SCORES))
        .filter(pl.col("juror").is_null())
        .with_columns(metric=pl.col("judge"), kind=pl.lit("judge"))
    )
    return pl.concat([frame.select(list(SCORE_ROWS)) for frame in (from_metrics, from_judges)])


def metric_names(scores: pl.DataFrame) -> list[str]:
    """Metrics in the order of their first row, judges last."""
    ordered = scores.select("metric", "kind").unique(maintain_order=True)
    heuristic = ordered.filter(pl.col("kind") == "heuristic")["metric"].to_list()
    return list(dict.fromkeys([*heuristic, *ordered["metric"].to_list()]))


def candidate_name() -> pl.Expr:
    """`model@prompt` of a row."""
    return pl.concat_str(pl.col("model"), pl.lit("@"), pl.col("prompt"))


def scores_by_candidate(
    rows: pl.DataFrame, candidates: Sequence[str], facts: MetricFacts, groups: ExampleGroups | None = None
) -> dict[str, ExampleScores]:
    """Gather the rows of one metric for several candidates over the same examples: all that any of them has a row for.

    Args:
        rows: Rows of one metric, of any candidates.
        candidates: `model@prompt`; one without rows gets no scores.
        facts: Range of the metric.
        groups: As in `scores_by_example`.
    """
    example_ids = rows["example_id"].unique(maintain_order=True).sort()
    named = rows.with_columns(candidate=candidate_name())
    return {
        candidate: scores_by_example(named.filter(pl.col("candidate") == candidate), example_ids, facts, groups)
        for candidate in candidates
    }


def scores_by_example(
    rows: pl.DataFrame, example_ids: pl.Series, facts: MetricFacts, groups: ExampleGroups | None = None
) -> ExampleScores:
    """Gather one candidate's rows of one metric into one score per example.

    Args:
        rows: `example_id` and `score`; several samples or draws of an example are averaged.
        example_ids: Every example of the evaluation, each once; the order of the result. Two candidates gathered with
            equal ids can be compared row by row.
        facts: Range of the metric.
        groups: Where the cluster of an example is found, if the dataset has any. An example without a cluster is its
            own.
    """
    index = rows.join(
        pl.DataFrame({"example_id": example_ids}).with_row_index("index"),
        on="example_id",
        how="left",
        maintain_order="left",
    )["index"]
    clusters = None
    if groups is not None and groups.cluster is not None:
        found = pl.DataFrame({"example_id": example_ids}).join(
            groups.examples, on="example_id", how="left", maintain_order="left"
        )
        own = pl.concat_str(pl.lit("example:"), pl.col("example_id"))
        named = pl.concat_str(pl.lit("cluster:"), pl.col(groups.cluster))
        clusters = found.select(pl.coalesce(named, own))[:, 0].to_numpy()
    return example_scores(
        rows["score"].cast(pl.Float64()).fill_null(np.nan).to_numpy(),
        example_index=index.cast(pl.Int64()).to_numpy(),
        n_examples=example_ids.len(),
        lower=facts.low,
        upper=facts.high,
        clusters=clusters,
        binary=facts.is_binary,
    )


def _value_at(columns: object, path: str) -> str | None:
    """Value of a column, or of a dotted path into one; null where there is none."""
    if isinstance(columns, dict) and path in columns:
        value = columns[path]
        return (
            value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        )
    head, dot, rest = path.partition(".")
    return _value_at(columns[head], rest) if dot and isinstance(columns, dict) and head in columns else None
