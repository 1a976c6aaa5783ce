"""What a partition is checked for: its rows, and what the rows of other tables say they should be."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from eval_assets.config.evaluation import Evaluation
from eval_assets.errors import ConfigError, MetricError
from eval_assets.metrics.definition import ResolvedMetric
from eval_assets.metrics.targets import names_none
from eval_assets.quality.expectations import (
    Expectation,
    coverage_expectations,
    dataset_expectations,
    prediction_expectations,
    score_expectations,
)
from eval_assets.quality.validation import Finding, added, validate
from eval_assets.stages.cell_inputs import evaluation_of, read_cell_inputs, stored_examples, versioned_rows
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell, parse_cell
from eval_assets.stages.metric_facts import stored_facts
from eval_assets.storage.batches import batches_by_position
from eval_assets.storage.versions import current_version

BATCH_POSITIONS = 50_000


@dataclass(frozen=True, slots=True)
class Inspection:
    """A partition after it was checked.

    Args:
        findings: Rule → what became of its expectations.
        n_rows: Rows of the partition.
        facts: What else is worth showing, by name.
    """

    findings: Mapping[str, Sequence[Finding]]
    n_rows: int
    facts: Mapping[str, Any] = field(default_factory=dict)


def inspect(engine_room: EngineRoom, table: str, key: str) -> Inspection:
    """Check one partition of a table by all its rules.

    Args:
        engine_room: Where the rows lie.
        table: A table that has `RULES`.
        key: The partition key: a dataset, or a cell.

    Raises:
        StorageError: The partition was never written.
        DataQualityError: An expectation can't be evaluated.
    """
    if table == "eval_datasets":
        return _inspect_dataset(engine_room, key)
    cell = parse_cell(key)
    _, rows = versioned_rows(engine_room.warehouse, table, cell.partition)
    if table == "predictions":
        return _inspect_predictions(engine_room, cell, rows)
    return _inspect_scores(engine_room, table, cell)


def _inspect_dataset(engine_room: EngineRoom, name: str) -> Inspection:
    _, stored = versioned_rows(engine_room.warehouse, "eval_datasets", {"dataset": name})
    readers = _readers_of_targets(engine_room, name)
    needs: dict[str, bool] = {}
    for evaluation, takes_empty_list in readers:
        with suppress(ConfigError):  # a slice that selects nothing fails with the cells of that evaluation
            for example_id in _chosen_ids(stored, evaluation):
                needs[example_id] = needs.get(example_id, False) or not takes_empty_list
    rows = stored.sort("position").collect()
    targets = [
        None if needs.get(example_id) and names_none(text, example) else text
        for example_id, text, example in rows.select("example_id", "targets", "example").iter_rows()
    ]
    frame = rows.select(
        "example_id",
        "inputs",
        pl.Series("targets", targets, dtype=pl.String),
        needs_targets=pl.col("example_id").is_in(list(needs)),
    )
    facts = {"evaluations_that_need_targets": sorted(evaluation.name for evaluation, _ in readers)}
    return Inspection(validate(frame, dataset_expectations()), rows.height, facts)


def _readers_of_targets(engine_room: EngineRoom, dataset: str) -> list[tuple[Evaluation, bool]]:
    """Evaluations on a dataset that can't do without targets, and whether an empty list of them is enough."""
    readers = []
    for loaded in engine_room.project.evaluations.values():
        evaluation = loaded.item
        if evaluation.file.dataset != dataset:
            continue
        metrics: list[ResolvedMetric] = []
        with suppress(MetricError):  # a bad choice of metrics fails with the evaluation itself
            metrics = [metric for metric in engine_room.versions.metrics(evaluation) if _reads_targets(metric)]
        is_judged = _judged_by_targets(engine_room, evaluation)
        if metrics or is_judged:
            takes_empty_list = not is_judged and all(metric.definition.takes_any_targets for metric in metrics)
            readers.append((evaluation, takes_empty_list))
    return readers


def _reads_targets(metric: ResolvedMetric) -> bool:
    optional = metric.function.optional if metric.function else frozenset()
    return "targets" in metric.definition.needs and "targets" not in optional


