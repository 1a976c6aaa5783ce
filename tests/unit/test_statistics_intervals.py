"""Intervals of one candidate's mean and quantiles."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.errors import UnpairedScoresError, UnscoredRowsError
from eval_assets.statistics.intervals import (
    constant_interval,
    exact_interval,
    mean_interval,
    wilson_interval,
)
from eval_assets.statistics.resampling import (
    bootstrap_quantile_interval,
    bootstrap_quantile_intervals,
    percentile_interval,
    resampled_counts,
)
from eval_assets.statistics.spread import effective_size, error_of_mean, joint_clusters, standard_error

counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_binary_scores_get_the_wilson_interval_and_say_so():
    interval = mean_interval(np.repeat([1.0, 0.0], [8, 2]), confidence=0.95)
    # z = 1.959964, z²/n = 0.384146: (0.8 + 0.192073 ± sqrt(0.384146 (0.16 + 0.096036))) / 1.384146
    assert interval.ends == pytest.approx((0.490162, 0.943318), abs=1e-6)
    assert interval.method == "wilson"


def test_all_passed_still_leaves_room_below():
    # no failure in n: the exact lower end is 0.025^(1/n)
    assert exact_interval(20, 20, confidence=0.95).low == pytest.approx(0.025 ** (1 / 20))
    assert exact_interval(20, 20, confidence=0.95).high == 1.0


def test_other_scores_get_t():
    # mean 2.5, sd sqrt(5/3), standard error 0.645497, t(3, 0.975) = 3.182446
    interval = mean_interval(np.array([1.0, 2.0, 3.0, 4.0]), confidence=0.95)
    assert interval.ends == pytest.approx((2.5 - 3.182446 * 0.645497, 2.5 + 3.182446 * 0.645497), abs=1e-5)
    assert interval.method == "t"


def test_an_interval_stays_within_the_range_of_the_metric():
    interval = mean_interval(np.array([0.9, 1.0, 0.2]), lower=0, upper=1, confidence=0.95)
    assert interval.ends == (0, 1)  # 0.7 ± 4.30 * 0.25 reaches beyond both ends


def test_zeros_and_ones_on_a_wider_scale_are_not_shares():
    assert mean_interval(np.array([1.0, 1.0, 0.0]), lower=0, upper=5, confidence=0.95).method == "t"


def test_clusters_of_copies_count_once():
    scores = np.array([1.0, 3.0, 2.0, 4.0])
    copied, clusters = np.repeat(scores, 5), np.repeat(["a", "b", "c", "d"], 5)
    # five copies of each tell nothing new: the interval is that of the four
    expected = mean_interval(scores, confidence=0.95)
    interval = mean_interval(copied, clusters=clusters, confidence=0.95)
    assert interval.ends == pytest.approx(expected.ends)
    assert interval.method == "cluster-robust t"


def test_a_cluster_per_example_changes_nothing():
    scores = np.array([0.1, 0.5, 0.4, 0.9, 0.3])
    assert standard_error(scores, np.arange(5)) == pytest.approx(standard_error(scores))


@pytest.mark.parametrize(
    ("scores", "clusters", "method"),
    [
        ([], None, "none: no scores"),
        ([3.0], None, "none: one score"),
        ([3.0, 3.0, 3.0], None, "none: no spread"),
        ([1.0, 2.0, 5.0], ["a", "a", "a"], "none: one cluster"),
        ([2.0, 2.0, 2.0, 2.0], ["a", "a", "b", "b"], "none: no spread"),
    ],
)
def test_where_no_interval_exists_the_method_says_why(scores, clusters, method):
    groups = None if clusters is None else np.array(clusters)
    interval = mean_interval(np.array(scores), clusters=groups, confidence=0.95)
    assert (interval.ends, interval.method) == (None, method)


def test_equal_scores_on_a_known_scale_are_bounded_by_what_was_not_met():
    # at most 1 - 0.025^(1/50) = 0.071122 of examples score otherwise, at worst 1 instead of 4
    interval = mean_interval(np.full(50, 4.0), lower=1, upper=5, confidence=0.95)
    assert interval.ends == pytest.approx((4 - 3 * 0.071122, 4 + 0.071122), abs=1e-5)
    assert interval.method == "constant scores, exact"


def test_equal_scores_in_few_clusters_tell_as_much_as_there_are_clusters():
    interval = mean_interval(np.full(50, 4.0), clusters=np.arange(50) // 10, lower=1, upper=5, confidence=0.95)
    assert interval == constant_interval(4.0, 5, lower=1, upper=5, confidence=0.95)


def test_the_constant_interval_agrees_with_clopper_pearson_at_the_end_of_a_share():
    constant = constant_interval(1.0, 30, lower=0, upper=1, confidence=0.95)
    assert constant.ends == pytest.approx(exact_interval(30, 30, confidence=0.95).ends)


def test_an_unscored_row_is_refused():
    with pytest.raises(UnscoredRowsError, match="1 NaN among 2"):
        mean_interval(np.array([1.0, np.nan]), confidence=0.95)


def test_a_missing_cluster_label_is_refused():
    with pytest.raises(UnpairedScoresError, match="1 labels for 2 scores"):
        mean_interval(np.array([1.0, 2.0]), clusters=np.array(["a"]), confidence=0.95)


def test_clusters_that_cancel_out_are_no_proof_of_a_certain_mean():
    # sums of 3 in both clusters leave nothing between them; independent scores have sqrt(4 * 0.25 / 3 / 4) = 0.288675
    scores, clusters = np.array([1.0, 2.0, 2.0, 1.0]), np.array(["a", "a", "b", "b"])
    assert error_of_mean(scores, clusters) == pytest.approx(0.288675, abs=1e-6)
    interval = mean_interval(scores, clusters=clusters, confidence=0.95)
    # t with 1 degree of freedom for two clusters: 12.7062
    assert interval.ends == pytest.approx((1.5 - 12.7062 * 0.288675, 1.5 + 12.7062 * 0.288675), abs=1e-4)


@pytest.mark.parametrize(
    ("scores", "clusters"),
    [
        ([1.0, 0.0, 0.0, 1.0, 1.0, 0.0], [0, 0, 1, 1, 2, 2]),
        ([0.2, 0.8, 0.8, 0.2], [0, 0, 1, 1]),
        ([1.0, 5.0, 3.0, 3.0, 4.0, 2.0], [0, 0, 1, 1, 2, 2]),
    ],
)
def test_an_error_of_zero_is_shown_only_where_all_scores_are_equal(scores, clusters):
    assert error_of_mean(np.array(scores), np.array(clusters)) > 0
    assert error_of_mean(np.full(len(scores), 0.3), np.array(clusters)) == 0


@pytest.mark.parametrize("scale", [1e-15, 1e-7, 1e15])
def test_scores_of_any_size_keep_their_error(scale):
    # sd of 0, 1, 1, 0 is sqrt(1/3); over sqrt(4)
    assert error_of_mean(np.array([0.0, 1.0, 1.0, 0.0]) * scale) == pytest.approx(scale * (1 / 3) ** 0.5 / 2)


def test_one_cluster_tells_nothing_of_the_error():
    assert error_of_mean(np.array([1.0, 0.0, 1.0]), np.zeros(3, dtype=np.int64)) is None


def test_a_clustered_pass_rate_is_bounded_as_that_of_fewer_independent_scores():
    # 45 of 50 clusters pass both examples: 50 draws at 0.9; CR1 counts 50 / 49, so 49 of them
    scores, clusters = np.repeat([1.0, 0.0], [90, 10]), np.repeat(np.arange(50), 2)
    size = effective_size(scores, clusters, variance=0.09)
    assert size.size == pytest.approx(49)
    # residual sums 45 * 0.2 and 5 * -1.8: 3 * (45 * 0.04 + 5 * 3.24)² / (45 * 0.0016 + 5 * 10.4976) = 972 / 52.56
    assert size.degrees == pytest.approx(972 / 52.56)
    interval = mean_interval(scores, clusters=clusters, lower=0, upper=1, binary=True, confidence=0.95)
    # t(18.49, 0.975) = 2.0969; 49 (1.95996 / 2.0969)² = 42.81
    assert size.at(0.95) == pytest.approx(42.81, abs=0.01)
    assert interval.ends == pytest.approx(wilson_interval(0.9 * 42.81, 42.81, confidence=0.95).ends, abs=1e-4)
    assert interval.method == "wilson on effective n"


def test_clusters_that_all_pass_are_as_good_as_one_score_each():
    interval = mean_interval(np.ones(60), clusters=np.arange(60) // 3, binary=True, confidence=0.95)
    assert interval.ends == pytest.approx(wilson_interval(20, 20, confidence=0.95).ends)


def test_clusters_are_never_worth_more_than_their_scores():
    # every cluster passes one of two: less spread than chance gives, which is no reason to count 40 scores as more
    scores, clusters = np.tile([1.0, 0.0], 20), np.repeat(np.arange(20), 2)
    interval = mean_interval(scores, clusters=clusters, binary=True, confidence=0.95)
    assert interval.ends == pytest.approx(wilson_interval(20, 40, confidence=0.95).ends)


def test_samples_that_nearly_all_pass_get_an_interval_beside_their_rate():
    # three samples an example, one of 120 failed: t would reach from 0.975 beyond 1
    scores = np.append(np.ones(39), 2 / 3)
    interval = mean_interval(scores, lower=0, upper=1, binary=True, confidence=0.95)
    assert interval.method == "wilson on effective n"
    assert interval.low < 0.95
    assert interval.high < 1


def test_a_gate_bounds_a_clustered_rate_by_the_exact_interval_of_the_same_number():
    scores, clusters = np.repeat([1.0, 0.0], [90, 10]), np.repeat(np.arange(50), 2)
    interval = mean_interval(scores, clusters=clusters, binary=True, exact_rates=True, confidence=0.95)
    assert interval.method == "clopper-pearson on effective n"
    assert interval.ends == pytest.approx(exact_interval(0.9 * 42.81, 42.81, confidence=0.95).ends, abs=1e-4)


@pytest.mark.parametrize(("rate", "correlation"), [(0.9, 0.25), (0.95, 0.25), (0.99, 0.25), (0.95, 0.6), (0.99, 0.6)])
@pytest.mark.parametrize("sizes", [[5] * 60, [1, 1, 2, 3, 8] * 20])
def test_intervals_of_clustered_pass_rates_near_one_hold_the_truth(rate, correlation, sizes):
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    a, b = rate * (1 / correlation - 1), (1 - rate) * (1 / correlation - 1)
    held = 0
    for _ in range(400):
        scores = (rng.random(clusters.size) < rng.beta(a, b, len(sizes))[clusters]).astype(float)
        low, high = mean_interval(scores, clusters=clusters, lower=0, upper=1, binary=True, confidence=0.95).ends
        held += low <= rate <= high
    assert held / 400 > 0.93 - 3 * np.sqrt(0.95 * 0.05 / 400)  # two points, and three errors of the simulation


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 4)), min_size=1, max_size=40),
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.booleans(),
)
def test_whatever_the_scores_an_interval_holds_their_mean_or_says_why_there_is_none(rows, binary, clustered, exact):
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    interval = mean_interval(
        scores,
        clusters=labels if clustered else None,
        lower=0,
        upper=1,
        binary=binary,
        exact_rates=exact,
        confidence=0.95,
    )
    if interval.ends is None:
        assert interval.method.startswith("none: one ")
    else:
        assert 0 <= interval.low <= scores.mean() + 1e-12
        assert scores.mean() - 1e-12 <= interval.high <= 1
        assert interval.high > interval.low


def test_groupings_are_joined_where_they_overlap():
    first, second = np.array([0, 0, 1, 2, 3]), np.array([9, 8, 8, 7, 6])
    joint = joint_clusters(first, second)
    assert joint.tolist() == [0, 0, 0, 1, 2]
    assert joint_clusters(None, second) is second
    assert joint_clusters(first, None) is first
    assert joint_clusters(None, None) is None


@given(counts)
def test_exchanging_passes_and_failures_mirrors_the_interval(passed_of):
    n_passed, n = passed_of
    for bound in (wilson_interval, exact_interval):
        low, high = bound(n_passed, n, confidence=0.95).ends
        assert bound(n - n_passed, n, confidence=0.95).ends == pytest.approx((1 - high, 1 - low))


@given(counts)
def test_the_exact_interval_holds_the_share_and_stays_within_0_and_1(passed_of):
    n_passed, n = passed_of
    low, high = exact_interval(n_passed, n, confidence=0.95).ends
    assert 0 <= low <= n_passed / n <= high <= 1


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), st.floats(-100, 100))
def test_shifting_scores_shifts_the_interval(scores, shift):
    array = np.array(scores)
    before, after = (mean_interval(values, kind="t", confidence=0.9) for values in (array, array + shift))
    if before.ends is not None and after.ends is not None:
        assert after.ends == pytest.approx((before.ends[0] + shift, before.ends[1] + shift), abs=1e-6)


def test_the_bootstrap_of_the_median_repeats_under_a_seed_and_holds_the_median():
    scores = np.random.default_rng(1).normal(size=200)
    first, again = (
        bootstrap_quantile_interval(scores, 0.5, confidence=0.95, n_resamples=1000, seed=7) for _ in range(2)
    )
    assert first == again
    assert first.low < np.median(scores) < first.high
    # the median of n normals has standard deviation sqrt(pi / 2 / n) = 0.0886, so a width near 4 * 0.0886 = 0.35
    assert 0.2 < first.high - first.low < 0.5


def test_the_blocks_of_the_bootstrap_are_invisible():
    # 40,000 scores are resampled 50 at a time; all resamples must be there
    scores = np.arange(40_000, dtype=np.float64)
    interval = bootstrap_quantile_interval(scores, 0.5, confidence=0.95, n_resamples=101, seed=0)
    # standard deviation of the median of a uniform: 40000 / (2 sqrt(40000)) = 100
    assert interval.low == pytest.approx(20_000 - 196, abs=80)
    assert interval.high == pytest.approx(20_000 + 196, abs=80)


@pytest.mark.parametrize(("scores", "why"), [([], "no scores"), ([1.0], "one score"), ([2.0, 2.0], "no spread")])
def test_a_quantile_of_nothing_that_varies_has_no_interval(scores, why):
    interval = bootstrap_quantile_interval(np.array(scores), 0.9, confidence=0.95, n_resamples=10, seed=0)
    assert (interval.ends, interval.method) == (None, f"none: {why}")


def test_a_statistic_undefined_on_many_resamples_has_no_interval():
    resampled = np.concatenate([np.full(6, math.nan), np.arange(94.0)])
    assert percentile_interval(resampled, confidence=0.95).method == "none: undefined on too many resamples"
    assert percentile_interval(resampled[1:], confidence=0.95).ends is None  # 94 of 99 is below 95 %
    assert percentile_interval(resampled[2:], confidence=0.95).ends is not None  # 94 of 98 is above


def test_resampled_counts_draw_n_of_n():
    drawn = np.array(list(resampled_counts(30, n_resamples=500, seed=0)))
    assert (drawn.sum(axis=1) == 30).all()
    # an example is left out with probability (29 / 30)^30 = 0.3617
    assert np.mean(drawn == 0) == pytest.approx(0.3617, abs=0.01)


@pytest.mark.parametrize("quantile", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("n", [2, 7, 40, 401])
def test_the_bounds_of_a_quantile_are_numpys_to_the_last_digit(n: int, quantile: float) -> None:
    generator = np.random.default_rng(n)
    scores = generator.choice([generator.normal(size=n), np.round(generator.random(n), 1) * 1e5])
    found = bootstrap_quantile_interval(scores, quantile, confidence=0.9, n_resamples=100, seed=n)
    drawn = np.random.default_rng(n).integers(n, size=(100, n))
    expected = np.quantile(np.quantile(scores[drawn], quantile, axis=1), [0.05, 0.95])
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=0, abs=0)


def test_columns_bounded_together_get_the_bounds_that_each_gets_alone() -> None:
    generator = np.random.default_rng(0)
    columns = [generator.normal(size=n) for n in (900, 900, 30, 1)] + [generator.integers(2, size=900).astype(float)]
    asked = {"confidence": 0.95, "n_resamples": 50, "seed": 3}
    together = bootstrap_quantile_intervals(columns, 0.9, **asked)
    assert together == [bootstrap_quantile_interval(scores, 0.9, **asked) for scores in columns]


@pytest.mark.parametrize("quantile", [0.1, 0.9])
def test_a_quantile_far_from_its_place_in_a_resample_is_found_all_the_same(monkeypatch, quantile: float) -> None:
    scores = np.random.default_rng(0).normal(size=2_000)
    asked = {"confidence": 0.95, "n_resamples": 200, "seed": 3}
    near = bootstrap_quantile_interval(scores, quantile, **asked)
    monkeypatch.setattr("eval_assets.statistics.resampling.STANDARD_ERRORS", 1)  # so that some lie further off
    assert bootstrap_quantile_interval(scores, quantile, **asked) == near
