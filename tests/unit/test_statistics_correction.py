"""A judge's mean corrected by human labels."""

import numpy as np
import pytest

from eval_assets.errors import ScoreRangeError, UnpairedScoresError
from eval_assets.statistics.judging.correction import prediction_powered_mean, rogan_gladen_rate


def judged(rng, n, n_labels):
    human = rng.choice([1.0, 2, 3, 4, 5], size=n, p=[0.05, 0.1, 0.15, 0.3, 0.4])
    judge = np.clip(human + (rng.random(n) < 0.5) + rng.choice([-1, 0, 1], size=n, p=[0.1, 0.8, 0.1]), 1, 6)
    return judge[:n_labels], human[:n_labels], judge[n_labels:]


def test_a_perfect_judge_is_trusted_on_every_row():
    human = np.tile([1.0, 0.0], 50)
    corrected = prediction_powered_mean(human, human, np.tile([1.0, 1.0, 0.0], 1000), confidence=0.95)
    # weight: covariance 0.25 over variance, pooled 2050 of 3100: 0.2240, times 1 + 100 / 3000, so above 1 and clipped
    assert corrected.value == pytest.approx(2 / 3)
    assert corrected.detail == "judge weighted 1.00; correlation with people 1.00"


def test_the_weight_of_a_judge_shrinks_as_labels_become_a_larger_part():
    # covariance 0.125 * 80 / 79, pooled variance (65 / 120) (55 / 120) * 480 / 479, 80 labels to 400 rows
    human, judge = np.tile([1.0, 0.0, 1.0, 0.0], 20), np.tile([1.0, 0.0, 1.0, 1.0], 20)
    weight = (0.125 * 80 / 79) / (65 * 55 / 120**2 * 480 / 479) / (1 + 80 / 400)
    corrected = prediction_powered_mean(judge, human, np.repeat([1.0, 0.0], 200), confidence=0.95)
    assert corrected.value == pytest.approx(0.5 - 0.75 * weight + 0.5 * weight)


def test_a_blind_judge_is_not_trusted():
    human, judge = np.tile([1.0, 0.0, 1.0, 0.0], 25), np.tile([1.0, 1.0, 0.0, 0.0], 25)
    corrected = prediction_powered_mean(judge, human, np.ones(500), confidence=0.95)
    assert corrected.value == pytest.approx(0.5)  # covariance 0, weight 0: the mean of the labels
    assert corrected.judge_mean == pytest.approx(550 / 600)


def test_a_contrary_judge_is_not_trusted_either():
    human = np.tile([1.0, 0.0], 50)
    corrected = prediction_powered_mean(1 - human, human, np.ones(500), confidence=0.95)
    assert corrected.value == pytest.approx(0.5)
    assert corrected.detail.startswith("judge weighted 0.00")


def test_too_few_labels_are_said_plainly():
    corrected = prediction_powered_mean(np.ones(10), np.ones(10), np.ones(500), confidence=0.95)
    assert corrected.value is corrected.interval.ends is None
    assert corrected.method == "none: 10 human labels, at least 40 are needed"
    human = np.repeat([1.0, 0.0], [60, 4])
    corrected = rogan_gladen_rate(human, human, np.ones(500), confidence=0.95)
    assert corrected.method == "none: 60 human passes and 4 failures, at least 10 of each are needed"


def test_where_people_labelled_everything_the_judge_is_not_needed():
    human = np.tile([1.0, 2.0], 50)
    corrected = prediction_powered_mean(human + 1, human, np.array([]), confidence=0.95)
    assert (corrected.value, corrected.method) == (1.5, "every row is labelled")
    assert rogan_gladen_rate(human - 1, human - 1, np.array([]), confidence=0.95).value is None


def test_rogan_gladen_inverts_the_rates_of_the_judge():
    human, judge = np.repeat([1.0, 0.0], 50), np.repeat([1.0, 0.0, 1.0, 0.0], [45, 5, 10, 40])
    corrected = rogan_gladen_rate(judge, human, np.repeat([1.0, 0.0], [620, 380]), confidence=0.95)
    assert corrected.value == pytest.approx(0.6)  # (0.62 + 0.8 - 1) / (0.9 + 0.8 - 1)
    assert corrected.detail == "judge passes 90% of what people pass and fails 80% of what they fail"
    # Adjusted shares (620 + 1.92) / 1003.84 = 0.61954, 46 / 52 = 0.88462, 41 / 52 = 0.78846; Youden 0.67308,
    # share 0.60617. Variances 0.00023481, 0.00196290, 0.00320750, so the standard error is
    # sqrt(0.00023481 + 0.60617² * 0.00196290 + 0.39383² * 0.00320750) / 0.67308 = 0.056644, and the shift
    # 2 * 3.84146 * (0.60617 * 0.00196290 - 0.39383 * 0.00320750) = -0.000563
    assert corrected.interval.method == "lang-reiczigel"
    assert corrected.interval.ends == pytest.approx((0.494592, 0.716631), abs=1e-5)


def test_a_corrected_share_is_clipped():
    human, judge = np.repeat([1.0, 0.0], 50), np.repeat([1.0, 0.0, 1.0, 0.0], [45, 5, 10, 40])
    corrected = rogan_gladen_rate(judge, human, np.repeat([1.0, 0.0], [10, 990]), confidence=0.95)
    assert corrected.value == 0  # 0.01 passes, fewer than the 0.2 it passes of failures
    assert corrected.interval.low == 0


def test_a_judge_at_chance_corrects_nothing():
    human, judge = np.repeat([1.0, 0.0], 50), np.tile([1.0, 0.0], 50)
    corrected = rogan_gladen_rate(judge, human, np.ones(500), confidence=0.95)
    assert corrected.value is None
    assert corrected.method == "none: the judge passes failures as often as passes"


def test_a_verdict_that_is_neither_is_refused():
    with pytest.raises(ScoreRangeError, match="0 and 1"):
        rogan_gladen_rate(np.full(50, 0.5), np.ones(50), np.ones(5), confidence=0.95)


@pytest.mark.parametrize("correct", [prediction_powered_mean, rogan_gladen_rate])
def test_labels_of_other_rows_are_refused(correct):
    with pytest.raises(UnpairedScoresError, match="got 2 for 1"):
        correct(np.ones(1), np.ones(2), np.ones(5), confidence=0.95)


def test_the_corrected_interval_holds_the_truth_where_the_raw_judge_never_does():
    rng = np.random.default_rng(0)
    truth = 3.9  # 0.05 + 0.2 + 0.45 + 1.2 + 2
    held, raw_held = 0, 0
    for _ in range(400):
        judge, human, unlabelled = judged(rng, 600, 100)
        corrected = prediction_powered_mean(judge, human, unlabelled, confidence=0.95)
        held += corrected.interval.low <= truth <= corrected.interval.high
        raw_held += abs(corrected.judge_mean - truth) < 2 * unlabelled.std() / np.sqrt(600)
    assert abs(held / 400 - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 400)  # three standard errors of the simulation
    assert raw_held == 0
