"""What sways a judge, told mostly without people: length, kinship, position, and verdicts that hardly vary."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.calibration.labelled import LabelledVerdicts, examples_of
from eval_assets.calibration.statistic import Statistic, unmeasured
from eval_assets.statistics.intervals import mean_interval
from eval_assets.statistics.judging.judge_bias import (
    Bias,
    length_bias,
    position_flip_rate,
    position_preference,
    self_preference,
)
from eval_assets.statistics.judging.preferences import TIE

CHARACTERS = 100  # the unit of length
OUTCOME_OF_A = {"a": 1.0, "tie": TIE, "b": 0.0}


def biases_of_length(verdicts: LabelledVerdicts, *, confidence: float) -> Iterator[Statistic]:
    """How many score units 100 characters more are worth to the judge, and worth beyond what people give for them."""
    outputs = verdicts.outputs.drop_nulls("output").with_columns(length=pl.col("output").str.len_chars() / CHARACTERS)
    bias = length_bias(
        outputs["score"].to_numpy(),
        outputs["length"].to_numpy(),
        clusters=examples_of(outputs),
        confidence=confidence,
    )
    yield _of(bias, "length_bias", needs_people=False)
    labelled = outputs.drop_nulls("human")
    if labelled.is_empty():
        yield unmeasured("length_bias_beyond_people", confidence)
        return
    excess = labelled.select(pl.col("score") - pl.col("human"))["score"].to_numpy()
    beyond = length_bias(excess, labelled["length"].to_numpy(), clusters=examples_of(labelled), confidence=confidence)
    yield _of(beyond, "length_bias_beyond_people")


def preference_for_kin(
    verdicts: LabelledVerdicts, kin: Collection[str], family: str, *, confidence: float
) -> Iterator[Statistic]:
    """How much higher the judge scores candidates of its own family than the others, example by example.

    Args:
        verdicts: Of one judge.
        kin: Models of the judge's family; nothing is measured unless some candidates are kin and some are not.
        family: Its name.
        confidence: Coverage of the interval.
    """
    named = verdicts.outputs.with_columns(is_kin=pl.col("model").is_in(list(kin)))
    if named["is_kin"].n_unique() <= 1:
        return
    detail = {"family": family, "models": sorted(kin)}
    own, others = _both(named, ["score"])
    bias = self_preference(own[:, 0], others[:, 0], confidence=confidence)
    yield _of(bias, "self_preference", needs_people=False, detail=detail)
    own, others = _both(named.drop_nulls("human"), ["score", "human"])
    if not len(own):
        yield unmeasured("self_preference_beyond_people", confidence, why="no example has labels of both families")
        return
    beyond = self_preference(
        own[:, 0], others[:, 0], human_own=own[:, 1], human_others=others[:, 1], confidence=confidence
    )
    yield _of(beyond, "self_preference_beyond_people", detail=detail)


def biases_of_position(preferences: pl.DataFrame, *, confidence: float) -> Iterator[Statistic]:
    """How often the order in which two outputs are shown decides, and which place it favours.

    Args:
        preferences: Rows of `pairwise_preferences` of the judge; nothing is measured without any.
        confidence: Coverage of the intervals.
    """
    judged = preferences.filter(pl.col("is_flipped").is_not_null())
    if judged.is_empty():
        return
    first, second = (
        judged[column].replace_strict(OUTCOME_OF_A, return_dtype=pl.Float64).to_numpy()
        for column in ("preferred_in_order", "preferred_in_reverse")
    )
    examples = examples_of(judged)
    flips = position_flip_rate(first, second, clusters=examples, confidence=confidence)
    yield _of(flips, "position_flip_rate", needs_people=False)
    preferred = position_preference(first, second, clusters=examples, confidence=confidence)
    yield _of(preferred, "first_place_preference", needs_people=False)


def sameness(verdicts: LabelledVerdicts, justifications: Sequence[str], *, confidence: float) -> Iterator[Statistic]:
    """How far the judge says the same whatever it is shown: one score for most outputs, reasons out of its own file.

    Args:
        verdicts: Of one judge.
        justifications: Of the worked examples in its file; without any, copying isn't measured.
        confidence: Coverage of the intervals.
    """
    outputs = verdicts.outputs
    if outputs.is_empty():
        return
    counted = outputs["verdict"].value_counts(sort=True)
    score = counted.sort("count", "verdict", descending=[True, False])["verdict"][0]
    same = outputs["verdict"] == score
    yield _share("most_frequent_score_share", same, examples_of(outputs), confidence, {"score": score})
    given = outputs.drop_nulls("justification")
    examples = {_plain(reason) for reason in justifications} - {""}
    if examples and not given.is_empty():
        copied = pl.Series([_plain(reason) in examples for reason in given["justification"]])
        detail = {"examples": len(examples)}
        yield _share("copied_justification_share", copied, examples_of(given), confidence, detail)


def _both(outputs: pl.DataFrame, columns: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means of the columns over kin and over the others, on the examples both have, one row an example."""
    own, others = (
        outputs.filter(pl.col("is_kin") == is_kin)
        .group_by("example_id", maintain_order=True)
        .agg(pl.col(columns).mean())
        for is_kin in (True, False)
    )
    paired = own.join(others, on="example_id", suffix="_of_others").sort("example_id")
    return paired.select(columns).to_numpy(), paired.select(f"{column}_of_others" for column in columns).to_numpy()


def _share(
    name: str, counted: pl.Series, examples: NDArray[Any] | None, confidence: float, detail: Mapping[str, object]
) -> Statistic:
    values = counted.cast(pl.Float64).to_numpy()
    interval = mean_interval(values, clusters=examples, binary=True, confidence=confidence)
    method = f"share; {interval.method}"
    return Statistic(name, float(values.mean()), interval, values.size, method, needs_people=False, detail=detail)


def _plain(text: str) -> str:
    """Words alone: a copy with another full stop is a copy."""
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text.casefold()).split())


def _of(bias: Bias, name: str, *, needs_people: bool = True, detail: Mapping[str, object] | None = None) -> Statistic:
    unit = f" ({CHARACTERS} characters)" if name.startswith("length_bias") else ""
    return Statistic(
        name,
        bias.value,
        bias.interval,
        bias.n,
        f"{bias.measure}{unit}; {bias.interval.method}",
        needs_people=needs_people,
        detail=detail or {},
    )
