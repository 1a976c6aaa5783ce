"""A judge's mean of each candidate, corrected by the labels people gave some of its outputs."""

from collections.abc import Iterator

import polars as pl

from eval_assets.calibration.labelled import LabelledVerdicts
from eval_assets.calibration.statistic import Statistic
from eval_assets.config.candidate import Candidate
from eval_assets.config.scales import Scale
from eval_assets.statistics.intervals import is_binary
from eval_assets.statistics.judging.correction import CorrectedMean, prediction_powered_mean, rogan_gladen_rate


def corrected_means(verdicts: LabelledVerdicts, scale: Scale, *, confidence: float) -> Iterator[Statistic]:
    """Estimate for each candidate what people would have given on average; nothing where nobody labelled anything.

    Pass/fail verdicts are corrected after Rogan and Gladen, all others by prediction-powered inference. The labels have
    to be of a random part of the examples. Several samples of an example are averaged first.

    Args:
        verdicts: Of one judge.
        scale: Of the judge.
        confidence: Coverage of the intervals.

    Yields:
        One statistic `corrected_mean` per candidate, whose method says why where labels are too few.
    """
    if verdicts.labelled.is_empty():
        return
    for (model, prompt), outputs in verdicts.outputs.group_by("model", "prompt", maintain_order=True):
        examples = outputs.group_by("example_id", maintain_order=True).agg(
            pl.col("score").mean(),
            judged=pl.col("score").filter(pl.col("human").is_not_null()).mean(),
            human=pl.col("human").mean(),
        )
        corrected = _corrected(examples, scale, confidence)
        yield Statistic(
            "corrected_mean",
            corrected.value,
            corrected.interval,
            corrected.n_labelled,
            corrected.method,
            candidate=Candidate.of(model, prompt),
            detail={
                "judge_mean": corrected.judge_mean,
                "n_unlabelled": corrected.n_unlabelled,
                "learned": corrected.detail,
            },
        )


def _corrected(examples: pl.DataFrame, scale: Scale, confidence: float) -> CorrectedMean:
    labelled = examples.drop_nulls("human")
    judged, human = labelled["judged"].to_numpy(), labelled["human"].to_numpy()
    unlabelled = examples.filter(pl.col("human").is_null())["score"].to_numpy()
    passes = scale.is_pass_rate and all(is_binary(scores) for scores in (judged, human, unlabelled))
    if passes and unlabelled.size:
        return rogan_gladen_rate(judged, human, unlabelled, confidence=confidence)
    return prediction_powered_mean(judged, human, unlabelled, confidence=confidence)
