"""The stage that describes a cell's scores. The arithmetic is in `reports` and `statistics`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.computed.aggregates import aggregate_cell
from eval_assets.reports.computed.scores import (
    READ_OF_JUDGES,
    READ_OF_METRICS,
    WORDS,
    ExampleGroups,
    MetricFacts,
    example_groups,
    score_rows,
)
from eval_assets.reports.computed.shared_replies import shared_replies
from eval_assets.stages.cell_inputs import versioned_rows
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.graph import Cell, parse_cell
from eval_assets.stages.metric_facts import stored_facts
from eval_assets.stages.stage import Computation
from eval_assets.storage.versions import StoredVersion, current_version
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import Written, provenance
from eval_assets.tables.columns import CELL

CODE_VERSION = "4"


def compute_aggregate_reports(run: Computation) -> Written:
    """Describe the scores of a cell."""
    evaluation, stored = run.evaluation()
    facts = stored_facts(run.room.versions, run.room.warehouse, evaluation)
    return write_aggregates(
        parse_cell(run.key), evaluation, facts, warehouse=run.room.warehouse, run_id=run.run_id, stored=stored
    )


def write_aggregates(
    cell: Cell,
    evaluation: Evaluation,
    facts: Mapping[str, MetricFacts],
    *,
    warehouse: Warehouse,
    run_id: str,
    stored: StoredVersion | None = None,
) -> Written:
    """Describe the scores of a cell, overall and per slice, and replace its report.

    Args:
        cell: The cell, whose scores lie in the warehouse.
        evaluation: Its evaluation, as stored.
        facts: Direction and range of every metric and judge; scores of others are left from earlier and don't count.
        warehouse: Where scores and reports lie.
        run_id: The run that writes.
        stored: The version of the evaluation that was given; null: the current one.
    """
    stored = stored or current_version(warehouse, "evaluations", cell.evaluation)
    read = {table: versioned_rows(warehouse, table, cell.partition) for table in ("heuristic_metrics", "judge_scores")}
    versions = {f"{table}/{cell.key}": version for table, (version, _) in read.items()}
    aggregates = aggregate_cell(
        scores_of(read["heuristic_metrics"][1], read["judge_scores"][1], list(facts)),
        metric_facts=facts,
        groups=groups_of(warehouse, cell.partition, cluster=stored.content["cluster"], slices=stored.content["slices"]),
        confidence=evaluation.file.confidence,
        seed=evaluation.file.seed,
        cell=cell.partition,
        run_id=run_id,
    )
    # Comparisons read the rows below these aggregates, so other rows are another version.
    data_version = content_sha256([aggregates.drop("run_id").to_dicts(), versions])
    commit = warehouse.replace(
        "aggregate_reports",
        aggregates,
        cell.partition,
        provenance(
            run_id=run_id,
            data_version=data_version,
            code_version=CODE_VERSION,
            inputs={**versions, f"evaluations/{cell.evaluation}": stored.content_sha256},
        ),
    )
    overall = aggregates.filter(pl.col("slice_column").is_null())
    means = {f"{row['metric']}_mean": row["mean"] for row in overall.iter_rows(named=True)}
    shares = {
        f"{row['metric']}_share_{share['label']}": share["share"]
        for row in overall.iter_rows(named=True)
        for share in json.loads(row["labels"] or "[]")
        if share["label"] is not None
    }
    return Written(data_version, commit, aggregates.height, {**means, **shares})


def scores_of(heuristic: pl.LazyFrame, judged: pl.LazyFrame, metrics: Sequence[str]) -> pl.DataFrame:
    """Score rows of a cell or a whole evaluation, heuristic and judged, in one order whatever order they lie in.

    Args:
        heuristic: Rows of `heuristic_metrics`.
        judged: Rows of `judge_scores`.
        metrics: Metrics and judges that count, in the order in which they are reported.
    """
    reported = pl.Enum(metrics)
    frames = (
        rows.with_columns(pl.col(WORDS).cast(pl.Categorical()), pl.col(column).cast(reported, strict=False))
        .filter(pl.col(column).is_not_null())
        .sort(*CELL, "position", "sample_index", column, *ties)
        .select(read)
        .collect()
        for rows, column, ties, read in (
            (heuristic, "metric", [], READ_OF_METRICS),
            (judged, "judge", ["draw", "score_id"], READ_OF_JUDGES),
        )
    )
    return score_rows(*frames)


def groups_of(
    warehouse: Warehouse, partition: Mapping[str, str], *, cluster: str | None, slices: list[str]
) -> ExampleGroups:
    """Clusters and slices of the examples that were predicted, and which of them share a reply."""
    predictions = warehouse.scan("predictions", partition)
    order = ("position", "sample_index", "model", "prompt")
    # Examples are most of a table, and read only where something in them is asked for.
    columns = pl.col("example") if cluster or slices else pl.lit(None, dtype=pl.String).alias("example")
    examples = predictions.with_columns(columns).select(*order, "example_id", "example").sort(order).collect()
    groups = example_groups(examples, cluster=cluster, slices=slices)
    return replace(groups, shared_replies=shared_replies(predictions))
