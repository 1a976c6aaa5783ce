"""Scores of a table of predictions, batch by batch: what is known is kept, the rest is computed.

Batches may be computed elsewhere, as shards. The scores are the same for any batch size, wherever they are computed.
"""

import itertools
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field

import polars as pl

from eval_assets.metrics.definition import ResolvedMetric
from eval_assets.metrics.scoring.computing import Computed, OpenScores, compute
from eval_assets.metrics.scoring.known_scores import KnownScores, columns_read
from eval_assets.metrics.scoring.score_frames import IDENTITY, scores_frame
from eval_assets.metrics.scoring.score_sources import ScoreSources, remedies_of, rows_with_new_scores, score_sources
from eval_assets.metrics.scoring.shard_executor import Shards
from eval_assets.tables.cell_tables import METRIC_COLUMNS

BATCH_ROWS = 4096

_BLOCK_ROWS = 16384  # of a table, read at a time

_ALWAYS_READ = (*IDENTITY, "output", "outcome", "error_kind", "example_sha256")


@dataclass
class ScoringReport:
    """What a scoring run did, up to the batch it has reached.

    Args:
        n_rows: Predictions seen.
        n_rescored: Predictions with at least one score that was not reused.
        n_reused: Scores that were reused.
        outcomes: Metric label → outcome → number of its scores, reused ones included.
    """

    n_rows: int = 0
    n_rescored: int = 0
    n_reused: int = 0
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)


@dataclass
class Scoring(Iterator[pl.DataFrame]):
    """Frames of `heuristic_metrics`, one a batch, in the order of the predictions; `report` grows with them."""

    frames: Iterator[pl.DataFrame]
    report: ScoringReport

    def __next__(self) -> pl.DataFrame:
        return next(self.frames)


def score_predictions(
    predictions: Iterable[pl.DataFrame] | pl.LazyFrame,
    metrics: Sequence[ResolvedMetric],
    *,
    previous: pl.LazyFrame | None,
    cell: Mapping[str, str],
    run_id: str,
    shards: Shards | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Scoring:
    """Score predictions with every metric, reusing scores of equal content.

    Args:
        predictions: Rows of `predictions` of one cell.
        metrics: What `resolve_metrics` returned.
        previous: Rows of `heuristic_metrics` of an earlier run, None when there are none.
        cell: `evaluation`, `model` and `prompt`.
        run_id: Kept with every score that is not reused.
        shards: Where batches are computed; null for this process.
        batch_rows: Most predictions of a batch; two for each that is computed are in memory at a time.

    Returns:
        An iterator of frames with the columns of `heuristic_metrics`, a row for each prediction and metric.
    """
    report = ScoringReport(outcomes={metric.label: Counter() for metric in metrics})
    frames = _scored(predictions, metrics, KnownScores.read(previous, cell), cell, run_id, shards, batch_rows, report)
    return Scoring(frames, report)


def rows_to_rescore(
    predictions: Iterable[pl.DataFrame] | pl.LazyFrame,
    metrics: Sequence[ResolvedMetric],
    previous: pl.LazyFrame | None,
    cell: Mapping[str, str] | None = None,
) -> int:
    """Count the predictions for which `score_predictions` would write at least one new score."""
    known, remedies = KnownScores.read(previous, cell or {}), remedies_of(metrics)
    batches = _batches(predictions, metrics, BATCH_ROWS)
    if not known.high.size:
        return sum(batch.height for batch in batches) if metrics else 0
    return sum(rows_with_new_scores(score_sources(batch, metrics, known, remedies), batch.height) for batch in batches)


def _scored(
    predictions: Iterable[pl.DataFrame] | pl.LazyFrame,
    metrics: Sequence[ResolvedMetric],
    known: KnownScores,
    cell: Mapping[str, str],
    run_id: str,
    shards: Shards | None,
    batch_rows: int,
    report: ScoringReport,
) -> Iterator[pl.DataFrame]:
    remedies = remedies_of(metrics)
    pending = deque[tuple[pl.DataFrame, list[ScoreSources], "Future[Computed] | Computed"]]()

    def finished() -> pl.DataFrame:
        batch, sources, result = pending.popleft()
        computed = result.result() if isinstance(result, Future) else result
        report.n_rows += batch.height
        report.n_rescored += rows_with_new_scores(sources, batch.height)
        report.n_reused += sum(int((~source.is_new).sum()) for source in sources)
        frame = scores_frame(batch, sources, computed, known, cell, run_id)
        for label, outcome, count in frame.group_by("metric", "outcome").len().iter_rows():
            report.outcomes[label][outcome] += count
        return frame

    with shards or nullcontext() as pool:
        for batch in _batches(predictions, metrics, batch_rows):
            sources = score_sources(batch, metrics, known, remedies)
            wanted = _open_scores(batch, sources, known)
            pending.append((batch, sources, pool.submit(wanted) if pool and wanted.parts else compute(wanted)))
            if len(pending) > (2 * pool.n_at_once if pool else 0):
                yield finished()
        while pending:
            yield finished()


def _batches(
    predictions: Iterable[pl.DataFrame] | pl.LazyFrame, metrics: Sequence[ResolvedMetric], batch_rows: int
) -> Iterator[pl.DataFrame]:
    """Read the columns that are needed, at most `batch_rows` at a time."""
    read = {name for metric in metrics for name in columns_read(metric)}
    names = [name for name in METRIC_COLUMNS if name in {*_ALWAYS_READ, *read} or (name == "example" and read)]
    names.append("extra")  # whose columns any metric may read by their names
    frames = (
        _blocks(predictions.select(names), max(batch_rows, _BLOCK_ROWS))
        if isinstance(predictions, pl.LazyFrame)
        else iter(predictions)
    )
    for frame in frames:
        yield from (piece for piece in frame.select(names).iter_slices(batch_rows) if piece.height)


def _blocks(predictions: pl.LazyFrame, n_rows: int) -> Iterator[pl.DataFrame]:
    """Read a table a block at a time; `collect_batches` reads far ahead of whoever takes its batches."""
    for offset in itertools.count(0, n_rows):
        block = predictions.slice(offset, n_rows).collect()
        yield block
        if block.height < n_rows:
            return


def _open_scores(batch: pl.DataFrame, sources: Sequence[ScoreSources], known: KnownScores) -> OpenScores:
    """Gather what a process needs to compute the open scores of a batch."""
    needed = {label for source in sources if source.to_compute.size for label in source.metric.depends_on.values()}
    scores = {source.metric.label: source.known_scores(known) for source in sources if source.metric.label in needed}
    return OpenScores(
        batch, [(source.metric, source.to_compute) for source in sources if source.to_compute.size], scores
    )
