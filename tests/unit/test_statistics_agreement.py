"""How far raters agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.errors import ScoreRangeError, UnpairedScoresError
from eval_assets.statistics.judging.agreement import (
    cohen_kappa,
    confusion_matrix,
    raw_agreement,
    spearman_correlation,
)
from eval_assets.statistics.judging.alpha import krippendorff_alpha

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
    # by chance, rows (2, 2, 2) and columns (3, 2, 1) over 6: grade 3 in the scale (2 + 9 + 3 + 4 + 27 + 8) * 2 / 6,
    # else (2 + 4 + 3 + 1 + 12 + 2) * 2 / 6
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