def _judged_by_targets(engine_room: EngineRoom, evaluation: Evaluation) -> bool:
    judges = (engine_room.project.judges.get(name) for name in evaluation.file.judges)
    return any("targets" in judge.item.file.columns for judge in judges if judge is not None)


def _inspect_predictions(engine_room: EngineRoom, cell: Cell, predictions: pl.LazyFrame) -> Inspection:
    inputs = read_cell_inputs(engine_room.warehouse, cell)
    limits, evaluation = inputs.model.model.file.limits, inputs.evaluation
    expected = prediction_expectations(
        max_latency_seconds=limits.timeout_seconds * (1 + limits.max_retries), max_cost_usd=evaluation.file.max_cost_usd
    )
    chosen = _chosen_ids(inputs.rows, evaluation)
    coverage = _coverage(chosen, predictions, n_samples=evaluation.file.samples)
    rows = predictions.select(
        "position", "example_id", "outcome", "latency_seconds", "cost_usd", is_ok=pl.col("outcome") == "ok"
    )
    findings = {**validate(coverage, coverage_expectations()), **_by_batches(rows, expected)}
    n_rows = int(coverage["n_predictions"].sum())
    return Inspection(findings, n_rows, {"n_examples": len(chosen), "n_samples": evaluation.file.samples})


def _chosen_ids(rows: pl.LazyFrame, evaluation: Evaluation) -> list[str]:
    """Ids of the examples that an evaluation uses; only a slice by their columns takes reading those."""
    if evaluation.file.slice.narrows:
        return [example.example_id for example in stored_examples(rows, evaluation)]
    ordered = rows.select("example_id", "position").sort("position").slice(0, evaluation.file.slice.first)
    return ordered.collect()["example_id"].to_list()


def _coverage(chosen: Sequence[str], predictions: pl.LazyFrame, *, n_samples: int) -> pl.DataFrame:
    """How many predictions each example has and should have, examples that weren't chosen included."""
    wanted = pl.DataFrame({"example_id": chosen}, schema={"example_id": pl.String}).with_columns(n_wanted=n_samples)
    found = (
        predictions.group_by("example_id")
        .agg(n_predictions=pl.len(), n_samples=pl.col("sample_index").n_unique())
        .collect()
    )
    return wanted.join(found, on="example_id", how="full", coalesce=True, maintain_order="left_right").with_columns(
        pl.col("n_wanted", "n_predictions", "n_samples").fill_null(0).cast(pl.Int64)
    )


def _inspect_scores(engine_room: EngineRoom, table: str, cell: Cell) -> Inspection:
    column = "metric" if table == "heuristic_metrics" else "judge"
    rows = engine_room.warehouse.scan(table, cell.partition).select(
        "position", "example_id", "score", metric=column, is_ok=pl.col("outcome") == "ok"
    )
    counts = rows.group_by("metric").len().sort("metric").collect()
    evaluation = evaluation_of(current_version(engine_room.warehouse, "evaluations", cell.evaluation))
    facts = stored_facts(engine_room.versions, engine_room.warehouse, evaluation)
    findings = _by_batches(rows, score_expectations(facts, counts["metric"]))
    return Inspection(findings, int(counts["len"].sum()), {f"n_{column}s": counts.height})


def _by_batches(rows: pl.LazyFrame, expected: Mapping[str, Sequence[Expectation]]) -> dict[str, list[Finding]]:
    """Findings over all rows, of which a bounded number is in memory at a time."""

    def batches() -> Iterator[pl.DataFrame]:
        yield rows.head(0).collect()
        yield from batches_by_position(rows, batch_rows=BATCH_POSITIONS)

    return _sum_of(validate(batch, expected) for batch in batches())


def _sum_of(findings: Iterable[dict[str, list[Finding]]]) -> dict[str, list[Finding]]:
    total: dict[str, list[Finding]] = {}
    for found in findings:
        total = {rule: [*map(added, total[rule], found[rule])] if rule in total else found[rule] for rule in found}
    return total
