"""How far two raters agree, on all outputs and by slice: a judge with people, and a judge with another one.

More raters at once are in `human_agreement`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from eval_assets.calibration.labelled import LabelledVerdicts, examples_of
from eval_assets.calibration.statistic import Statistic, of_agreement
from eval_assets.config.scales import Scale
from eval_assets.statistics.intervals import no_interval
from eval_assets.statistics.judging.agreement import cohen_kappa, raw_agreement, spearman_correlation

DRAWS = 500
"""Resamples of a slice or of a pair of judges, of which there may be hundreds."""

FEWEST_EXAMPLES = 20
"""With fewer examples a slice gets no number: its interval would reach from one end to the other, or mean nothing."""

OF_SLICES = ("raw_agreement", "cohen_kappa_quadratic", "spearman")
BETWEEN_JUDGES, ON_A_SLICE = "judges_", "slice_"
"""Begin names of statistics of two judges, and on a slice: whoever asks for `raw_agreement` means people and all."""


def measured_by(statistic: str) -> str:
    """The measure in the name of a statistic, whoever the raters are and on whatever outputs.

    >>> measured_by("judges_slice_spearman"), measured_by("raw_agreement")
    ('spearman', 'raw_agreement')
    """
    return statistic.removeprefix(BETWEEN_JUDGES).removeprefix(ON_A_SLICE)


def agreement_by_slice(
    verdicts: LabelledVerdicts, scale: Scale, slices: pl.DataFrame, *, confidence: float, seed: int
) -> Iterator[Statistic]:
    """Measure a judge against people on each slice of the labelled outputs.

    Args:
        verdicts: Of one judge; nothing is measured without labels.
        scale: Its scale.
        slices: `example_id` and the columns that split the dataset, as text.
        confidence: Coverage of the intervals.
        seed: Of the bootstrap.
    """
    rows = verdicts.labelled.select(
        "example_id",
        *(["cluster"] if "cluster" in verdicts.outputs.columns else []),
        first="human_verdict",
        second="verdict",
        first_score="human",
        second_score="score",
    )
    yield from _by_slice(rows, scale.grades, slices, confidence=confidence, seed=seed)


def agreement_between_judges(
    first: LabelledVerdicts,
    second: LabelledVerdicts,
    scales: tuple[Scale, Scale],
    slices: pl.DataFrame,
    *,
    other: str,
    confidence: float,
    seed: int,
) -> Iterator[Statistic]:
    """Measure two judges against each other on the outputs that both gave a score, overall and on each slice.

    Judges of different scales can agree on the order alone.

    Args:
        first: Verdicts of one judge.
        second: Verdicts of the other.
        scales: Theirs.
        slices: As in `agreement_by_slice`.
        other: Name of the second judge.
        confidence: Coverage of the intervals.
        seed: Of the bootstrap.
    """
    theirs = second.outputs.select("prediction_id", second="verdict", second_score="score")
    rows = first.outputs.join(theirs, on="prediction_id", maintain_order="left").with_columns(
        first="verdict", first_score="score"
    )
    if rows.is_empty():
        return
    grades = scales[0].grades if scales[0].grades == scales[1].grades else None
    measured = [
        *_agreement(rows, grades, confidence=confidence, seed=seed),
        *_by_slice(rows, grades, slices, confidence=confidence, seed=seed),
    ]
    for statistic in measured:
        name = f"{BETWEEN_JUDGES}{statistic.name}"
        yield replace(statistic, name=name, other_judge=other, needs_people=False)


def _by_slice(
    rows: pl.DataFrame, grades: Mapping[float, str] | None, slices: pl.DataFrame, *, confidence: float, seed: int
) -> Iterator[Statistic]:
    for column in slices.columns:
        if column == "example_id" or rows.is_empty():
            continue
        values = slices.select("example_id", slice_value=pl.col(column))
        placed = rows.join(values, on="example_id", maintain_order="left")
        for (value,), part in sorted(placed.group_by("slice_value", maintain_order=True), key=lambda item: item[0]):
            for statistic in _agreement(part, grades, confidence=confidence, seed=seed, fewest=FEWEST_EXAMPLES):
                yield replace(statistic, name=f"{ON_A_SLICE}{statistic.name}", slice=(column, str(value)))


def _agreement(
    rows: pl.DataFrame, grades: Mapping[float, str] | None, *, confidence: float, seed: int, fewest: int = 0
) -> Iterator[Statistic]:
    """The share of same scores and agreement beyond chance; of scores that are no grades their order alone.

    Args:
        rows: `first` and `second`, verdicts on the scale; `first_score` and `second_score`; `example_id`, `cluster`.
        grades: Of both raters.
        confidence: Coverage of the intervals.
        seed: Of the bootstrap.
        fewest: With fewer examples there is no value, and the method says so.
    """
    first, second = rows["first"].to_numpy(), rows["second"].to_numpy()
    known = None if grades is None else np.array(list(grades))
    is_graded = known is not None and np.isin(np.concatenate([first, second]), known).all()
    raw, kappa, rank = OF_SLICES
    names = (raw, kappa) if is_graded else (rank,)
    n_examples = rows["example_id"].n_unique()
    if n_examples < fewest:
        why = f"too few: {n_examples} of the {fewest} examples that it takes"
        for name in names:
            yield Statistic(name, None, no_interval(why, confidence), rows.height, why)
        return
    clusters = examples_of(rows)
    if is_graded:
        yield of_agreement(raw, raw_agreement(first, second, confidence=confidence, clusters=clusters))
        weighted = cohen_kappa(
            first, second, confidence=confidence, n_resamples=DRAWS, seed=seed, weights="quadratic", labels=known,
            clusters=clusters,
        )  # fmt: skip
        yield of_agreement(kappa, weighted)
    else:
        scores = rows.select("first_score", "second_score").cast(pl.Float64).to_numpy()
        order = spearman_correlation(
            scores[:, 0], scores[:, 1], confidence=confidence, n_resamples=DRAWS, seed=seed, clusters=clusters
        )
        yield of_agreement(rank, order)
