"""Two candidates on the same examples: difference, interval, test, effect, power, correction."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_assets.errors import UnpairedScoresError
from eval_assets.statistics.comparison import sign_flips
from eval_assets.statistics.comparison.differences import paired_proportion_interval, relative_drop_interval
from eval_assets.statistics.comparison.paired import compare_paired
from eval_assets.statistics.comparison.sign_flips import tail_of_flips
from eval_assets.statistics.comparison.significance import holm_adjusted, mcnemar_test, sign_flip_test
from eval_assets.statistics.descriptive import example_scores
from eval_assets.statistics.intervals import Interval, no_interval

BASELINE = np.array([0.1, 0.3, 0.4, 0.2, 0.6, 0.7, 0.3, 0.2])
CANDIDATE = np.array([0.6, 0.7, 0.9, 0.8, 0.7, 0.9, 0.6, 0.4])
NAN = np.nan


def compared(baseline, candidate, *, lower=None, upper=None, clusters=None, **choices):
    first, second = (
        example_scores(np.asarray(scores, dtype=float), lower=lower, upper=upper, clusters=clusters)
        for scores in (baseline, candidate)
    )
    return compare_paired(first, second, **{"confidence": 0.95} | choices)


def discordant(wins, losses, both_pass, both_fail):
    counts = [wins, losses, both_pass, both_fail]
    return np.repeat([0.0, 1.0, 1.0, 0.0], counts), np.repeat([1.0, 0.0, 1.0, 0.0], counts)


def test_mcnemar_of_12_against_2_discordant_pairs():
    # two-sided: 2 (C(14,0) + C(14,1) + C(14,2)) / 2^14 = 2 * 106 / 16384
    assert mcnemar_test(12, 2).p_value == 0.012939453125
    assert mcnemar_test(2, 12).p_value == 0.012939453125


def test_without_discordant_pairs_nothing_speaks_against_equality():
    assert mcnemar_test(0, 0).p_value == 1
    assert sign_flip_test(np.zeros(5)).p_value == 1


def test_eight_wins_of_eight():
    # all eight differences are positive: 2 of 2^8 sign patterns are as extreme
    comparison = compared(BASELINE, CANDIDATE)
    assert comparison.difference == pytest.approx(0.35)
    assert (comparison.test, comparison.p_value) == ("exact sign-flip", 0.0078125)
    assert (comparison.wins, comparison.losses, comparison.ties) == (8, 0, 0)


def test_a_sign_flip_counts_sums_that_tie():
    # |±1 ±2 ±3| >= |1 + 2 - 3| = 0 always; >= 4 for (+ + -) no: sums 6, 4, 2, 0, 0, -2, -4, -6
    assert sign_flip_test(np.array([1.0, 2.0, -3.0])).p_value == 1
    assert sign_flip_test(np.array([-1.0, 2.0, 3.0])).p_value == 0.5  # 6, 4, -4, -6 of 8
    # of 16 sums ±0.4 once each and ±0.2 four times each are as large, though 0.1 + 0.1 + 0.1 - 0.1 > 0.2 in binary
    assert sign_flip_test(np.array([0.1, 0.1, 0.1, -0.1])).p_value == 10 / 16


def every_sign(units, least):
    """The share of all sign patterns whose sum is at least as far from 0, one by one."""
    signs = 1 - 2 * ((np.arange(2**units.size)[:, None] >> np.arange(units.size)) & 1)
    return np.mean(np.abs(signs @ units) >= least - 1e-9 * units.sum())


@pytest.mark.parametrize("n", [1, 2, 7, 16])
def test_half_by_half_all_signs_are_counted(n):
    units = np.random.default_rng(n).exponential(size=n)
    for share in (0.1, 0.5, 0.9, 1.0):
        least = share * units.sum()
        assert tail_of_flips(units, least) == (pytest.approx(every_sign(units, least)), True)


@pytest.mark.parametrize("sizes", [[1], [1, 2, 3, 4], [1 / 3, 0.5, 2 / 3, 1], [0.2, 0.4]])
def test_sizes_with_a_common_step_have_an_exact_tail_at_any_number(sizes):
    # 30 units are counted sign by sign; 31, the last of which weighs next to nothing against the tail, are not
    units = np.random.default_rng(0).choice(sizes, 30)
    for deviations in (0.5, 1.5, 2.5, 3.5):
        least = deviations * np.sqrt(units @ units)
        counted, _ = tail_of_flips(units, least)
        in_steps = sign_flips._tail_in_steps(*sign_flips._in_steps(units), least - 1e-9 * units.sum())
        assert in_steps == pytest.approx(counted, rel=1e-9)


def test_passes_and_failures_have_the_tail_of_the_binomial():
    for n_lost in (410, 450, 480):
        found = sign_flip_test(np.repeat([1.0, -1.0], [1000 - n_lost, n_lost]))
        assert found.test == "exact sign-flip"
        assert found.p_value == pytest.approx(mcnemar_test(1000 - n_lost, n_lost).p_value, rel=1e-6)


@pytest.mark.parametrize("draw", ["normal", "uniform", "exponential", "lognormal"])
def test_the_saddlepoint_comes_near_the_exact_tail(draw):
    rng = np.random.default_rng(5)
    for _ in range(10):
        units = np.abs(getattr(rng, draw)(size=28))
        for deviations in (1.0, 2.0, 3.0):
            least = deviations * np.sqrt(units @ units)
            exact = sign_flips._tail_by_halves(units, least)
            if exact > 1e-5:  # of 2 ** 28 patterns some thousand reach it
                assert sign_flips._tail_by_saddlepoint(units, least) == pytest.approx(exact, rel=0.1)


def test_many_units_grouped_by_size_keep_their_tail():
    units = np.abs(np.random.default_rng(1).standard_t(4, size=20_000))
    least = 3.5 * np.sqrt(units @ units)
    ungrouped = 2 * float(sign_flips._saddlepoint_tails(units, np.ones(units.size), np.array([least]))[0])
    assert tail_of_flips(units, least) == (pytest.approx(ungrouped, rel=1e-3), False)


def test_a_tail_falls_as_far_as_many_comparisons_ask_for():
    # all of 100 or 1,000 one way: 2 / 2 ** n, which no sampling finds
    assert sign_flip_test(np.ones(100)).p_value == pytest.approx(2.0**-99, rel=0.2)
    assert 0 <= sign_flip_test(np.linspace(0.5, 1, 1000)).p_value < 1e-200


@given(st.lists(st.floats(-10, 10), min_size=0, max_size=60))
@settings(max_examples=60)
def test_a_sign_flip_is_a_probability_whichever_candidate_comes_first(values):
    differences = np.array(values)
    there, back = sign_flip_test(differences), sign_flip_test(-differences)
    assert 0 <= there.p_value <= 1
    assert there.p_value == pytest.approx(back.p_value)


def test_clusters_are_flipped_whole():
    # four clusters of five equal differences are four flips: 2 of 2^4 patterns
    result = sign_flip_test(np.ones(20), np.repeat([0, 1, 2, 3], 5))
    assert (result.test, result.p_value) == ("exact cluster sign-flip", 0.125)
    comparison = compared(np.zeros(20), np.ones(20) * np.linspace(0.4, 0.6, 20), clusters=np.repeat([0, 1, 2, 3], 5))
    assert (comparison.p_value, comparison.n_clusters) == (0.125, 4)
    assert comparison.interval.method == "cluster-robust t"


def test_a_binary_comparison():
    comparison = compared(*discordant(12, 2, 70, 16))
    assert (comparison.test, comparison.p_value) == ("exact McNemar", 0.012939453125)
    assert comparison.difference == pytest.approx(0.1)
    # (13 - 3) / 102 ± 1.959964 sqrt((16 / 102 - (10 / 102)²) / 102) = 0.098039 ± 1.959964 * 0.037995
    assert comparison.interval.ends == pytest.approx((0.023570, 0.172509), abs=2e-6)
    assert comparison.interval.method == "bonett-price"
    assert (comparison.effect, comparison.effect_size) == ("odds ratio of discordant pairs", 5)  # 12.5 / 2.5


def test_effect_size_of_scores_is_cohens_dz():
    comparison = compared([0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 6.0])
    # mean 3, squares (4 + 1 + 0 + 9) / 3
    assert comparison.effect_size == pytest.approx(3 / np.sqrt(14 / 3))


def test_where_less_is_better_a_lower_score_wins():
    comparison = compared(BASELINE, CANDIDATE, greater_is_better=False)
    assert (comparison.wins, comparison.losses) == (0, 8)
    assert comparison.difference == pytest.approx(0.35)  # still candidate minus baseline


def test_pairs_without_both_scores_are_left_out_and_counted():
    comparison = compared([0.1, NAN, 0.5, 0.2], [0.4, 0.9, NAN, 0.3])
    assert (comparison.n_pairs, comparison.n_unpaired) == (2, 2)
    assert comparison.difference == pytest.approx(0.35 - 0.15)  # (0.4 + 0.3) / 2 against (0.1 + 0.2) / 2


def test_clusters_follow_their_pairs():
    comparison = compared([0.1, NAN, 0.5, 0.2], [0.4, 0.9, 0.8, 0.3], clusters=np.array(["a", "b", "a", "c"]))
    assert comparison.n_clusters == 2


def test_what_differs_is_counted_by_what_is_exchanged_as_a_whole():
    # clusters sum to 0.5 - 0.5, 0.3 and 0
    baseline, candidate = np.zeros(5), np.array([0.5, -0.5, 0.3, 0.0, 0.0])
    assert (compared(baseline, candidate).n_differing, compared(baseline, candidate).n_units) == (3, 5)
    clustered = compared(baseline, candidate, clusters=np.array(["a", "a", "b", "c", "c"]))
    assert (clustered.n_differing, clustered.n_units) == (1, 3)


def test_the_test_follows_what_the_metric_declares_and_not_what_the_scores_happen_to_be():
    baseline, candidate = discordant(12, 2, 70, 16)
    first, second = (example_scores(scores, lower=0, upper=1, binary=False) for scores in (baseline, candidate))
    comparison = compare_paired(first, second, confidence=0.95)
    assert (comparison.test, comparison.interval.method) == ("exact sign-flip", "t")
    assert comparison.effect == "Cohen's dz"


def test_no_common_example_is_a_result_and_not_an_error():
    comparison = compared([NAN, 0.5], [0.5, NAN])
    assert (comparison.n_pairs, comparison.n_unpaired) == (0, 2)
    assert comparison.difference is comparison.p_value is comparison.interval.ends is None


def test_one_pair_has_a_difference_but_no_interval():
    comparison = compared([0.5], [0.7])
    assert comparison.difference == pytest.approx(0.2)
    assert comparison.interval.method == "none: one score"


def test_equal_differences_have_no_effect_size_although_binary_fractions_wobble():
    comparison = compared([0.1, 0.2, 0.3], [0.2, 0.3, 0.4])
    assert comparison.effect_size is None
    assert comparison.interval.method == "none: no spread"


def test_identical_candidates_on_a_known_scale_are_bounded():
    comparison = compared(np.full(100, 3.0), np.full(100, 3.0), lower=1, upper=5)
    # at most 1 - 0.025^(1/100) = 0.036217 of pairs differ, by at most 4
    assert comparison.interval.ends == pytest.approx((-4 * 0.036217, 4 * 0.036217), abs=1e-5)


def test_columns_over_other_examples_are_refused():
    with pytest.raises(UnpairedScoresError, match="got 2 and 3"):
        compared([0.1, 0.2], [0.1, 0.2, 0.3])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_exchanging_the_candidates_mirrors_the_comparison(pairs):
    first, second = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    there, back = compared(first, second, lower=0, upper=5), compared(second, first, lower=0, upper=5)
    assert there.difference == pytest.approx(-back.difference)
    assert there.p_value == pytest.approx(back.p_value)
    assert 0 < there.p_value <= 1
    assert (there.wins, there.losses, there.ties) == (back.losses, back.wins, back.ties)
    if there.interval.ends is not None:
        assert there.interval.ends == pytest.approx((-back.interval.high, -back.interval.low), abs=1e-9)
        assert there.interval.low <= there.difference <= there.interval.high


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_the_paired_interval_stays_within_minus_1_and_1(wins, losses, ties):
    low, high = paired_proportion_interval(wins, losses, wins + losses + ties + 1, confidence=0.95).ends
    assert -1 <= low < high <= 1


def test_a_relative_drop_of_a_certain_baseline_is_the_drop_rescaled():
    drops = np.array([0.1, 0.2, 0.0, 0.1, 0.1])
    # the baseline is 2 throughout: 0.1 ± 2.776445 sqrt(0.005 / 5), halved
    interval = relative_drop_interval(np.full(5, 2.0), drops, absolute=no_interval("-", 0.95), confidence=0.95)
    reach = 2.776445 * np.sqrt(0.005 / 5)
    assert interval.ends == pytest.approx(((0.1 - reach) / 2, (0.1 + reach) / 2), abs=1e-6)


def test_a_relative_drop_counts_how_baseline_and_drop_move_together():
    rng = np.random.default_rng(2)
    baseline = rng.gamma(2, 1, 60)
    drops = 0.3 * baseline + rng.normal(0, 0.2, 60)
    ends = relative_drop_interval(baseline, drops, absolute=no_interval("-", 0.95), confidence=0.95).ends
    for share in ends:  # Fieller's set ends where a t-test of drop - share * baseline is just significant
        rest = drops - share * baseline
        assert abs(rest.mean()) / (rest.std(ddof=1) / np.sqrt(60)) == pytest.approx(2.000995)  # t(59, 0.975)


def test_a_relative_drop_from_nothing_has_no_interval():
    baseline = np.array([1.0, -1.0, 0.5, -0.5])
    interval = relative_drop_interval(baseline, baseline / 2, absolute=no_interval("-", 0.95), confidence=0.95)
    assert interval.method == "none: the baseline's mean can't be told from zero"


def test_a_relative_drop_below_zero_keeps_its_direction():
    # readability -2 fell by about 0.5 to -2.5: a quarter of 2, whatever the sign of the baseline
    baseline, drops = np.array([-2.0, -2.1, -1.9, -2.0]), np.array([0.5, 0.6, 0.4, 0.5])
    interval = relative_drop_interval(baseline, drops, absolute=no_interval("-", 0.95), confidence=0.95)
    assert interval.low < 0.25 < interval.high


def test_a_relative_drop_without_spread_scales_the_absolute_interval():
    absolute = Interval(-0.04, 0.04, "bonett-price", 0.95)
    interval = relative_drop_interval(
        np.array([1.0, 0.0, 1.0, 1.0] * 20), np.zeros(80), absolute=absolute, confidence=0.95
    )
    assert interval.ends == pytest.approx((-0.04 / 0.75, 0.04 / 0.75))


def test_holm_multiplies_by_the_comparisons_left_and_never_goes_back():
    # sorted 0.01 * 4, 0.02 * 3, 0.03 * 2 (raised to 0.06), 0.04 * 1 (raised to 0.06)
    assert holm_adjusted(np.array([0.03, 0.01, 0.04, 0.02])).tolist() == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_holm_leaves_out_what_was_not_tested():
    adjusted = holm_adjusted(np.array([0.01, NAN, 0.04]))
    assert adjusted[[0, 2]].tolist() == pytest.approx([0.02, 0.04])  # two comparisons, not three
    assert np.isnan(adjusted[1])
    assert holm_adjusted(np.array([])).size == 0


@pytest.mark.parametrize(("wins", "losses", "n"), [(0, 0, 100), (2, 2, 196), (9, 3, 150), (40, 38, 400)])
def test_equivalence_of_pass_rates_is_no_surer_than_the_interval_or_the_score_test(wins, losses, n):
    baseline, candidate = discordant(wins, losses, n - wins - losses, 0)
    comparison = compared(baseline, candidate, lower=0, upper=1, margin=0.05)
    shares = wins / n, losses / n
    # Tango's restricted estimate: the root of 2 n q^2 + b q + c
    expected = 0.0
    for more, fewer in (shares, shares[::-1]):
        b = (2 - more + fewer) * 0.05 - more - fewer
        q = max(np.roots([2, b, -fewer * 0.05 * 0.95]).real)
        z = (more - fewer - 0.05) * np.sqrt(n) / np.sqrt(2 * q + 0.05 * 0.95)
        expected = max(expected, 1 + math.erf(z / np.sqrt(2)))  # twice the lower tail
    assert comparison.p_value_of_equivalence >= min(1.0, expected) - 1e-9


def test_many_equal_rates_at_the_margin_are_called_equivalent_no_more_often_than_promised():
    # rates that differ by the margin of 0.05 on 7 % of 200 examples; the level of one of twenty is 0.0025, each side
    rng = np.random.default_rng(0)
    tables = rng.multinomial(200, [0.06, 0.01, 0.93], size=3_000)
    wrong = 0
    for wins, losses, _ in tables[tables[:, 0] - tables[:, 1] < 0]:  # others are nowhere near equivalence
        comparison = compared(*discordant(wins, losses, 200 - wins - losses, 0), lower=0, upper=1, margin=0.05)
        wrong += comparison.p_value_of_equivalence <= 0.0025
    assert wrong <= 0.00125 * 3_000 + 3 * np.sqrt(0.00125 * 3_000)
