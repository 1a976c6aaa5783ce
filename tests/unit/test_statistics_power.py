"""What examples can and cannot show, at the level that a comparison among many needs."""

import numpy as np
import pytest

from eval_assets.statistics.comparison.conclusions import Conclusion, conclude
from eval_assets.statistics.comparison.paired import compare_paired
from eval_assets.statistics.comparison.power import is_worth_asking_for, power_figures, two_digits
from eval_assets.statistics.comparison.power_of_tests import (
    examples_to_resolve,
    fewest_units,
    mcnemar_power,
    pairs_to_resolve_by_mcnemar,
    smallest_detectable_difference,
    smallest_difference_by_flips,
    smallest_difference_by_mcnemar,
)
from eval_assets.statistics.comparison.significance import mcnemar_test, sign_flip_test
from eval_assets.statistics.descriptive import example_scores

N_TABLES = 150
SD = 0.2  # of the differences in the simulations below


def compared(baseline, candidate, *, lower=None, upper=None, clusters=None, binary=None):
    first, second = (
        example_scores(np.asarray(scores, dtype=float), lower=lower, upper=upper, clusters=clusters, binary=binary)
        for scores in (baseline, candidate)
    )
    return compare_paired(first, second, confidence=0.95)


def rates(wins, losses, ties):
    counts = [wins, losses, ties]
    return compared(np.repeat([0.0, 1.0, 1.0], counts), np.repeat([1.0, 0.0, 1.0], counts), lower=0, upper=1)


def called_better(comparison, n_comparisons):
    """Whether the whole verdict is a win, the other comparisons of the table showing nothing."""
    adjusted = min(1.0, comparison.p_value * n_comparisons)
    return conclude(comparison, confidence=0.95, adjusted_p_value=adjusted).conclusion is Conclusion.BETTER


def share_called_better(draw, n_comparisons):
    return np.mean([called_better(draw(), n_comparisons) for _ in range(N_TABLES)])


def test_power_the_other_way_round():
    least = smallest_detectable_difference(0.5, 200)
    assert least == pytest.approx(0.5 * 2.8 / np.sqrt(200), rel=0.01)  # (1.960 + 0.842) sd / sqrt(n), and a bit for t
    assert examples_to_resolve(least * 1.0001, 0.5) == 200


def test_a_large_sample_is_counted_by_formula():
    # ((1.959964 + 0.841621) * 0.5 / 0.003)² = 218024.4; 218026 with Student's correction
    assert examples_to_resolve(0.003, 0.5) == 218_026


@pytest.mark.parametrize(("sd", "n"), [(0.0, 100), (0.5, 1), (0.5, 0)])
def test_nothing_is_detectable_without_spread_or_examples(sd, n):
    assert smallest_detectable_difference(sd, n) is None


def test_no_number_of_examples_resolves_zero():
    assert examples_to_resolve(0.0, 0.5) is None
    assert examples_to_resolve(0.1, 0.0) is None


@pytest.mark.parametrize(("count", "rounded"), [(0, 0), (7, 7), (99, 99), (101, 110), (637, 640), (12_345, 13_000)])
def test_counts_of_examples_are_rounded_up_to_two_digits(count, rounded):
    assert two_digits(count) == rounded


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.05 / 8, 0.05 / 40])
def test_with_one_unit_fewer_no_exact_test_can_be_significant(alpha):
    n = fewest_units(alpha)
    for smallest_p in (mcnemar_p, flip_p):
        assert smallest_p(n) < alpha <= smallest_p(n - 1)


def mcnemar_p(n):
    return mcnemar_test(n, 0).p_value


def flip_p(n):
    return sign_flip_test(np.ones(n)).p_value


def test_figures_are_for_the_level_that_the_correction_asks_for():
    comparison = compared(np.zeros(40), np.tile([0.3, -0.1], 20))
    alone, among_eight = power_figures(comparison), power_figures(comparison, n_comparisons=8)
    assert (alone.level, among_eight.level) == pytest.approx((0.05, 0.00625))
    sd = 0.2 * np.sqrt(40 / 39)
    expected = smallest_detectable_difference(sd, 40, alpha=0.00625)
    assert among_eight.smallest_detectable_difference == pytest.approx(expected)
    # (2.734 + 0.842)² against (1.960 + 0.842)²: 1.6 times the examples, and a bit for t
    assert among_eight.examples_to_resolve / alone.examples_to_resolve == pytest.approx(1.6, abs=0.1)


def test_few_units_are_planned_for_the_level_that_is_attained():
    # 0.05 / 8 of 1,024 sign patterns are 6.4, and patterns come in pairs: 6 / 1,024
    expected = smallest_detectable_difference(SD, 10, alpha=6 / 1_024)
    assert smallest_difference_by_flips(SD, 10, alpha=0.05 / 8) == pytest.approx(expected)


def test_rates_are_planned_for_the_exact_test():
    figures = power_figures(rates(12, 10, 178))
    least = figures.smallest_detectable_difference
    assert mcnemar_power(least, 200, discordant_share=0.11) == pytest.approx(0.8, abs=1e-4)
    # 0.11 ((1.960 + 0.842) / 0.01)² = 8,634 by the normal approximation; the exact test asks for a little more
    assert 8_634 < figures.examples_to_resolve < 1.03 * 8_634


