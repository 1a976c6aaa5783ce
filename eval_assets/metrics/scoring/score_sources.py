"""Where each score of a batch comes from: an earlier run, nowhere since it can't be had, or the computing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.metrics.availability import UNAVAILABLE, unavailable
from eval_assets.metrics.definition import LARGEST, ResolvedMetric
from eval_assets.metrics.scoring.known_scores import KnownScores, reading_of, row_keys, score_ids
from eval_assets.metrics.targets import NO_TARGETS, Targets, acceptable, target_value

NO_TEXT = "expected targets as texts or numbers, got an object or a list in a list; {metric} compares texts"
"""Why a row is skipped whose targets have no text that an output should be."""

CALLED = "prediction tool_call"
"""What fails a row that calls tools nobody gave it, for metrics that don't read the calls."""


@dataclass(frozen=True)
class ScoreSources:
    """What happens to each row of a batch for one metric.

    Args:
        metric: The metric.
        ids: Score ids.
        known: Row of the earlier score in `KnownScores.kept`, -1 where none can be reused.
        skips: Why a row can't be scored, null where it can.
        to_compute: Rows whose score has to be computed.
    """

    metric: ResolvedMetric
    ids: list[str]
    known: NDArray[np.int64]
    skips: list[str | None]
    to_compute: NDArray[np.int64]

    @property
    def is_new(self) -> NDArray[np.bool_]:
        """Rows without an earlier score to reuse."""
        return self.known < 0

    def known_scores(self, known: KnownScores) -> list[float | None]:
        """List the score of each row where it is reused, null elsewhere."""
        scores: list[float | None] = [None] * len(self.ids)
        rows = np.flatnonzero(~self.is_new)
        for row, score in zip(rows.tolist(), known.kept["score"].gather(self.known[rows]).to_list(), strict=True):
            scores[row] = score
        return scores


def score_sources(
    frame: pl.DataFrame, metrics: Sequence[ResolvedMetric], known: KnownScores, remedies: Mapping[str, str | None]
) -> list[ScoreSources]:
    """Decide for each metric and row whether to reuse, skip or compute.

    An earlier score is reused if its id is the same and it was computed and still can be, was skipped for a reason that
    still holds, or for one that the metric itself found in the same content. Errors are computed again.

    Args:
        frame: Rows of `predictions`.
        metrics: In dependency order.
        known: Scores of an earlier run.
        remedies: Label → what `unavailable` says.
    """
    keys = row_keys(frame)
    failures = _failures(frame)
    absences = {
        name: frame[name].is_null().to_numpy() for name in {need for m in metrics for need in m.definition.needs}
    }
    targets = _targets(frame)
    readings = list(map(reading_of, targets))
    accepted = list(map(acceptable, targets))
    ids = dict[str, list[str]]()
    sources = []
    for metric in metrics:
        ids[metric.label] = score_ids(metric, frame, keys, ids, readings)
        skips = _skips(metric, failures, absences, accepted, remedies[metric.label])
        found = _reusable(known, known.find(ids[metric.label]), skips)
        skipped = np.fromiter((reason is not None for reason in skips), np.bool_, len(skips))
        sources.append(ScoreSources(metric, ids[metric.label], found, skips, np.flatnonzero((found < 0) & ~skipped)))
    return sources


def rows_with_new_scores(sources: Sequence[ScoreSources], n_rows: int) -> int:
    """Count the rows of a batch where at least one score is not reused."""
    return int(np.logical_or.reduce([source.is_new for source in sources], axis=0).sum()) if sources and n_rows else 0


def remedies_of(metrics: Sequence[ResolvedMetric]) -> dict[str, str | None]:
    """Say for each metric, by label, what it lacks on this machine."""
    return {metric.label: unavailable(metric) for metric in metrics}


def _failures(frame: pl.DataFrame) -> list[str | None]:
    if (frame["outcome"] == "ok").all():
        return [None] * frame.height
    return [
        None if outcome == "ok" else f"prediction {outcome}: {kind}" if kind else f"prediction {outcome}"
        for outcome, kind in zip(frame["outcome"].to_list(), frame["error_kind"].to_list(), strict=True)
    ]


def _skips(
    metric: ResolvedMetric,
    failures: list[str | None],
    absences: Mapping[str, NDArray[np.bool_]],
    accepted: Sequence[Targets],
    remedy: str | None,
) -> list[str | None]:
    if metric.definition.reads:
        failures = [None if failure == CALLED else failure for failure in failures]
    skips = [failure or remedy for failure in failures]
    for name in metric.definition.needs:
        for row in np.flatnonzero(absences[name]).tolist():
            if failures[row] is None:
                skips[row] = f"no {name}"
    if "targets" in metric.definition.needs and not metric.definition.takes_any_targets:
        for row, targets in enumerate(accepted):
            if not targets.texts and not targets.values:
                skips[row] = skips[row] or NO_TARGETS
            elif targets.values and not metric.definition.takes_values:
                skips[row] = skips[row] or NO_TEXT.format(metric=metric.definition.name)
    return skips


def _targets(frame: pl.DataFrame) -> list[Any]:
    """The targets of each row as the dataset has them; empty texts where no metric reads them."""
    if "targets" not in frame.columns:
        return [""] * frame.height
    examples = frame["example"].to_list() if "example" in frame.columns else [None] * frame.height
    return list(map(target_value, frame["targets"].to_list(), examples))


def _reusable(known: KnownScores, found: NDArray[np.int64], skips: Sequence[str | None]) -> NDArray[np.int64]:
    at = np.flatnonzero(found >= 0)
    if not at.size:
        return found
    scores = known.kept["score"].gather(found[at]).to_list()
    outcomes = known.kept["outcome"].gather(found[at]).to_list()
    reasons = known.kept["reason"].gather(found[at]).to_list()
    kept = found.copy()
    for row, score, outcome, reason in zip(at.tolist(), scores, outcomes, reasons, strict=True):
        skip = skips[row]
        still_skipped = outcome == "skipped" and (
            reason == skip if skip is not None else not (reason or "").startswith(UNAVAILABLE)
        )
        cant_be_had = skip is not None and not skip.startswith(UNAVAILABLE)
        is_too_large = score is not None and not abs(score) <= LARGEST
        if (cant_be_had or is_too_large or outcome != "ok") and not still_skipped:
            kept[row] = -1
    return kept
