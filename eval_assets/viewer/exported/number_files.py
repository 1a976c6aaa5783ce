"""The numbers that a page's script chooses and orders examples by: a file per candidate, and one per metric of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.viewer.exported.script_files import Writer
from eval_assets.viewer.grid_choices import OUTCOMES
from eval_assets.viewer.score_index import ScoreIndex


def write_numbers(
    writer: Writer, place: str, index: ScoreIndex, candidates: Sequence[str], metrics: Sequence[str]
) -> None:
    """Write the numbers of an evaluation, each list of shape (n_examples,).

    Args:
        writer: Of the export.
        place: Folder of the evaluation's files.
        index: Of the evaluation.
        candidates: All of them; files are called by their place in this list, and by that of the metric in its own.
        metrics: Likewise.
    """
    writer.hand_over(place, "ids", {"ids": index.example_ids.to_list()})
    digests = _ranks(index)
    for number, name in enumerate(candidates):
        known = index.candidates.get(name)
        if known is None:
            continue
        outcomes = known.outcomes.cast(pl.String())
        places = {outcome: place for place, outcome in enumerate(OUTCOMES)}
        writer.hand_over(
            place,
            f"numbers-{number}",
            {
                "outcomes": [-1 if outcome is None else places[outcome] for outcome in outcomes],
                "lengths": _numbers(known.lengths),
                "latencies": _numbers(known.latencies),
                "failed": known.n_failed.tolist(),
                "outputs": digests[name],
                "flaky": known.is_flaky.astype(int).tolist(),
            },
        )
        for at, metric in enumerate(metrics):
            writer.hand_over(place, f"scores-{number}-{at}", {"scores": _numbers(index.scores(name, metric))})


def write_slice(writer: Writer, place: str, number: int, values: pl.Series) -> None:
    """Write what examples have in a column that results are broken down by.

    Args:
        writer: Of the export.
        place: Folder of the evaluation's files.
        number: Of the column.
        values: A text per example; null where there is none.
    """
    known = values.drop_nulls().unique(maintain_order=True).to_list()
    codes = {value: code for code, value in enumerate(known)}
    coded = [-1 if value is None else codes[value] for value in values]
    writer.hand_over(place, f"slice-{number}", {"values": known, "codes": coded})


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    """With null for NaN, which JSON lacks."""
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN alone differs


def _ranks(index: ScoreIndex) -> Mapping[str, Any]:
    """Candidate → numbers that are equal where outputs are; the digests themselves are too large for a script."""
    names = list(index.candidates)
    if not names:
        return {}
    every = np.concatenate([index.candidates[name].digests for name in names])
    ranks = np.unique(every, return_inverse=True)[1].reshape(len(names), index.n_examples)
    return {name: row.tolist() for name, row in zip(names, ranks, strict=True)}