def test_five_pairs_show_no_difference_of_rates_however_large():
    assert smallest_difference_by_mcnemar(0.5, 5) is None
    assert smallest_difference_by_mcnemar(0.5, 6) is not None


def test_pairs_to_resolve_a_rate_difference_have_the_power_and_one_fewer_lacks_it():
    for difference, share in ((0.1, 0.2), (-0.04, 0.04), (1.0, 1.0)):
        n = pairs_to_resolve_by_mcnemar(difference, share)
        powers = [mcnemar_power(abs(difference), m, discordant_share=share) for m in (n - 1, n)]
        assert powers[0] < 0.8 <= powers[1]
    assert pairs_to_resolve_by_mcnemar(0.0, 0.2) is None


def test_clusters_are_what_is_counted():
    # the mean of a cluster is all it says: ten clusters of five equal differences are ten differences
    means = np.array([0.3, -0.1, 0.2, 0.1, 0.4, -0.2, 0.3, 0.0, 0.1, 0.2])
    single = power_figures(compared(np.zeros(10), means))
    clustered = power_figures(compared(np.zeros(50), np.repeat(means, 5), clusters=np.repeat(np.arange(10), 5)))
    assert clustered.smallest_detectable_difference == pytest.approx(single.smallest_detectable_difference)
    assert clustered.examples_to_resolve == 5 * single.examples_to_resolve


def test_with_too_few_clusters_there_is_no_detectable_difference():
    few = compared(np.zeros(50), np.repeat([0.3, 0.2, 0.3, 0.2, 0.3], 10), clusters=np.repeat(np.arange(5), 10))
    figures = power_figures(few)
    assert (figures.fewest_units, figures.smallest_detectable_difference) == (6, None)
    assert figures.examples_to_resolve == 60  # six clusters of ten


@pytest.mark.parametrize(
    "differences",
    [np.tile([0.5, -0.5], 8), np.append(np.tile([0.5, -0.5], 8), 0.1), np.append(np.tile([0.01, -0.01], 500), 0.4)],
    ids=["none", "a thousand times the examples", "rounds to 0.0 points"],
)
def test_next_to_no_difference_asks_for_no_examples(differences):
    figures = power_figures(compared(np.zeros(differences.size), differences, lower=-0.5, upper=0.5))
    assert figures.examples_to_resolve is None
    assert figures.smallest_detectable_difference > 0.001


@pytest.mark.parametrize(
    ("needed", "now", "worth"), [(2_000, 20, True), (20_001, 20, False), (1_000_001, 900_000, False)]
)
def test_examples_that_nobody_would_collect_are_no_advice(needed, now, worth):
    assert is_worth_asking_for(needed, now) is worth


def test_without_pairs_there_are_no_figures():
    figures = power_figures(compared([np.nan, 0.5], [0.5, np.nan]))
    assert figures.smallest_detectable_difference is figures.examples_to_resolve is None


# The smallest detectable difference is there in each simulated table, and 80 % of verdicts should say so; three
# standard errors of 150 tables are 0.1.


@pytest.mark.parametrize("n_comparisons", [1, 8])
@pytest.mark.parametrize(("n", "discordant_share"), [(50, 0.3), (300, 0.1), (300, 0.02)])
def test_the_smallest_detectable_rate_difference_is_found_in_80_percent(n, discordant_share, n_comparisons):
    rng = np.random.default_rng(1)
    least = smallest_difference_by_mcnemar(discordant_share, n, alpha=0.05 / n_comparisons)
    share = max(discordant_share, least)

    def draw():
        return rates(*rng.multinomial(n, [(share + least) / 2, (share - least) / 2, 1 - share]))

    assert share_called_better(draw, n_comparisons) == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize("n_comparisons", [1, 8])
@pytest.mark.parametrize("n", [9, 30, 100])
def test_the_smallest_detectable_difference_is_found_in_80_percent(n, n_comparisons):
    rng = np.random.default_rng(2)
    least = smallest_difference_by_flips(SD, n, alpha=0.05 / n_comparisons)

    def draw():
        return compared(np.zeros(n), rng.normal(least, SD, n), binary=False)

    assert share_called_better(draw, n_comparisons) == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize("n_comparisons", [1, 8])
@pytest.mark.parametrize("n_clusters", [9, 20])
def test_the_smallest_detectable_difference_of_clusters_is_found_in_80_percent(n_clusters, n_comparisons):
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(n_clusters), 5)
    sd_of_means = np.sqrt(0.1**2 + SD**2 / 5)
    least = smallest_difference_by_flips(sd_of_means, n_clusters, alpha=0.05 / n_comparisons)

    def draw():
        differences = rng.normal(least, SD, clusters.size) + rng.normal(0, 0.1, n_clusters)[clusters]
        return compared(np.zeros(clusters.size), differences, clusters=clusters)

    assert share_called_better(draw, n_comparisons) == pytest.approx(0.8, abs=0.1)


def test_a_difference_planned_without_the_correction_would_be_missed_in_half_of_the_tables():
    rng = np.random.default_rng(4)
    least = smallest_difference_by_flips(SD, 30)

    def draw():
        return compared(np.zeros(30), rng.normal(least, SD, 30), binary=False)

    assert share_called_better(draw, 8) < 0.6
