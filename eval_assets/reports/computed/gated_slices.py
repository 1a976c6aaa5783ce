"""Gates on what is no mean of all examples: the worst slice, cost and latency. Who is asked is in `gating`."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation, Gate
from eval_assets.reports.computed.scores import NO_VALUE, ExampleGroups, MetricFacts, scores_by_candidate
from eval_assets.reports.performance import Performance
from eval_assets.statistics.comparison.decisions import GateDecision, GateResult, GateTerms
from eval_assets.statistics.comparison.gates import minimum_gate
from eval_assets.wording.numbers import count_text, money_text, plain_number, seconds_text

WORST_FIRST = (GateDecision.NO_GO, GateDecision.INCONCLUSIVE, GateDecision.GO)
COST, LATENCY = "cost", "latency"
"""What stands in the column `metric` of a gate that asks about neither scores nor verdicts."""

Row = dict[str, Any]


def of_slices(
    candidate: Candidate,
    gate: Gate,
    rows: pl.DataFrame,
    facts: MetricFacts,
    evaluation: Evaluation,
    groups: ExampleGroups | None,
) -> Iterator[Row]:
    """The worst slice of each column that splits the dataset, against `worst_slice_min`.

    Each slice has an interval of its own, at a confidence raised for the number of slices of its column, so that a
    candidate that is good enough everywhere is refused as rarely as by a gate on one mean.

    Args:
        candidate: Who is asked.
        gate: What is asked; nothing comes of a gate without `worst_slice_min`.
        rows: Score rows of the gate's metric.
        facts: Of the metric.
        evaluation: Its confidence.
        groups: Columns that split the dataset.
    """
    if gate.worst_slice_min is None or groups is None:
        return
    for column in groups.slices:
        found = _by_slice(candidate, gate, rows, facts, evaluation, groups, column)
        worst = min(found, key=lambda each: (WORST_FIRST.index(each[1].verdict), each[1].value or 0.0), default=None)
        condition = f"worst {column} at least {plain_number(gate.worst_slice_min)}"
        if worst is None:
            reason = f"no example has a score, so no {column} is the worst"
            yield {"metric": gate.metric, "condition": condition, **undecided(reason, gate.worst_slice_min)}
            continue
        value, result = worst
        reason = f"{value}, the worst of {count_text(len(found), 'slice')}: {result.reason}"
        yield {"metric": gate.metric, **decided(condition, result), "reason": reason}


def of_performance(gate: Gate, measured: Performance | None) -> Iterator[Row]:
    """Cost and latency against what a gate allows: as measured, without an interval, since they are what was paid.

    Args:
        gate: What is asked.
        measured: Of the candidate; null where its cell was never computed.
    """
    if gate.max_cost_usd_per_1000 is not None:
        cost = None if measured is None else measured.cost_usd_per_1000
        condition = f"1,000 answers cost at most {money_text(gate.max_cost_usd_per_1000)}"
        said = f"1,000 answers cost {money_text(cost)}"
        unknown = "what answers cost isn't known: no price is declared, or nothing was answered"
        yield {"metric": COST, "condition": condition, **_at_most(cost, gate.max_cost_usd_per_1000, said, unknown)}
    if gate.max_latency_p90_seconds is not None:
        latency = None if measured is None else measured.latency_p90_seconds
        condition = f"90 % of replies within {seconds_text(gate.max_latency_p90_seconds)}"
        said = f"90 % came within {seconds_text(latency)}"
        unknown = "how long replies took wasn't measured"
        yield {
            "metric": LATENCY,
            "condition": condition,
            **_at_most(latency, gate.max_latency_p90_seconds, said, unknown),
        }


def decided(condition: str, result: GateResult) -> Row:
    """What is stored of how a condition was decided."""
    return {
        "condition": condition,
        "verdict": result.verdict.value,
        "reason": result.reason,
        "observed": result.value,
        "threshold": result.threshold,
        "ci_low": result.interval.low,
        "ci_high": result.interval.high,
        "n_scored": result.n_scored,
        "failed_share": result.failed_share,
        "observed_if_failed_worst": result.value_if_unscored_worst,
        "observed_if_failed_best": result.value_if_unscored_best,
    }


def undecided(reason: str, threshold: float) -> Row:
    """The answer where there is nothing to decide on."""
    return {"verdict": GateDecision.INCONCLUSIVE.value, "reason": reason, "threshold": threshold}


def _by_slice(
    candidate: Candidate,
    gate: Gate,
    rows: pl.DataFrame,
    facts: MetricFacts,
    evaluation: Evaluation,
    groups: ExampleGroups,
    column: str,
) -> list[tuple[str, GateResult]]:
    """Each value of a column with its answer."""
    values = groups.examples.select("example_id", pl.col(column).fill_null(NO_VALUE).alias("value"))
    mine = rows.filter((pl.col("model") == candidate.model) & (pl.col("prompt") == candidate.prompt))
    parts = mine.join(values, on="example_id", how="left", maintain_order="left").partition_by("value", as_dict=True)
    confidence = 1 - (1 - evaluation.file.confidence) / max(1, len(parts))
    terms = GateTerms(confidence=confidence, max_failed_share=gate.max_failed_share, min_scored=gate.min_scored)
    found = []
    for (value,), part in sorted(parts.items(), key=lambda item: str(item[0])):
        scores = scores_by_candidate(part, [candidate], facts, replace(groups, slices=()))[candidate]
        found.append((str(value), minimum_gate(scores, gate.worst_slice_min or 0.0, terms)))
    return found


def _at_most(value: float | None, threshold: float, said: str, unknown: str) -> Row:
    if value is None:
        return undecided(unknown, threshold)
    verdict = GateDecision.GO if value <= threshold else GateDecision.NO_GO
    return {"verdict": verdict.value, "reason": said, "observed": value, "threshold": threshold}
