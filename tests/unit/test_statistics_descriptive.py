"""One score per example, and honest denominators."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.errors import ScoreRangeError, UnpairedScoresError
from eval_assets.statistics.descriptive import average_within, describe, example_scores

NAN = np.nan


def test_an_example_with_many_samples_weighs_no_more():
    # example 0: (1 + 1 + 0) / 3; example 1: 0; the mean is over examples, 1 / 3, and not over rows, 2 / 4
    scores = example_scores(np.array([1.0, 1.0, 0.0, 0.0]), example_index=np.array([0, 0, 0, 1]))
    assert scores.scores.tolist() == pytest.approx([2 / 3, 0])
    assert describe(scores).mean == pytest.approx(1 / 3)


def test_a_failed_sample_leaves_its_example_to_the_others():
    averages = average_within(np.array([0, 0, 1]), np.array([1.0, NAN, NAN]), n_examples=2)
    assert averages[0] == 1
    assert np.isnan(averages[1])


def test_rows_may_come_in_any_order():
    averages = average_within(np.array([2, 0, 1, 0]), np.array([5.0, 1.0, 3.0, 2.0]), n_examples=3)
    assert averages.tolist() == [1.5, 3, 5]


def test_the_numbers_of_a_description():
    described = describe(example_scores(np.array([1.0, 2.0, 3.0, 4.0, 10.0])))
    assert described.mean == 4
    assert described.variance == 10  # (9 + 4 + 1 + 0 + 36) / 5: population
    assert described.standard_error == pytest.approx(np.sqrt(12.5 / 5))  # 50 / 4 = 12.5: sample
    assert described.median == 3
    assert described.p90 == pytest.approx(7.6)  # position 0.9 * 4 = 3.6 between 4 and 10
    assert (described.minimum, described.maximum) == (1, 10)


def test_unscored_rows_are_counted_and_bound_the_mean():
    # three scored of five: 0.8 + 0.6 + 1.0; the other two at 0 or at 1
    described = describe(example_scores(np.array([0.8, NAN, 0.6, 1.0, NAN]), lower=0, upper=1))
    assert (described.n_total, described.n_scored, described.n_examples) == (5, 3, 3)
    assert described.mean == pytest.approx(0.8)
    assert described.mean_if_unscored_worst == pytest.approx(2.4 / 5)
    assert described.mean_if_unscored_best == pytest.approx(4.4 / 5)


def test_where_less_is_better_the_worst_is_the_upper_end():
    described = describe(example_scores(np.array([0.2, NAN]), lower=0, upper=1), greater_is_better=False)
    assert described.mean_if_unscored_worst == pytest.approx(0.6)  # (0.2 + 1) / 2
    assert described.mean_if_unscored_best == pytest.approx(0.1)  # (0.2 + 0) / 2


def test_failed_samples_are_bounded_within_their_example():
    # example 0 scored 1 and failed once: between 0.5 and 1; example 1 scored 0
    scores = example_scores(np.array([1.0, NAN, 0.0]), example_index=np.array([0, 0, 1]), lower=0, upper=1)
    assert scores.if_lowest.tolist() == [0.5, 0]
    assert scores.if_highest.tolist() == [1, 0]
    assert scores.failed_share == pytest.approx(1 / 3)


def test_without_a_range_the_bounds_are_unknown_unless_every_row_is_scored():
    assert describe(example_scores(np.array([7.0, NAN]))).mean_if_unscored_worst is None
    assert describe(example_scores(np.array([7.0, NAN]), lower=0)).mean_if_unscored_worst == 3.5
    assert describe(example_scores(np.array([7.0, NAN]), lower=0)).mean_if_unscored_best is None
    assert describe(example_scores(np.array([7.0, 9.0]))).mean_if_unscored_best == 8


def test_nothing_scored_is_none_and_never_zero():
    described = describe(example_scores(np.array([NAN, NAN])))
    assert (described.n_total, described.n_scored, described.n_examples) == (2, 0, 0)
    assert described.mean is described.variance is described.p90 is described.minimum is None


def test_no_rows_at_all_is_none_too():
    described = describe(example_scores(np.array([])))
    assert (described.n_total, described.mean, described.mean_if_unscored_worst) == (0, None, None)
    assert example_scores(np.array([])).failed_share == 0


def test_one_example_has_no_standard_error():
    assert describe(example_scores(np.array([0.5]))).standard_error is None


def test_a_score_outside_its_range_is_refused():
    with pytest.raises(ScoreRangeError, match=r"within \[1, 5\], got \[100\.0\]"):
        example_scores(np.array([3.0, 100.0]), lower=1, upper=5)


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(UnpairedScoresError, match="got 1 for 2 scores"):
        average_within(np.array([0]), np.array([1.0, 2.0]), n_examples=1)
    with pytest.raises(UnpairedScoresError, match="cluster label per example, got 1 for 2"):
        example_scores(np.array([1.0, 2.0]), clusters=np.array(["a"]))


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=40))
def test_the_mean_lies_between_its_bounds(values):
    described = describe(example_scores(np.array([NAN if v is None else v for v in values]), lower=0, upper=1))
    if described.mean is not None:
        assert described.mean_if_unscored_worst <= described.mean + 1e-12
        assert described.mean <= described.mean_if_unscored_best + 1e-12
