"""The statistics against scipy, statsmodels, scikit-learn, krippendorff and textbooks on the same vectors."""

import itertools
import time

import krippendorff
import numpy as np
import pytest

from eval_assets.statistics.binomial import binomial_cdf, binomial_pmf, binomial_ppf
from eval_assets.statistics.comparison.differences import difference_bound, equivalence_p_value
from eval_assets.statistics.comparison.power_of_tests import (
    examples_to_resolve,
    mcnemar_power,
    smallest_detectable_difference,
    smallest_difference_by_flips,
    smallest_difference_by_mcnemar,
)
from eval_assets.statistics.comparison.significance import holm_adjusted, mcnemar_test, sign_flip_test
from eval_assets.statistics.intervals import exact_interval, mean_interval, wilson_interval
from eval_assets.statistics.judging.agreement import (
    cohen_kappa,
    confusion_matrix,
    spearman_correlation,
)
from eval_assets.statistics.judging.alpha import krippendorff_alpha
from eval_assets.statistics.judging.correction import prediction_powered_mean
from eval_assets.statistics.judging.judge_bias import length_bias
from eval_assets.statistics.judging.preferences import bradley_terry
from eval_assets.statistics.spread import effective_size, standard_error
from tests.oracle.published import Published

sm, stats, sklearn = Published("statsmodels.api"), Published("scipy.stats"), Published("sklearn.metrics")
sm_power, sm_tables = Published("statsmodels.stats.power"), Published("statsmodels.stats.contingency_tables")
sm_proportion = Published("statsmodels.stats.proportion")
DRAWS = {"confidence": 0.95, "n_resamples": 50, "seed": 0}
NAN = np.nan
# Four observers, twelve units: the worked example of Krippendorff 2011
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)


@pytest.fixture
def rng():
    return np.random.default_rng(42)


