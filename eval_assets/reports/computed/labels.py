"""Metrics that answer with labels: the share of each label, per candidate and against the baseline, with intervals.

A metric that gives labels and no number has no mean; its shares are what it has to say. Which of two labels is better
is nobody's to guess, so differences are described and never called better or worse.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.computed.scores import (
    ExampleGroups,
    MetricFacts,
    metric_names,
    scores_by_candidate,
    scores_by_example,
)
from eval_assets.statistics.comparison.differences import difference_interval
from eval_assets.statistics.descriptive import ExampleScores
from eval_assets.statistics.intervals import Interval, is_binary, mean_interval
from eval_assets.wording.numbers import confidence_text, count_text, points_text, share_text, shares_text

MOST_LABELS = 20  # the most frequent ones; what else was given is counted together
LABELS_IN_WORDS = 3
SHARE = MetricFacts(greater_is_better=None, low=0, high=1, is_binary=True)

Row = dict[str, Any]


def gives_labels_alone(rows: pl.DataFrame) -> bool:
    """Whether score rows of a metric hold labels and not one number."""
    return rows["score"].null_count() == rows.height and rows["label"].null_count() < rows.height


def label_names(rows: pl.DataFrame) -> list[str | None]:
    """The labels of score rows, the most frequent first; null stands for all beyond the first 20.

    >>> label_names(pl.DataFrame({"label": ["calm", None, "loud", "loud"]}))
    ['loud', 'calm']
    """
    counts = rows.select(pl.col("label").drop_nulls()).group_by("label").len()
    names: list[str | None] = counts.sort(["len", "label"], descending=[True, False])["label"].to_list()
    return names if len(names) <= MOST_LABELS else [*names[:MOST_LABELS], None]


def label_shares(rows: pl.DataFrame, groups: ExampleGroups | None, *, confidence: float) -> list[Row]:
    """The share of each label among the labelled rows of one candidate.

    Args:
        rows: Score rows of one metric and candidate. Several samples of an example are averaged first.
        groups: Clusters of the dataset, if it has any.
        confidence: Coverage of the intervals, each by itself.

    Returns:
        `label` (null: all labels not named), `n` (rows), `share`, `ci_low`, `ci_high`, `ci_method`; empty where no row
        has a label. The interval is Wilson's, or robust to clusters.
    """
    if rows["label"].null_count() == rows.height:
        return []
    wanted = label_names(rows)
    ids = rows["example_id"].unique(maintain_order=True)
    found = []
    for name in wanted:
        marked = _marked(rows, name, wanted)
        scores = scores_by_example(marked, ids, SHARE, groups)
        found.append({"label": name, "n": int(marked["score"].sum()), **_share(scores, confidence)})
    return found


def with_labels(
    comparison: pl.DataFrame, scores: pl.DataFrame, evaluation: Evaluation, groups: ExampleGroups | None = None
) -> pl.DataFrame:
    """Add to a comparison what labels say: each candidate's share of every label any candidate got, and by how much
    it differs from the other candidate's.

    Args:
        comparison: Rows of `COMPARISON`.
        scores: Score rows of all cells.
        evaluation: Its candidates and confidence.
        groups: Clusters of the dataset, if it has any.

    Returns:
        The rows with `labels`; where a metric gives labels alone, its sentence says how their shares differ.
    """
    described: dict[str, tuple[bool, dict[str | None, dict[str, ExampleScores]], pl.DataFrame]] = {}
    for metric in metric_names(scores):
        rows = scores.filter(pl.col("metric") == metric)
        if rows["label"].null_count() < rows.height:
            names = label_names(rows)
            gathered = {
                name: scores_by_candidate(_marked(rows, name, names), evaluation.candidates, SHARE, groups)
                for name in names
            }
            described[metric] = gives_labels_alone(rows), gathered, rows
    found = []
    for row in comparison.iter_rows(named=True):
        alone, gathered, rows = described.get(row["metric"], (False, {}, scores))
        shares = _compared(row, gathered, evaluation.file.confidence)
        said: Row = {"labels": json.dumps(shares)} if shares else {}
        if alone:
            said |= {"greater_is_better": None, "verdict": None}
            if row["compared_with"] is not None:
                said["sentence"] = _in_words(shares, evaluation.file.confidence)
        found.append({**row, **said})
    return pl.DataFrame(found, schema=comparison.schema)


def _marked(rows: pl.DataFrame, name: str | None, names: Sequence[str | None]) -> pl.DataFrame:
    """Rows scored 1 where they have the label, 0 where they have another, null where they have none."""
    label = pl.col("label")
    has = label == name if name is not None else ~label.is_in([other for other in names if other is not None])
    return rows.with_columns(score=has.cast(pl.Float64))


def _share(scores: ExampleScores, confidence: float) -> Row:
    known = ~np.isnan(scores.scores)
    if not known.any():
        return {"share": None, "ci_low": None, "ci_high": None, "ci_method": "none: no labels"}
    interval = mean_interval(
        scores.scored,
        confidence=confidence,
        clusters=None if scores.clusters is None else scores.clusters[known],
        lower=0,
        upper=1,
        binary=True,
    )
    return {"share": float(scores.scored.mean()), **_ends(interval, "ci")}


def _compared(
    row: Mapping[str, Any], gathered: Mapping[str | None, Mapping[str, ExampleScores]], confidence: float
) -> list[Row]:
    candidate, other = Candidate.of_row(row), row["compared_with"]
    return [
        {
            "label": name,
            **_share(of_candidate[candidate], confidence),
            **({} if other is None else _difference(of_candidate[candidate], of_candidate[other], confidence)),
        }
        for name, of_candidate in gathered.items()
    ]


def _difference(scores: ExampleScores, other: ExampleScores, confidence: float) -> Row:
    """By how much the share differs on the examples that both have a label for."""
    paired = ~(np.isnan(scores.scores) | np.isnan(other.scores))
    own, others = scores.scores[paired], other.scores[paired]
    if not paired.any():
        return {"compared_share": None, "difference": None, **_ends(None, "difference")}
    interval = difference_interval(
        own - others,
        confidence=confidence,
        binary=is_binary(np.concatenate([own, others]), 0, 1),
        clusters=None if scores.clusters is None else scores.clusters[paired],
        lower=0,
        upper=1,
    )
    return {
        "compared_share": float(others.mean()),
        "difference": float((own - others).mean()),
        **_ends(interval, "difference"),
    }


def _ends(interval: Interval | None, name: str) -> Row:
    low, high = (None, None) if interval is None or interval.ends is None else interval.ends
    prefix = "ci" if name == "ci" else f"{name}_ci"
    method = "none: nothing in common" if interval is None else interval.method
    return {f"{prefix}_low": low, f"{prefix}_high": high, f"{name}_method": method}


def _in_words(shares: Sequence[Row], confidence: float) -> str:
    """How the shares of the labels that differ most differ, without a verdict."""
    known = [row for row in shares if row["difference"] is not None]
    if not known:
        return "nothing to compare: no example has a label from both candidates"
    said = sorted(known, key=lambda row: -abs(row["difference"]))[:LABELS_IN_WORDS]
    more = len(known) - len(said)
    others = f"{count_text(more, 'more label')} {'differs' if more == 1 else 'differ'} by no more"
    parts = [f"{label_text(row['label'])} {points_text(row['difference'])}{_interval(row, confidence)}" for row in said]
    return "; ".join([*parts, *([others] if more else [])])


def _interval(row: Row, confidence: float) -> str:
    against = f"{share_text(row['share'])} against {share_text(row['compared_share'])}"
    if row["difference_ci_low"] is None:
        return f" ({against})"
    low, high = points_text(row["difference_ci_low"], unit=""), points_text(row["difference_ci_high"], unit="")
    return f" ({against}; {confidence_text(confidence)} interval {low} to {high})"


def label_text(label: str | None) -> str:
    """A label for reading; null stands for all others."""
    return "(all other labels)" if label is None else label


def shares_in_words(labels: str) -> str:
    """The column `labels` of `aggregate_reports` for reading.

    >>> shares_in_words('[{"label": "calm", "share": 0.75, "ci_low": 0.5, "ci_high": 0.9}]')
    'calm 75 % [50 %, 90 %]'
    """
    return ", ".join(
        f"{label_text(row['label'])} {share_text(row['share'])} {shares_text(row['ci_low'], row['ci_high'])}"
        for row in json.loads(labels)
    )
