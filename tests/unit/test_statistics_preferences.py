"""Win rates, and orders of candidates from pairwise comparisons."""

import numpy as np
import pytest

from eval_assets.errors import ScoreRangeError, UnpairedScoresError
from eval_assets.statistics.judging.preferences import bradley_terry, win_rate


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
    rows = ranked([(0, 1)] * 40, [0.75] * 40, names=("x", "y"))
    assert rows[0].strength == pytest.approx(np.log(3) / 2, abs=1e-6)


def test_strength_is_the_log_odds_of_winning():
    # 30 wins to 10: log 3 between the two, half to each side of the average
    rows = ranked([(0, 1)] * 40, [1] * 30 + [0] * 10, names=("x", "y"))
    assert [(row.name, row.strength) for row in rows] == [
        ("x", pytest.approx(np.log(3) / 2, abs=1e-6)),
        ("y", pytest.approx(-np.log(3) / 2, abs=1e-6)),
    ]
    assert rows[0].interval.low > 0 > rows[1].interval.high


def places(rows):
    return {row.name: row.rank for row in rows}


def test_one_that_never_lost_is_first_and_has_no_finite_strength():
    rows = ranked([(0, 1), (0, 2), (1, 2), (2, 1)] * 10, [1, 1, 1, 1] * 10)
    assert places(rows)["x"] == 1
    assert rows[0].strength is rows[0].interval.ends is None
    # the others beat each other ten times each
    assert [row.strength for row in rows[1:]] == pytest.approx([0, 0], abs=1e-9)


def test_a_chain_of_wins_orders_candidates_that_never_met():
    rows = ranked([(0, 1), (1, 2)] * 5, [1, 1] * 5)
    assert places(rows) == {"x": 1, "y": 2, "z": 3}
    assert [row.strength for row in rows] == [None, None, None]


def test_two_that_beat_a_third_and_never_met_have_no_order():
    rows = ranked([(0, 2)] + [(1, 2)] * 99, [1] * 100)
    assert places(rows) == {"x": None, "y": None, "z": 3}


def test_candidates_that_never_met_are_not_joined():
    # w and x met, y and z met: 3 to 1 each, and nothing says how the pairs compare
    rows = ranked([(0, 1)] * 4 + [(2, 3)] * 4, [1, 1, 1, 0] * 2, names=tuple("wxyz"))
    assert {row.rank for row in rows} == {None}
    strengths = {row.name: row.strength for row in rows}
    assert strengths["w"] == strengths["y"] == pytest.approx(np.log(3) / 2, abs=1e-6)


def test_few_comparisons_do_not_pull_a_candidate_to_the_middle():
    # x beat y 3 to 1 and z beat y 30 to 10: the same odds, so equal strengths
    rows = ranked([(0, 1)] * 4 + [(2, 1)] * 40, [1, 1, 1, 0] + [1] * 30 + [0] * 10)
    strengths = {row.name: row.strength for row in rows}
    assert strengths["x"] == pytest.approx(strengths["z"], abs=1e-6)


def test_which_side_is_named_first_does_not_matter():
    there = ranked([(0, 1), (1, 2), (2, 0)] * 8, [1, 0.5, 0, 0, 1, 1, 1, 1] * 3)
    back = ranked([(1, 0), (2, 1), (0, 2)] * 8, [0, 0.5, 1, 1, 0, 0, 0, 0] * 3)
    assert {row.name: row.strength for row in back} == pytest.approx({row.name: row.strength for row in there})


def test_a_candidate_without_a_comparison_is_unranked_and_comes_last():
    rows = ranked([(0, 1)] * 10, [1] * 7 + [0] * 3)
    assert places(rows) == {"x": 1, "y": 2, "z": None}
    assert (rows[-1].name, rows[-1].strength, rows[-1].interval.ends) == ("z", None, None)


def test_without_any_comparison_nobody_is_ranked():
    rows = bradley_terry(
        ["x", "y"],
        np.zeros((0, 2), dtype=np.int64),
        np.array([]),
        example_index=np.array([], dtype=np.int64),
        confidence=0.95,
        n_resamples=20,
        seed=0,
    )
    assert [(row.rank, row.strength) for row in rows] == [(None, None)] * 2


def test_an_interval_that_resamples_leave_undefined_is_absent():
    # one loss in ten: a third of the resamples lose it, and x never loses in them
    rows = ranked([(0, 1)] * 10, [1] * 9 + [0], names=("x", "y"))
    assert rows[0].strength == pytest.approx(np.log(9) / 2, abs=1e-6)
    assert rows[0].interval.method == "none: undefined on too many resamples"


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