@pytest.mark.parametrize(("n_passed", "n"), [(0, 5), (1, 7), (8, 10), (50, 50), (313, 1000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("bound", "method"), [(wilson_interval, "wilson"), (exact_interval, "beta")])
def test_proportions_equal_statsmodels(n_passed, n, confidence, bound, method):
    expected = sm_proportion.proportion_confint(n_passed, n, alpha=1 - confidence, method=method)
    assert bound(n_passed, n, confidence=confidence).ends == pytest.approx(expected, abs=1e-12)


def test_t_equals_scipy(rng):
    scores = rng.beta(4, 2, 37)
    expected = stats.ttest_1samp(scores, 0).confidence_interval(0.9)
    assert mean_interval(scores, confidence=0.9).ends == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("n_clusters", [2, 5, 40])
def test_clusters_equal_least_squares_with_cluster_covariance(rng, n_clusters):
    clusters = np.sort(rng.integers(n_clusters, size=120))
    clusters[:n_clusters] = np.arange(n_clusters)
    scores = rng.normal(size=n_clusters)[clusters] + rng.normal(size=120)
    fitted = sm.OLS(scores, np.ones(120)).fit(cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True)
    error, degrees = standard_error(scores, clusters)
    assert error == pytest.approx(fitted.bse[0], rel=1e-12)
    assert degrees == n_clusters - 1
    interval = mean_interval(scores, clusters=clusters, confidence=0.95)
    assert interval.ends == pytest.approx(tuple(fitted.conf_int(0.05)[0]), rel=1e-9)


@pytest.mark.parametrize(("wins", "losses"), [(12, 2), (0, 5), (7, 7), (130, 90)])
def test_mcnemar_equals_statsmodels(wins, losses):
    expected = sm_tables.mcnemar([[0, wins], [losses, 0]], exact=True).pvalue
    assert mcnemar_test(wins, losses).p_value == pytest.approx(expected)


def test_the_exact_sign_flip_equals_scipys_permutation_test(rng):
    differences = np.round(rng.normal(0.3, 1, 11), 1)
    expected = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(differences).p_value == pytest.approx(expected.pvalue)


def test_holm_is_the_closed_test_of_all_intersections_by_bonferroni(rng):
    # Marcus, Peritz and Gabriel 1976: a hypothesis falls once every set of hypotheses that holds it falls
    for p_values in (rng.uniform(0, 0.1, 9), np.array([0.02, 0.02, 0.5, 1.0])):
        subsets = [
            list(subset)
            for size in range(1, p_values.size + 1)
            for subset in itertools.combinations(range(p_values.size), size)
        ]
        expected = [
            max(min(1.0, len(subset) * p_values[subset].min()) for subset in subsets if index in subset)
            for index in range(p_values.size)
        ]
        assert holm_adjusted(p_values) == pytest.approx(expected)


@pytest.mark.parametrize("n", [3, 20, 500])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_the_smallest_detectable_difference_equals_statsmodels(n, power):
    expected = 0.3 * sm_power.tt_solve_power(nobs=n, alpha=0.05, power=power)
    assert smallest_detectable_difference(0.3, n, power=power) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("difference", [0.3, 0.05, 0.012])
def test_the_examples_to_resolve_equal_statsmodels(difference):
    expected = sm_power.tt_solve_power(effect_size=difference / 0.4, alpha=0.05, power=0.8)
    assert examples_to_resolve(difference, 0.4) == int(np.ceil(expected))


@pytest.mark.parametrize("n", [20, 100])
@pytest.mark.parametrize("n_comparisons", [1, 8])
def test_the_smallest_detectable_difference_of_flips_equals_statsmodels(n, n_comparisons):
    expected = 0.3 * sm_power.tt_solve_power(nobs=n, alpha=0.05 / n_comparisons, power=0.8)
    found = smallest_difference_by_flips(0.3, n, alpha=0.05 / n_comparisons)
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("chance", [1e-6, 0.2, 0.5, 0.97])
@pytest.mark.parametrize("n", [1, 14, 1_000, 200_000])
def test_the_binomial_distribution_equals_scipys(n, chance):
    successes = np.unique(np.clip(np.round(n * chance + np.sqrt(n) * np.arange(-5, 6)), -1, n))
    probabilities = np.array([5e-10, 0.025, 0.3, 0.5, 0.9, 1 - 5e-10])
    assert binomial_cdf(successes, n, chance) == pytest.approx(stats.binom.cdf(successes, n, chance), rel=1e-10)
    counts = np.maximum(successes, 0)
    assert binomial_pmf(counts, n, chance) == pytest.approx(stats.binom.pmf(counts, n, chance), rel=1e-8)
    assert binomial_ppf(probabilities, n, chance).tolist() == stats.binom.ppf(probabilities, n, chance).tolist()


@pytest.mark.parametrize(
    ("difference", "n", "share", "alpha"), [(0.1, 60, 0.2, 0.05), (0.25, 20, 0.25, 0.05), (0.2, 60, 0.3, 0.05 / 8)]
)
def test_the_power_of_mcnemar_equals_the_sum_over_scipys_binomial_tests(difference, n, share, alpha):
    wins = (1 + difference / share) / 2
    expected = sum(
        stats.binom.pmf(discordant, n, share) * stats.binom.pmf(won, discordant, wins)
        for discordant in range(1, n + 1)
        for won in range(discordant // 2 + 1, discordant + 1)
        if stats.binomtest(won, discordant).pvalue < alpha
    )
    assert mcnemar_power(difference, n, discordant_share=share, alpha=alpha) == pytest.approx(expected, abs=1e-8)


def test_where_no_pair_differed_the_smallest_detectable_difference_is_enough_wins_in_a_row():
    least = smallest_difference_by_mcnemar(0.0, 50)
    assert stats.binom.sf(5, 50, least) == pytest.approx(0.8, abs=1e-4)  # six wins of six: 2 / 2 ** 6 < 0.05


@pytest.mark.parametrize("weights", ["nominal", "linear", "quadratic"])
def test_kappa_equals_scikit_learn(rng, weights):
    first = rng.integers(1, 6, 200)
    second = np.where(rng.random(200) < 0.6, first, rng.integers(1, 6, 200))
    expected = sklearn.cohen_kappa_score(first, second, weights=None if weights == "nominal" else weights)
    assert cohen_kappa(first, second, weights=weights, **DRAWS).value == pytest.approx(expected)


def test_kappa_with_an_unused_grade_equals_scikit_learn(rng):
    first, second = rng.choice([1, 2, 5], size=(2, 100))
    scale = np.arange(1, 6)
    expected = sklearn.cohen_kappa_score(first, second, labels=scale, weights="quadratic")
    assert cohen_kappa(first, second, labels=scale, weights="quadratic", **DRAWS).value == pytest.approx(expected)


def test_confusion_equals_scikit_learn(rng):
    first, second = rng.choice(["bad", "fair", "good"], size=(2, 60))
    assert np.array_equal(confusion_matrix(first, second).counts, sklearn.confusion_matrix(first, second))


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_equals_the_published_example(level, published):
    assert krippendorff_alpha(PUBLISHED, level=level, **DRAWS).value == pytest.approx(published, abs=0.0005)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_equals_the_package(rng, level):
    ratings = rng.integers(1, 6, (4, 80)).astype(float)
    ratings[rng.random(ratings.shape) < 0.3] = NAN
    ratings[1] = np.where(rng.random(80) < 0.7, ratings[0], ratings[1])
    expected = krippendorff.alpha(ratings, level_of_measurement=level)
    assert krippendorff_alpha(ratings, level=level, **DRAWS).value == pytest.approx(expected)


@pytest.mark.parametrize("level", ["ordinal", "interval"])
def test_alpha_of_fractions_equals_the_package(rng, level):
    quality = rng.normal(3, 1, 60)
    ratings = np.round(quality + rng.normal(0, 0.5, (3, 60)), 3)
    expected = krippendorff.alpha(ratings, level_of_measurement=level)
    assert krippendorff_alpha(ratings, level=level, **DRAWS).value == pytest.approx(expected)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_of_a_resample_equals_the_package_on_the_drawn_examples(rng, level):
    ratings = rng.integers(1, 4, (3, 30)).astype(float)
    generator = np.random.default_rng(5)
    draws = [generator.integers(30, size=30) for _ in range(2)]
    expected = sorted(krippendorff.alpha(ratings[:, drawn], level_of_measurement=level) for drawn in draws)
    # an interval at nearly 100 % over two resamples runs from the lower to the higher one
    agreement = krippendorff_alpha(ratings, level=level, confidence=1 - 1e-12, n_resamples=2, seed=5)
    assert agreement.interval.ends == pytest.approx(tuple(expected))


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize("n_values", [2, 40, 100_000])
def test_alpha_equals_the_package_whatever_the_number_of_values(rng, level, n_values):
    ratings = rng.integers(0, n_values, (3, 80)).astype(float)
    ratings[rng.random(ratings.shape) < 0.3] = NAN
    expected = krippendorff.alpha(ratings, level_of_measurement=level)
    assert krippendorff_alpha(ratings, level=level, **DRAWS).value == pytest.approx(expected, abs=1e-9)


def test_alpha_of_thousands_of_numbers_takes_seconds(rng):
    truth = rng.normal(size=2_000)
    ratings = truth + rng.normal(size=(3, 2_000))  # 6,000 different values, 2,000 resamples
    started = time.process_time()
    agreement = krippendorff_alpha(ratings, level="interval", confidence=0.95, n_resamples=2_000, seed=0)
    assert time.process_time() - started < 10
    assert agreement.value == pytest.approx(0.5, abs=0.05)  # half the variance is the truth's; the package has no room


def test_spearman_equals_scipy(rng):
    first, second = rng.integers(1, 6, (2, 90)).astype(float)
    assert spearman_correlation(first, second, **DRAWS).value == pytest.approx(stats.spearmanr(first, second).statistic)


def test_length_bias_equals_least_squares_with_hc3(rng):
    lengths = rng.uniform(10, 400, 60)
    scores = 3 + 0.002 * lengths + rng.normal(0, lengths / 400)
    fitted = sm.OLS(scores, sm.add_constant(lengths)).fit(cov_type="HC3", use_t=True)
    bias = length_bias(scores, lengths, confidence=0.95)
    assert bias.value == pytest.approx(fitted.params[1])
    assert bias.interval.ends == pytest.approx(tuple(fitted.conf_int(0.05)[1]))


def test_length_bias_of_clusters_equals_the_jackknife_that_leaves_out_whole_clusters(rng):
    clusters = np.repeat(np.arange(15), [1, 2, 3, 4, 5] * 3)
    lengths = rng.uniform(10, 400, clusters.size)
    scores = 3 + 0.002 * lengths + rng.normal(size=15)[clusters]
    slopes = [np.polyfit(lengths[clusters != left], scores[clusters != left], 1)[0] for left in range(15)]
    slope = np.polyfit(lengths, scores, 1)[0]
    reach = stats.t.ppf(0.975, 13) * np.sqrt(np.sum((np.array(slopes) - slope) ** 2))
    bias = length_bias(scores, lengths, clusters=clusters, confidence=0.95)
    assert bias.interval.ends == pytest.approx((slope - reach, slope + reach))


def test_a_clustered_rate_has_the_error_of_statsmodels_behind_its_size(rng):
    clusters = rng.integers(0, 30, 200)
    scores = (rng.random(200) < rng.beta(9, 1, 30)[clusters]).astype(float)
    fitted = sm.OLS(scores, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": clusters, "df_correction": True})
    rate = scores.mean()
    # statsmodels counts (n - 1) / (n - k) with k = 1 beside G / (G - 1)
    expected = rate * (1 - rate) / fitted.bse[0] ** 2
    assert effective_size(scores, clusters, variance=rate * (1 - rate)).size == pytest.approx(min(expected, 200))


def test_the_sign_flip_of_many_unequal_differences_equals_scipys_permutations(rng):
    differences = rng.normal(0.15, 1, size=200)
    expected = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=40_000, rng=np.random.default_rng(1)
    )
    found = sign_flip_test(differences)
    assert found.test == "saddlepoint sign-flip"
    assert found.p_value == pytest.approx(expected.pvalue, abs=3 * np.sqrt(0.05 / 40_000))


def test_equivalence_equals_two_one_sided_tests(rng):
    differences = rng.normal(0.01, 0.05, size=60)
    lower = stats.ttest_1samp(differences, -0.03, alternative="greater").pvalue
    upper = stats.ttest_1samp(differences, 0.03, alternative="less").pvalue
    found = equivalence_p_value(difference_bound(differences, binary=False), margin=0.03, confidence=0.95)
    assert found == pytest.approx(2 * max(lower, upper), rel=2e-4)


def test_bradley_terry_expects_of_everyone_the_wins_there_were(rng):
    # Zermelo 1929: strengths are the most likely where the wins expected of each equal its wins, a draw being half
    pairs = np.array([(i, j) for i in range(4) for j in range(4) if i != j] * 10)
    outcomes = rng.choice([0.0, 0.5, 1.0], size=len(pairs), p=[0.3, 0.2, 0.5])
    rows = bradley_terry(list("wxyz"), pairs, outcomes, example_index=np.arange(len(pairs)), **DRAWS)
    strength = np.array([{row.name: row.strength for row in rows}[name] for name in "wxyz"])
    expected = 1 / (1 + np.exp(strength[pairs[:, 1]] - strength[pairs[:, 0]]))
    for index in range(4):
        first, second = pairs[:, 0] == index, pairs[:, 1] == index
        wins = outcomes[first].sum() + (1 - outcomes[second]).sum()
        assert expected[first].sum() + (1 - expected[second]).sum() == pytest.approx(wins, abs=1e-4)
    assert strength.sum() == pytest.approx(0, abs=1e-9)


def test_bradley_terry_equals_logistic_regression(rng):
    pairs = np.array([(0, 1), (1, 2), (2, 0)] * 40)
    outcomes = (rng.random(120) < 0.6).astype(float)
    design = np.zeros((120, 3))
    design[np.arange(120), pairs[:, 0]] = 1
    design[np.arange(120), pairs[:, 1]] = -1
    fitted = sm.Logit(outcomes, design[:, 1:]).fit(disp=False)  # the first candidate at 0
    expected = np.array([0, *fitted.params]) - np.mean([0, *fitted.params])
    rows = bradley_terry(list("xyz"), pairs, outcomes, example_index=np.arange(120), **DRAWS)
    assert [row.strength for row in sorted(rows, key=lambda row: row.name)] == pytest.approx(expected, abs=1e-5)


def test_a_full_weight_is_plain_prediction_powered_inference(rng):
    human = rng.normal(3, 1, 200)
    judge = 2 * human / 3 + 1  # slope of people on judge 1.5: clipped to 1
    unlabelled = 2 * rng.normal(3, 1, 2000) / 3 + 1
    corrected = prediction_powered_mean(judge, human, unlabelled, confidence=0.95)
    # Angelopoulos et al. 2023, eq. for the mean: imputed mean plus the rectifier
    assert corrected.value == pytest.approx(unlabelled.mean() + (human - judge).mean())
    error = np.sqrt(unlabelled.var() / 2000 + (human - judge).var() / 200)
    assert corrected.interval.high - corrected.value == pytest.approx(1.96 * error, rel=0.02)
