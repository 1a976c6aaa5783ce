"""How far a judge prefers the outputs that people prefer, of two that both saw side by side."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from eval_assets.calibration.biases import OUTCOME_OF_A
from eval_assets.calibration.labelled import examples_of
from eval_assets.calibration.statistic import Statistic, of_agreement
from eval_assets.statistics.judging.agreement import cohen_kappa, confusion_matrix, raw_agreement
from eval_assets.statistics.judging.preferences import TIE
from eval_assets.tables.columns import CANDIDATE

DRAWS = 2_000
OUTCOMES = np.array([0.0, TIE, 1.0])


def agreement_on_pairs(
    preferences: pl.DataFrame, predictions: pl.DataFrame, labels: pl.DataFrame, *, confidence: float, seed: int
) -> Iterator[Statistic]:
    """Measure a judge's preferences against people's: where several compared a pair, against what more of them prefer.

    Args:
        preferences: Rows of `pairwise_preferences` of one judge, with `cluster` where examples depend on each other.
        predictions: `model`, `prompt`, `example_id`, `sample_index` and `output` of the present outputs.
        labels: Rows of `given_labels` of pairs, those that count for the judge; outputs that are no longer given match
            nothing.
        confidence: Coverage of the intervals.
        seed: Of the bootstrap.

    Yields:
        `pairs_raw_agreement` and `pairs_cohen_kappa`, with the counts behind them; none where people compared no pair.
    """
    rows = pl.DataFrame() if labels.is_empty() else _both(preferences, predictions, labels)
    if rows.is_empty():
        return
    people, judged = rows["people"].to_numpy(), rows["judged"].to_numpy()
    matrix = confusion_matrix(people, judged, labels=OUTCOMES).counts.tolist()
    detail = {"labels": ["b", "tie", "a"], "counts": matrix, "rows": "people", "columns": "judge"}
    clusters = examples_of(rows)
    agreement = raw_agreement(people, judged, confidence=confidence, clusters=clusters)
    kappa = cohen_kappa(
        people,
        judged,
        labels=OUTCOMES,
        confidence=confidence,
        n_resamples=DRAWS,
        seed=seed,
        clusters=clusters,
    )
    for name, found in (("pairs_raw_agreement", agreement), ("pairs_cohen_kappa", kappa)):
        yield of_agreement(name, found, detail)


def _both(preferences: pl.DataFrame, predictions: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """A row per pair that the judge and people compared: `people` and `judged`, as `OUTCOMES`."""
    texts = predictions.select("example_id", "sample_index", "output", candidate=CANDIDATE)
    judged = preferences.filter(pl.col("preferred").is_not_null()).with_row_index("pair")
    for side in ("a", "b"):
        named = texts.rename({"candidate": f"candidate_{side}", "output": f"output_{side}"})
        judged = judged.join(
            named, on=["example_id", "sample_index", f"candidate_{side}"], how="left", maintain_order="left"
        )
    said = labels.select(
        "example_id",
        "rater",
        candidate_a=CANDIDATE,
        candidate_b=pl.concat_str("other_model", pl.lit("@"), "other_prompt"),
        output_a="output",
        output_b="other_output",
        people=pl.col("label").replace_strict(OUTCOME_OF_A, return_dtype=pl.Float64),
    )
    turned = said.with_columns(
        candidate_a="candidate_b", candidate_b="candidate_a", output_a="output_b", output_b="output_a",
        people=1 - pl.col("people"),
    )  # fmt: skip
    people = (
        judged.join(pl.concat([said, turned]), on=["example_id", "candidate_a", "candidate_b", "output_a", "output_b"])
        .group_by("pair")
        .agg(people=pl.col("people").mean().sub(TIE).sign().add(1).truediv(2))
    )
    return judged.join(people, on="pair", maintain_order="left").with_columns(
        judged=pl.col("preferred").replace_strict(OUTCOME_OF_A, return_dtype=pl.Float64)
    )
