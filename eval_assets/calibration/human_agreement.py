"""How far a judge agrees with people, people with each other, and jurors with each other. Biases are in `biases`."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from eval_assets.calibration.labelled import LabelledVerdicts, examples_of
from eval_assets.calibration.statistic import NO_LABELS, Statistic, of_agreement, unmeasured
from eval_assets.config.scales import Scale
from eval_assets.statistics.intervals import no_interval
from eval_assets.statistics.judging.agreement import (
    cohen_kappa,
    confusion_matrix,
    raw_agreement,
    spearman_correlation,
)
from eval_assets.statistics.judging.alpha import AlphaLevel, krippendorff_alpha

AGREEMENT_DRAWS = 2_000
BINARY = 2
OF_GRADES = ("raw_agreement", "cohen_kappa", "cohen_kappa_quadratic", "confusion_matrix")
OF_ALL = ("spearman", "krippendorff_alpha_with_judge", "krippendorff_alpha_raters")


def agreement_with_people(
    verdicts: LabelledVerdicts, scale: Scale, *, confidence: float, seed: int
) -> Iterator[Statistic]:
    """Measure a judge against people; where several rated an output, against their lower median.

    Kappa and the confusion matrix need grades, so a judge that scores by any number has none. Intervals resample whole
    examples: outputs of several candidates or samples on one example are alike, and often share one label.

    Args:
        verdicts: From `labelled_verdicts`.
        scale: Of the judge.
        confidence: Coverage of the intervals, strictly between 0 and 1.
        seed: Of the bootstrap.

    Yields:
        Every statistic of `OF_GRADES` and `OF_ALL`; without a value, and saying why, where there are no labels.
    """
    grades = scale.grades
    rows = verdicts.labelled
    if rows.is_empty():
        why = NO_LABELS
        if verdicts.n_outdated or verdicts.n_off_scale:
            why = (
                f"{NO_LABELS} of these outputs; {verdicts.n_outdated} labels are of other outputs, "
                f"{verdicts.n_off_scale} not on the judge's scale"
            )
        yield from (unmeasured(name, confidence, why=why) for name in (*OF_GRADES, *OF_ALL))
        return
    detail = {"outdated_labels": verdicts.n_outdated, "labels_off_scale": verdicts.n_off_scale}
    detail |= {"chosen_labels": verdicts.n_chosen} if verdicts.n_chosen else {}
    examples = examples_of(rows)
    detail["examples"] = rows["example_id"].n_unique()
    draws: dict[str, Any] = {
        "confidence": confidence,
        "n_resamples": AGREEMENT_DRAWS,
        "seed": seed,
        "clusters": examples,
    }
    people, judged = rows["human_verdict"].to_numpy(), rows["verdict"].to_numpy()
    if grades is None or not np.isin(np.concatenate([people, judged]), list(grades)).all():
        yield from (unmeasured(name, confidence, why="the scores lie between grades") for name in OF_GRADES)
    else:
        known = np.array(list(grades))
        yield of_agreement(
            "raw_agreement", raw_agreement(people, judged, confidence=confidence, clusters=examples), detail
        )
        yield of_agreement("cohen_kappa", cohen_kappa(people, judged, labels=known, **draws), detail)
        weighted = cohen_kappa(people, judged, labels=known, weights="quadratic", **draws)
        yield of_agreement("cohen_kappa_quadratic", weighted, detail)
        counts = confusion_matrix(people, judged, labels=known).counts
        matrix = {"labels": list(grades.values()), "counts": counts.tolist(), "rows": "people", "columns": "judge"}
        yield Statistic(
            "confusion_matrix", None, no_interval("a table has none", confidence), rows.height, "counts", detail=matrix
        )
    scores = rows.select("human", "score").to_numpy()
    yield of_agreement("spearman", spearman_correlation(scores[:, 0], scores[:, 1], **draws), detail)
    level = alpha_level(grades)
    alpha = krippendorff_alpha(verdicts.matrix(with_judge=True), level=level, **draws)
    yield of_agreement("krippendorff_alpha_with_judge", alpha, detail)
    if len(verdicts.raters) == 1:
        yield unmeasured("krippendorff_alpha_raters", confidence, why="one rater: nobody to agree with")
    else:
        among_people = krippendorff_alpha(verdicts.matrix(with_judge=False), level=level, **draws)
        yield of_agreement("krippendorff_alpha_raters", among_people, detail)


def agreement_of_jurors(verdicts: pl.DataFrame, scale: Scale, *, confidence: float, seed: int) -> Iterator[Statistic]:
    """Measure how far the members of a jury agree with each other; nothing for a judge without jurors.

    Args:
        verdicts: Rows of `judge_scores` of one judge.
        scale: Of the jurors.
        confidence: Coverage of the interval.
        seed: Of the bootstrap.
    """
    given = verdicts.filter(pl.col("juror").is_not_null())
    if given.is_empty():
        return
    about = [name for name in ("prediction_id", "example_id", "cluster", "draw") if name in given.columns]
    wide = given.sort("juror").pivot("juror", index=about, values="score", aggregate_function="first")
    ratings = wide.drop(about).cast(pl.Float64).fill_null(np.nan).to_numpy().T
    alpha = krippendorff_alpha(
        ratings,
        level=alpha_level(scale.grades),
        confidence=confidence,
        n_resamples=AGREEMENT_DRAWS,
        seed=seed,
        clusters=examples_of(wide),
    )
    jurors = {"jurors": sorted(given["juror"].unique())}
    yield Statistic(
        "krippendorff_alpha_jurors",
        alpha.value,
        alpha.interval,
        alpha.n,
        alpha.measure,
        needs_people=False,
        detail=jurors,
    )


def alpha_level(grades: Mapping[float, str] | None) -> AlphaLevel:
    """What may be concluded from the distance of two scores.

    >>> alpha_level({0.0: "fail", 1.0: "pass"}), alpha_level({1.0: "1", 2.0: "2", 3.0: "3"}), alpha_level(None)
    ('nominal', 'ordinal', 'interval')
    """
    if grades is None:
        return "interval"
    return "nominal" if len(grades) == BINARY else "ordinal"
