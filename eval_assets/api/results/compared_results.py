"""Two results compared: example by example, with the same arithmetic and words as candidates of one evaluation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.reports.computed.scores import MetricFacts, example_groups
from eval_assets.reports.computed.shared_replies import shared_replies
from eval_assets.reports.computed.two_states import BEFORE, NOW, compared_states, under_name
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.flips import Flip, flips

SHOWN = (
    "candidate", "compared_with", "metric", "n_pairs", "n_unpaired", "difference", "difference_ci_low",
    "difference_ci_high", "p_value_adjusted", "verdict", "sentence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResultComparison:
    """A result held against another.

    Args:
        df: A row per candidate and metric: the difference, its interval, verdict and sentence.
        flips: Candidate → examples that changed most by the first metric, worst first.
    """

    df: pl.DataFrame
    flips: Mapping[str, tuple[Flip, ...]] = field(repr=False)

    def __repr__(self) -> str:
        """A sentence per candidate and metric."""
        return "\n".join(f"{row['candidate']} {row['metric']}: {row['sentence']}" for row in self.df.to_dicts())


def compared_results(
    now: EvaluationReport,
    labels: Mapping[str, str],
    before: EvaluationReport,
    former_labels: Mapping[str, str],
    *,
    facts: Mapping[str, MetricFacts],
    cluster: str | None = None,
    metric: str | None = None,
) -> ResultComparison:
    """Compare candidates of the same label, or the only two there are.

    Args:
        now: The newer result.
        labels: `model@prompt` → what its candidates are called.
        before: The other one.
        former_labels: Likewise.
        facts: Metric or judge name → its direction and range.
        cluster: Column whose equal values mark examples that depend on each other.
        metric: The one by which examples that changed are listed; default the one that is looked at first.

    Raises:
        ConfigError: There is no such pair, or they have no metric or example in common.
    """
    shared = [name for name in now.metrics if name in before.metrics]
    if not shared:
        raise ConfigError(
            f"compare: expected a metric that both results have, got {', '.join(now.metrics)} here and "
            f"{', '.join(before.metrics)} there; `rescore` one of them"
        )
    if metric is not None and metric not in shared:
        raise ConfigError(f"compare: both results have {', '.join(shared)}, got {metric!r}; {nearest(metric, shared)}")
    headline = now.headline if now.headline in shared else None
    first = metric or headline or shared[0]
    rows, changed = [], {}
    for label, name, former in _pairs(labels, former_labels):
        scores = pl.concat([_as(NOW, now.scores, name), _as(BEFORE, before.scores, former)])
        scores = scores.filter(pl.col("metric").is_in(shared))
        _refuse_strangers(scores, label)
        predictions = pl.concat([_as(NOW, now.predictions, name), _as(BEFORE, before.predictions, former)])
        groups = example_groups(predictions.filter(pl.col("model") == NOW.model), cluster=cluster, slices=[])
        groups = replace(groups, shared_replies=shared_replies(predictions.lazy()))
        found = compared_states(now.evaluation, scores, {name: facts[name] for name in shared}, groups)
        rows += [{**row, "candidate": label, "compared_with": former_labels[former]} for row in found.to_dicts()]
        changed[label] = flips(
            scores,
            predictions,
            metric=first,
            candidate=NOW,
            baseline=BEFORE,
            greater_is_better=now.facts(first)["greater_is_better"] is not False,
        )
    return ResultComparison(pl.DataFrame(rows, infer_schema_length=None).select(SHOWN), changed)


def _pairs(labels: Mapping[str, str], former: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Label, name here and name there of the candidates to compare."""
    by_label = {label: name for name, label in former.items()}
    common = [(label, name, by_label[label]) for name, label in labels.items() if label in by_label]
    if not common and len(labels) == len(former) == 1:
        (name, label), (former_name,) = *labels.items(), former
        common = [(label, name, former_name)]
    if not common:
        raise ConfigError(
            f"compare: expected a candidate that both results have, got {', '.join(labels.values())} here and "
            f"{', '.join(former.values())} there"
        )
    yield from common


def _as(name: Candidate, rows: pl.DataFrame, candidate: str) -> pl.DataFrame:
    """The rows of a candidate under another name."""
    mine = rows.filter(
        (pl.col("model") == Candidate(candidate).model) & (pl.col("prompt") == Candidate(candidate).prompt)
    )
    return under_name(name, mine)


def _refuse_strangers(scores: pl.DataFrame, label: str) -> None:
    counts = scores.group_by("example_id").agg(pl.col("model").n_unique())
    if counts.filter(pl.col("model") > 1).is_empty():
        raise ConfigError(
            f"compare: the two results of {label!r} have no example in common: they are matched by `example_id`, else "
            "by the number of the row"
        )
