"""The numbers of one cell, one row per example: what the grid sorts and filters by. Texts stay in the tables."""

import polars as pl

from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.column_rows import ColumnRows

SCORE = "score of "
"""Begins the column of each metric, so that none is called as another column is."""

LENGTH = pl.col("output").str.len_chars().cast(pl.Float64())


def cell_numbers(warehouse: Warehouse, column: ColumnRows) -> pl.DataFrame:
    """Read a column of the grid: columns of numbers, and of texts the lengths alone.

    Args:
        warehouse: Where the tables are.
        column: Where its rows lie.

    Returns:
        A row per example with `example_id`, its `position` in the dataset, the `outcome` of its first sample that is
        not ok, the mean `length` of the outputs in characters and of their `latency_seconds`, `n_samples`, `n_failed`
        of them, a `digest` of the first output, a `row` that tells the dataset's row from any other of the same id,
        `is_flaky` where samples score differently, and per metric or judge the mean of its scores over samples: null
        where none has one.
    """
    samples = (
        column.scan(warehouse, "predictions")
        .select(
            "example_id",
            "position",
            "sample_index",
            "outcome",
            "latency_seconds",
            length=LENGTH,
            digest=pl.col("output").hash(),
            row=pl.col("example_sha256").hash(),
        )
        .collect(engine="streaming")
    )
    failed = pl.col("outcome") != "ok"
    rows = samples.sort("sample_index", maintain_order=True).group_by("example_id", maintain_order=True)
    numbers = rows.agg(
        pl.col("position", "digest", "row").first(),
        pl.col("outcome").filter(failed).first().fill_null("ok"),
        pl.col("length", "latency_seconds").mean(),
        n_samples=pl.len(),
        n_failed=failed.sum(),
    )
    scores = _scores(warehouse, column)
    flaky = scores.group_by("example_id").agg(is_flaky=pl.col("differ").any())
    wide = scores.select("example_id", "score", column=pl.lit(SCORE) + pl.col("metric")).pivot(
        "column", index="example_id", values="score"
    )
    joined = numbers.join(flaky, on="example_id", how="left").join(wide, on="example_id", how="left")
    return joined.with_columns(pl.col("is_flaky").fill_null(value=False))


def _scores(warehouse: Warehouse, column: ColumnRows) -> pl.DataFrame:
    """Example, metric, mean over samples and whether they differ."""
    heuristic = column.scan(warehouse, "heuristic_metrics").select("example_id", "metric", "score")
    judged = column.scan(warehouse, "judge_scores").filter(pl.col("juror").is_null())
    both = pl.concat([heuristic, judged.select("example_id", pl.col("judge").alias("metric"), "score")])
    value = pl.col("score")
    grouped = both.group_by("example_id", "metric").agg(value.mean(), differ=value.max() > value.min())
    return grouped.sort("metric").collect(engine="streaming")
