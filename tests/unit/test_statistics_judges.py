"""Agreement, biases and correction of judges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_assets.statistics.agreement import (
    cohen_kappa,
    confusion_matrix,
    krippendorff_alpha,
    raw_agreement,
    spearman_correlation,
)
from eval_assets.statistics.correction import prediction_powered_mean, rogan_gladen_rate
from eval_assets.statistics.errors import ScoreRangeError, UnpairedScoresError
from eval_assets.statistics.judge_bias import length_bias, position_flip_rate, position_preference, self_preference

NAN = np.nan
DRAWS = {"confidence": 0.95, "n_resamples": 300, "seed": 0}
labels = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=40)


def columns(pairs):
    return (np.array(column, dtype=float) for column in zip(*pairs, strict=True))


def test_a_confusion_matrix_counts_first_rater_by_row():
    matrix = confusion_matrix(np.array(["no", "yes", "yes"]), np.array(["yes", "yes", "no"]))
    assert matrix.labels == ("no", "yes")
    assert matrix.counts.tolist() == [[0, 1], [1, 1]]


def test_declared_labels_keep_their_order_and_their_empty_rows():
    matrix = confusion_matrix(np.array([5.0]), np.array([1.0]), labels=np.array([1.0, 3.0, 5.0]))
    assert matrix.counts.tolist() == [[0, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_a_label_nobody_declared_is_refused():
    with pytest.raises(ScoreRangeError, match=r"among \[1, 2\], got \[3\]"):
        confusion_matrix(np.array([3]), np.array([1]), labels=np.array([1, 2]))


def test_labels_of_other_examples_are_refused():
    with pytest.raises(UnpairedScoresError, match="got 1 and 2"):
        cohen_kappa(np.array([1]), np.array([1, 2]), **DRAWS)


def test_raw_agreement_is_a_share():
    agreement = raw_agreement(np.array([1, 2, 3, 1]), np.array([1, 2, 3, 2]), confidence=0.95)
    assert (agreement.value, agreement.n, agreement.interval.method) == (0.75, 4, "wilson")


def test_kappa_takes_chance_off():
    # Cohen's form: observed (20 + 15) / 50 = 0.7; chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5; (0.7 - 0.5) / 0.5
    first = np.repeat(["yes", "yes", "no", "no"], [20, 5, 10, 15])
    second = np.repeat(["yes", "no", "yes", "no"], [20, 5, 10, 15])
    agreement = cohen_kappa(first, second, **DRAWS)
    assert agreement.value == pytest.approx(0.4)
    assert agreement.interval.low < 0.4 < agreement.interval.high


def test_an_unused_grade_still_separates_its_neighbours():
    first, second = np.array([1.0, 1, 2, 4, 4, 2]), np.array([1.0, 2, 2, 4, 1, 1])
    without = cohen_kappa(first, second, weights="quadratic", **DRAWS).value
    declared = cohen_kappa(first, second, weights="quadratic", labels=np.arange(1.0, 6.0), **DRAWS).value
    # costs by hand: 1 + 9 + 1 = 11 with grade 3 in the scale, 1 + 4 + 1 = 6 without
    # chance: rows (2, 2, 2), columns (3, 2, 1) over 6: with 3 (2 + 9 + 3 + 4 + 27 + 8) * 2 / 6, without (2 + 4 + 3 + 1 + 12 + 2) * 2 / 6
    assert declared == pytest.approx(1 - 11 / (53 / 3))
    assert without == pytest.approx(1 - 6 / (24 / 3))


def test_one_label_throughout_leaves_kappa_and_alpha_undefined():
    same = np.ones(10)
    kappa, alpha = cohen_kappa(same, same, **DRAWS), krippendorff_alpha(np.ones((2, 10)), level="nominal", **DRAWS)
    assert kappa.value is alpha.value is kappa.interval.ends is alpha.interval.ends is None


def test_perfect_agreement_has_no_interval_since_nothing_varied():
    first = np.tile([1.0, 2.0], 10)
    agreement = cohen_kappa(first, first, **DRAWS)
    assert agreement.value == 1
    assert agreement.interval.method == "none: every resample agrees alike"


def test_nothing_rated_is_undefined_and_not_an_error():
    empty = np.array([])
    assert cohen_kappa(empty, empty, **DRAWS).value is None
    assert raw_agreement(empty, empty, confidence=0.95).value is None
    assert krippendorff_alpha(np.full((2, 3), NAN), level="ordinal", **DRAWS).value is None
    assert spearman_correlation(empty, empty, **DRAWS).value is None


def test_alpha_leaves_out_examples_rated_once():
    ratings = np.array([[1, 1, 2, 2, NAN], [1, 2, 2, NAN, 1.0]])
    agreement = krippendorff_alpha(ratings, level="nominal", **DRAWS)
    # pairs 1-1, 1-2, 2-2: three values of each label; observed 2 of 6, expected 2 * 3 * 3 / (6 * 5) = 0.6
    assert agreement.value == pytest.approx(1 - (2 / 6) / 0.6)
    assert agreement.n == 3


def test_spearman_sees_order_alone():
    first = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert spearman_correlation(first, np.exp(first), **DRAWS).value == pytest.approx(1)
    assert spearman_correlation(first, np.ones(5), **DRAWS).value is None


@settings(deadline=None)
@given(labels)
def test_agreement_does_not_depend_on_who_is_first_and_stays_in_range(pairs):
    first, second = columns(pairs)
    for weights in ("nominal", "linear", "quadratic"):
        there, back = (
            cohen_kappa(one, other, weights=weights, confidence=0.9, n_resamples=20, seed=0).value
            for one, other in ((first, second), (second, first))
        )
        assert there == pytest.approx(back)
        assert there is None or -1 - 1e-9 <= there <= 1 + 1e-9
    for level in ("nominal", "ordinal", "interval"):
        there, back = (
            krippendorff_alpha(np.array(rows), level=level, confidence=0.9, n_resamples=5, seed=0).value
            for rows in ((first, second), (second, first))
        )
        assert there == pytest.approx(back)
        assert there is None or there <= 1 + 1e-9


def test_one_seed_gives_one_interval():
    first, second = np.random.default_rng(0).integers(1, 4, size=(2, 50))
    for measure in (
        lambda seed: cohen_kappa(first, second, confidence=0.95, n_resamples=200, seed=seed),
        lambda seed: krippendorff_alpha(
            np.array([first, second], dtype=float), level="ordinal", **DRAWS | {"seed": seed}
        ),
        lambda seed: spearman_correlation(first, second, **DRAWS | {"seed": seed}),
    ):
        assert measure(1) == measure(1)
        assert measure(1).interval != measure(2).interval


def test_a_judge_that_adds_a_point_per_hundred_words_is_found_out():
    rng = np.random.default_rng(0)
    lengths = rng.uniform(50, 500, 400)
    bias = length_bias(3 + lengths / 100 + rng.normal(0, 0.5, 400), lengths, confidence=0.95)
    assert bias.value == pytest.approx(0.01, abs=0.001)
    assert bias.interval.low < 0.01 < bias.interval.high
    # standard error of the slope: 0.5 / sqrt(400 * 450² / 12) = 0.00019, so a width near 4 of them
    assert bias.interval.high - bias.interval.low == pytest.approx(3.93 * 0.000192, rel=0.2)


@pytest.mark.parametrize(("scores", "lengths"), [([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0, 3.0], [5.0, 5.0, 5.0])])
def test_length_bias_is_undefined_without_enough_lengths(scores, lengths):
    bias = length_bias(np.array(scores), np.array(lengths), confidence=0.95)
    assert bias.value is bias.interval.ends is None


def test_flips_and_preference_for_the_first_place():
    # four pairs: stays won, won only when first, tied first and lost second, stays lost
    first, second = np.array([1.0, 1.0, 0.5, 0.0]), np.array([1.0, 0.0, 0.0, 0.0])
    assert position_flip_rate(first, second, confidence=0.95).value == 0.5
    assert position_preference(first, second, confidence=0.95).value == pytest.approx(0.375)  # (0 + 1 + 0.5 + 0) / 4
    assert position_preference(second, first, confidence=0.95).value == pytest.approx(-0.375)


def test_no_pairs_have_no_flip_rate():
    assert position_flip_rate(np.array([]), np.array([]), confidence=0.95).value is None
    assert position_preference(np.array([]), np.array([]), confidence=0.95).value is None


def test_self_preference_takes_off_what_people_prefer_too():
    own, others = np.array([4.0, 5.0, 4.0]), np.array([3.0, 3.0, 2.0])
    human_own, human_others = np.array([4.0, 4.0, 3.0]), np.array([3.0, 3.0, 3.0])
    assert self_preference(own, others, confidence=0.95).value == pytest.approx(5 / 3)  # (1 + 2 + 2) / 3
    beyond = self_preference(own, others, confidence=0.95, human_own=human_own, human_others=human_others)
    assert beyond.value == pytest.approx(1)  # (0 + 1 + 2) / 3


@pytest.mark.parametrize("measure", [length_bias, position_flip_rate, position_preference, self_preference])
def test_biases_of_other_examples_are_refused(measure):
    with pytest.raises(UnpairedScoresError, match="1"):
        measure(np.array([1.0]), np.array([1.0, 0.0]), confidence=0.95)


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
    assert corrected.interval.method == "lang-reiczigel"
    assert corrected.interval.low < 0.6 < corrected.interval.high


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
