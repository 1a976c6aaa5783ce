"""Orders of several candidates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.statistics.comparison.ranking import bradley_terry, rank_with_ties, win_rate
from eval_assets.statistics.errors import ScoreRangeError, UnpairedScoresError


def symmetric(n, **below):
    p_values = np.ones((n, n))
    for pair, value in below.items():
        i, j = int(pair[1]), int(pair[2])
        p_values[i, j] = p_values[j, i] = value
    return p_values


def test_tied_groups_overlap_where_the_middle_ties_with_both_ends():
    ranked = rank_with_ties(["low", "high", "mid"], np.array([0.5, 0.7, 0.6]), symmetric(3, p01=0.01), alpha=0.05)
    assert [(row.name, row.groups, row.best_rank, row.worst_rank) for row in ranked] == [
        ("high", "a", 1, 2),
        ("mid", "ab", 1, 3),
        ("low", "b", 2, 3),
    ]


def test_all_different_get_a_letter_each_and_none_different_share_one():
    different = np.zeros((4, 4))
    assert [row.groups for row in rank_with_ties(list("wxyz"), np.arange(4.0), different, alpha=0.05)] == list("abcd")
    alike = np.ones((4, 4))
    assert [row.groups for row in rank_with_ties(list("wxyz"), np.arange(4.0), alike, alpha=0.05)] == ["a"] * 4


def test_where_less_is_better_the_lowest_comes_first():
    ranked = rank_with_ties(["x", "y"], np.array([2.0, 1.0]), np.zeros((2, 2)), alpha=0.05, greater_is_better=False)
    assert [row.name for row in ranked] == ["y", "x"]


def test_an_untested_pair_is_not_different():
    p_values = np.full((2, 2), np.nan)
    assert [row.groups for row in rank_with_ties(["x", "y"], np.array([1.0, 2.0]), p_values, alpha=0.05)] == ["a", "a"]


def test_a_single_candidate_is_first():
    (only,) = rank_with_ties(["x"], np.array([1.0]), np.ones((1, 1)), alpha=0.05)
    assert (only.groups, only.best_rank, only.worst_rank) == ("a", 1, 1)


@given(st.integers(2, 7).flatmap(lambda n: st.lists(st.booleans(), min_size=n * n, max_size=n * n)))
def test_two_candidates_share_a_letter_exactly_when_not_different(flags):
    n = int(np.sqrt(len(flags)))
    different = np.triu(np.array(flags).reshape(n, n), 1)
    different |= different.T
    names = [str(index) for index in range(n)]
    ranked = rank_with_ties(names, -np.arange(float(n)), np.where(different, 0.0, 1.0), alpha=0.05)
    for i in range(n):
        for j in range(n):
            shared = set(ranked[i].groups) & set(ranked[j].groups)
            assert bool(shared) == (i == j or not different[i, j])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(UnpairedScoresError, match="expected 2 means and 2 x 2 p-values"):
        rank_with_ties(["x", "y"], np.array([1.0]), np.ones((2, 2)), alpha=0.05)


def test_a_tie_is_half_a_win():
    rate = win_rate(np.array([1.0, 1.0, 1.0, 0.5, 0.0]), confidence=0.95)
    assert (rate.wins, rate.ties, rate.losses) == (3, 1, 1)
    assert rate.rate == pytest.approx(0.7)  # 3.5 of 5
    assert rate.interval.method == "t"


def test_without_ties_a_win_rate_is_a_proportion():
    assert win_rate(np.array([1.0, 1.0, 0.0]), confidence=0.95).interval.method == "wilson"


def test_all_ties_are_bounded_by_what_was_not_met():
    rate = win_rate(np.full(40, 0.5), confidence=0.95)
    share = 1 - 0.025 ** (1 / 40)
    assert rate.interval.ends == pytest.approx((0.5 - share / 2, 0.5 + share / 2))


def test_no_outcomes_give_no_rate():
    rate = win_rate(np.array([]), confidence=0.95)
    assert rate.rate is rate.interval.ends is None


@pytest.mark.parametrize("outcome", [1.2, -0.1, float("nan")])
def test_an_outcome_that_is_no_probability_is_refused(outcome):
    with pytest.raises(ScoreRangeError, match="from 0 to 1"):
        win_rate(np.array([outcome]), confidence=0.95)


def test_probabilities_are_shares_of_a_win():
    won = win_rate(np.array([0.9, 0.6, 0.5, 0.2]), confidence=0.95)
    assert (won.wins, won.ties, won.losses) == (2, 1, 1)
    assert won.rate == pytest.approx(0.55)  # 2.2 / 4


def ranked(pairs, outcomes, names=("x", "y", "z"), **choices):
    defaults = {"example_index": np.arange(len(outcomes)), "confidence": 0.95, "n_resamples": 200, "seed": 0}
    return bradley_terry(names, np.array(pairs), np.array(outcomes, dtype=float), **defaults | choices)


def test_a_probability_weighs_as_a_win_and_a_loss():
    # 40 comparisons at 0.75 are 30 wins and 10 losses
    rows = ranked([(0, 1)] * 40, [0.75] * 40, names=("x", "y"), prior_ties=0)
    assert rows[0].strength == pytest.approx(np.log(3) / 2, abs=1e-6)


def test_strength_is_the_log_odds_of_winning():
    # 30 wins to 10: log 3 between the two, half to each side of the average
    rows = ranked([(0, 1)] * 40, [1] * 30 + [0] * 10, names=("x", "y"), prior_ties=0)
    assert [(row.name, row.strength) for row in rows] == [
        ("x", pytest.approx(np.log(3) / 2, abs=1e-6)),
        ("y", pytest.approx(-np.log(3) / 2, abs=1e-6)),
    ]
    assert rows[0].interval.low > 0 > rows[1].interval.high


def test_the_prior_tie_counts_half_to_each_side():
    for prior_ties, odds in ((1.0, 30.5 / 10.5), (4.0, 32 / 12)):
        rows = ranked([(0, 1)] * 40, [1] * 30 + [0] * 10, names=("x", "y"), prior_ties=prior_ties)
        assert rows[0].strength == pytest.approx(np.log(odds) / 2, abs=1e-6)


def test_one_that_never_lost_has_a_finite_strength():
    rows = ranked([(0, 1), (0, 2), (1, 2)] * 10, [1, 1, 1] * 10)
    assert [row.name for row in rows] == ["x", "y", "z"]
    assert all(np.isfinite(row.strength) for row in rows)
    assert sum(row.strength for row in rows) == pytest.approx(0, abs=1e-9)


def test_which_side_is_named_first_does_not_matter():
    there = ranked([(0, 1), (1, 2), (2, 0)] * 8, [1, 0.5, 0, 0, 1, 1, 1, 1] * 3)
    back = ranked([(1, 0), (2, 1), (0, 2)] * 8, [0, 0.5, 1, 1, 0, 0, 0, 0] * 3)
    assert {row.name: row.strength for row in back} == pytest.approx({row.name: row.strength for row in there})


def test_a_candidate_without_a_comparison_is_average():
    rows = ranked([(0, 1)] * 10, [1] * 7 + [0] * 3)
    assert next(row.strength for row in rows if row.name == "z") == pytest.approx(0, abs=1e-6)


def test_comparisons_of_one_example_are_resampled_together():
    pairs, outcomes = [(0, 1)] * 40, [1] * 30 + [0] * 10
    alone = ranked(pairs, outcomes, names=("x", "y"))
    # ten examples of four comparisons that agree: a quarter of the evidence, an interval twice as wide
    whole = ranked(pairs, outcomes, names=("x", "y"), example_index=np.repeat(np.arange(10), [4] * 10))
    widths = [row.interval.high - row.interval.low for row in (alone[0], whole[0])]
    assert widths[1] > 1.4 * widths[0]


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(UnpairedScoresError, match=r"got \(1, 2\) and \(2,\) for 2 outcomes"):
        ranked([(0, 1)], [1, 0])
