"""Rows of `heuristic_metrics`, put together from what was known, what was skipped and what was computed."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.metrics.scoring.computing import Computed
from eval_assets.metrics.scoring.known_scores import KEPT, KnownScores
from eval_assets.metrics.scoring.score_sources import ScoreSources
from eval_assets.tables.cell_tables import HEURISTIC_METRICS

IDENTITY = ("prediction_id", "example_id", "position", "sample_index")
"""Columns a score has from its prediction."""


def scores_frame(
    batch: pl.DataFrame,
    sources: Sequence[ScoreSources],
    computed: Computed,
    known: KnownScores,
    cell: Mapping[str, str],
    run_id: str,
) -> pl.DataFrame:
    """Put known, skipped and computed scores together: all metrics of the first prediction, then of the second."""
    parts = [_metric_columns(batch, source, computed, known, run_id) for source in sources]
    if not parts:
        return pl.DataFrame(schema=HEURISTIC_METRICS)
    by_prediction = np.arange(batch.height * len(parts)).reshape(len(parts), -1).T.ravel()
    stacked = pl.concat(parts)[by_prediction]
    return stacked.with_columns(**{name: pl.lit(value) for name, value in cell.items()}).select(
        pl.col(name).cast(kind) for name, kind in HEURISTIC_METRICS.items()
    )


def _metric_columns(
    batch: pl.DataFrame, source: ScoreSources, computed: Computed, known: KnownScores, run_id: str
) -> pl.DataFrame:
    metric, n_rows = source.metric, batch.height
    columns = dict[str, pl.Series | pl.Expr](
        score_id=pl.Series(source.ids, dtype=pl.String),
        metric=pl.lit(metric.label),
        version=pl.lit(metric.version),
        parameters_sha256=pl.lit(metric.parameters_sha256),
    )
    if source.to_compute.size == n_rows:
        columns |= computed[metric.label].columns()
        columns |= {"signature": pl.lit(metric.signature), "run_id": pl.lit(run_id)}
        return batch.select(IDENTITY).with_columns(**columns)
    reused = np.flatnonzero(source.known >= 0)
    if not source.to_compute.size and not reused.size and len(set(source.skips)) == 1:
        columns |= {"score": pl.lit(None, dtype=pl.Float64), "label": pl.lit(None, dtype=pl.String)}
        columns |= {"outcome": pl.lit("skipped"), "reason": pl.lit(source.skips[0])}
        columns |= {"signature": pl.lit(metric.signature), "run_id": pl.lit(run_id)}
        return batch.select(IDENTITY).with_columns(**columns)
    new = pl.DataFrame(
        {
            "score": pl.Series([None] * n_rows, dtype=pl.Float64),
            "label": pl.Series([None] * n_rows, dtype=pl.String),
            "outcome": pl.repeat("skipped", n_rows, eager=True),
            "reason": pl.Series(source.skips, dtype=pl.String),
            "signature": pl.repeat(metric.signature, n_rows, eager=True),
            "run_id": pl.repeat(run_id, n_rows, eager=True),
        }
    )
    if source.to_compute.size:
        values = pl.DataFrame(computed[metric.label].columns(eager=True))
        new = _scattered(new, source.to_compute, values)
    if reused.size:
        kept = known.kept[source.known[reused]].with_columns(pl.exclude("score").cast(pl.String))
        new = _scattered(new, reused, kept)
    return batch.select(IDENTITY).with_columns(**columns, **{name: new[name] for name in KEPT})


def _scattered(frame: pl.DataFrame, rows: NDArray[np.int64], values: pl.DataFrame) -> pl.DataFrame:
    """Replace the named rows of those columns that `values` has."""
    source = np.arange(frame.height)
    source[rows] = frame.height + np.arange(rows.size)
    return frame.with_columns(pl.concat([frame[name], values[name]])[source] for name in values.columns)
