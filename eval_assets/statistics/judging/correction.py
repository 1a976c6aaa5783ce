"""A judge's mean corrected by human labels on a random part of the rows, its interval holding the judge's error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval_assets.errors import ScoreRangeError, UnpairedScoresError
from eval_assets.statistics.intervals import Interval, is_binary, mean_interval, no_interval

MIN_LABELS = 40  # below, the intervals miss the truth more often than they say (benchmarks/judge_correction.py)
MIN_LABELS_PER_CLASS = 10  # labels people passed, and labels they failed


@dataclass(frozen=True, slots=True)
class CorrectedMean:
    """What people would have given on average, estimated from a judge's scores and some human ones.

    Args:
        method: How it was corrected, or `none: <why>`.
        value: The corrected mean in score units; None where it can't be had.
        interval: Of the corrected mean, with the uncertainty of the calibration.
        judge_mean: The judge's own mean over all rows, for comparison.
        n_labelled: Rows with a human label.
        n_unlabelled: Rows with the judge's score alone.
        detail: What the correction learned about the judge, in words.
    """

    method: str
    value: float | None
    interval: Interval
    judge_mean: float | None
    n_labelled: int
    n_unlabelled: int
    detail: str


def prediction_powered_mean(
    judge_labelled: NDArray[np.float64],
    human: NDArray[np.float64],
    judge_unlabelled: NDArray[np.float64],
    *,
    confidence: float,
    min_labels: int = MIN_LABELS,
) -> CorrectedMean:
    """Correct a judge's mean by the mean of its errors, trusting it only as far as it follows people (PPI++).

    Args:
        judge_labelled: Judge's scores of the labelled rows, shape (n_labelled,), no NaN.
        human: Human scores of the same rows, shape (n_labelled,), no NaN; the rows must be a random part of all.
        judge_unlabelled: Judge's scores of the other rows, shape (n_unlabelled,), no NaN.
        confidence: Coverage, strictly between 0 and 1.
        min_labels: Fewest labels to correct by.

    Returns:
        The corrected mean: mean(human - w * judge) over labelled rows + w * mean(judge) over the others, where the
        weight w between 0 and 1 makes the interval shortest. A useless judge gets weight 0, which leaves the mean of
        the labels.

    Raises:
        UnpairedScoresError: There is not one human score per labelled row.

    Source:
        Angelopoulos et al. 2023, https://doi.org/10.1126/science.adi6000, and https://arxiv.org/abs/2311.01453 for the
        weight; t with n_labelled - 2 degrees of freedom in place of the normal, which is too short for few labels.

    >>> # w = cov 0.1266 / (var 0.2488 * (1 + 80 / 400)) = 0.424, and 0.5 - 0.75 w + 0.5 w
    >>> judge, human = np.tile([1.0, 0.0, 1.0, 1.0], 20), np.tile([1.0, 0.0, 1.0, 0.0], 20)
    >>> round(prediction_powered_mean(judge, human, np.repeat([1.0, 0.0], 200), confidence=0.95).value, 3)
    0.394
    """
    n, n_unlabelled = _counts(judge_labelled, human, judge_unlabelled)
    judge_mean = _judge_mean(judge_labelled, judge_unlabelled)
    if n < min_labels:
        return _too_few(f"{n} human labels, at least {min_labels} are needed", judge_mean, n, n_unlabelled, confidence)
    if n_unlabelled == 0:
        interval = mean_interval(human, confidence=confidence, kind="t")
        return CorrectedMean("every row is labelled", float(human.mean()), interval, judge_mean, n, 0, "judge not used")
    from scipy.special import stdtrit

    variance = float(np.concatenate([judge_labelled, judge_unlabelled]).var(ddof=1))
    covariance = float(np.cov(human, judge_labelled)[0, 1])
    weight = float(np.clip(covariance / (variance * (1 + n / n_unlabelled)), 0, 1)) if variance > 0 else 0.0
    errors = human - weight * judge_labelled
    value = float(errors.mean() + weight * judge_unlabelled.mean())
    # Two degrees of freedom are spent: on the mean of the errors and on the weight.
    error = float(np.sqrt(errors.var(ddof=2) / n + weight**2 * judge_unlabelled.var() / n_unlabelled))
    reach = float(stdtrit(n - 2, (1 + confidence) / 2)) * error
    interval = Interval(value - reach, value + reach, "prediction-powered", confidence)
    if error == 0:
        interval = no_interval("no spread", confidence)
    detail = f"judge weighted {weight:.2f}; correlation with people {_correlation(judge_labelled, human)}"
    return CorrectedMean("prediction-powered", value, interval, judge_mean, n, n_unlabelled, detail)


def rogan_gladen_rate(
    judge_labelled: NDArray[np.float64],
    human: NDArray[np.float64],
    judge_unlabelled: NDArray[np.float64],
    *,
    confidence: float,
    min_labels_per_class: int = MIN_LABELS_PER_CLASS,
) -> CorrectedMean:
    """Correct a judge's pass rate by how often it passes what people pass, and fails what people fail.

    The labels may be chosen by class, say fifty passes and fifty failures. It learns nothing from how many of them
    pass, so where they are a random part of all rows, `prediction_powered_mean` bounds the same rate in half the width.

    Args:
        judge_labelled: Judge's verdicts on the labelled rows, 1 pass and 0 fail, shape (n_labelled,).
        human: Human verdicts on the same rows, shape (n_labelled,); random within passes and within failures.
        judge_unlabelled: Judge's verdicts on the other rows, shape (n_unlabelled,).
        confidence: Coverage, strictly between 0 and 1.
        min_labels_per_class: Fewest human passes, and fewest human failures, to correct by.

    Returns:
        The share people would pass, clipped to [0, 1], with an interval that holds the error of the judge's rates. None
        when labels are too few, or when the judge passes failures as often as passes and so carries no information.

    Raises:
        UnpairedScoresError: There is not one human verdict per labelled row.
        ScoreRangeError: A verdict is neither 0 nor 1.

    Source:
        Rogan and Gladen 1978, https://doi.org/10.1093/oxfordjournals.aje.a112510; interval by Lang and Reiczigel 2014,
        https://doi.org/10.1016/j.prevetmed.2013.09.015.

    >>> human, judge = np.repeat([1.0, 0.0], 50), np.repeat([1.0, 0.0, 1.0, 0.0], [45, 5, 10, 40])
    >>> unlabelled = np.repeat([1.0, 0.0], [620, 380])  # (0.62 + 0.8 - 1) / (0.9 + 0.8 - 1)
    >>> round(rogan_gladen_rate(judge, human, unlabelled, confidence=0.95).value, 4)
    0.6
    """
    n, n_unlabelled = _counts(judge_labelled, human, judge_unlabelled)
    judge_mean = _judge_mean(judge_labelled, judge_unlabelled)
    for verdicts in (judge_labelled, human, judge_unlabelled):
        if not is_binary(verdicts):
            raise ScoreRangeError(f"expected verdicts of 0 and 1, got {np.unique(verdicts)[:5].tolist()!r}")
    passed, failed = judge_labelled[human == 1], judge_labelled[human == 0]
    if min(passed.size, failed.size) < min_labels_per_class or n_unlabelled == 0:
        reason = (
            f"{passed.size} human passes and {failed.size} failures, at least {min_labels_per_class} of each are needed"
        )
        if n_unlabelled == 0:
            reason = "no row without a human label is left to correct"
        return _too_few(reason, judge_mean, n, n_unlabelled, confidence)
    sensitivity, specificity = float(passed.mean()), float(1 - failed.mean())
    detail = f"judge passes {sensitivity:.0%} of what people pass and fails {specificity:.0%} of what they fail"
    if sensitivity + specificity <= 1:
        reason = "the judge passes failures as often as passes"
        interval = no_interval(reason, confidence)
        return CorrectedMean(f"none: {reason}", None, interval, judge_mean, n, n_unlabelled, detail)
    rate = (float(judge_unlabelled.mean()) + specificity - 1) / (sensitivity + specificity - 1)
    interval = _lang_reiczigel_interval(judge_unlabelled, passed, 1 - failed, confidence)
    return CorrectedMean("rogan-gladen", min(1.0, max(0.0, rate)), interval, judge_mean, n, n_unlabelled, detail)


def _lang_reiczigel_interval(
    judged: NDArray[np.float64], hits: NDArray[np.float64], rejections: NDArray[np.float64], confidence: float
) -> Interval:
    """Delta method over three binomial shares, each moved towards a half, and shifted for the skew of the quotient."""
    from scipy.special import ndtri

    z = float(ndtri((1 + confidence) / 2))

    def adjusted(verdicts: NDArray[np.float64], added: float) -> tuple[float, float]:
        share = (float(verdicts.sum()) + added / 2) / (verdicts.size + added)
        return share, share * (1 - share) / (verdicts.size + added)

    (rate, rate_variance), (sensitivity, hit_variance) = adjusted(judged, z**2), adjusted(hits, 2)
    specificity, rejection_variance = adjusted(rejections, 2)
    youden = sensitivity + specificity - 1
    if youden <= 0:
        return no_interval("the judge passes failures as often as passes", confidence)
    share = (rate + specificity - 1) / youden
    error = np.sqrt(rate_variance + share**2 * hit_variance + (1 - share) ** 2 * rejection_variance) / youden
    shift = 2 * z**2 * (share * hit_variance - (1 - share) * rejection_variance)
    low, high = (float(np.clip(share + shift + side * z * error, 0, 1)) for side in (-1, 1))
    return Interval(low, high, "lang-reiczigel", confidence)


def _too_few(reason: str, judge_mean: float | None, n: int, n_unlabelled: int, confidence: float) -> CorrectedMean:
    method = f"none: {reason}"
    return CorrectedMean(method, None, no_interval(reason, confidence), judge_mean, n, n_unlabelled, "not corrected")


def _counts(
    judge_labelled: NDArray[np.float64], human: NDArray[np.float64], judge_unlabelled: NDArray[np.float64]
) -> tuple[int, int]:
    if judge_labelled.shape != human.shape:
        raise UnpairedScoresError(
            f"expected one human label per judged row, got {human.size} for {judge_labelled.size}"
        )
    return human.size, judge_unlabelled.size


def _judge_mean(judge_labelled: NDArray[np.float64], judge_unlabelled: NDArray[np.float64]) -> float | None:
    everything = np.concatenate([judge_labelled, judge_unlabelled])
    return float(everything.mean()) if everything.size else None


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return "undefined"
    return f"{np.corrcoef(first, second)[0, 1]:.2f}"
