"""GO, NO-GO or INCONCLUSIVE, and why."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.errors import UnpairedScoresError
from eval_assets.statistics.comparison.decisions import GateDecision, GatedValue, GateTerms, decide
from eval_assets.statistics.comparison.gates import drop_gate, maximum_gate, minimum_gate
from eval_assets.statistics.descriptive import example_scores
from eval_assets.statistics.intervals import Interval

NAN = np.nan
TERMS = GateTerms(confidence=0.95, max_failed_share=0.1, min_scored=20)


def shares(n_passed, n_failed, n_unscored=0):
    values = np.repeat([1.0, 0.0, NAN], [n_passed, n_failed, n_unscored])
    return example_scores(values, lower=0, upper=1)


def grades(values, **choices):
    return example_scores(np.asarray(values, dtype=float), **{"lower": 1, "upper": 5} | choices)


@pytest.mark.parametrize(
    ("n_passed", "verdict"),
    # exact intervals of n = 100: 90 -> 0.824 to 0.951, 80 -> 0.708 to 0.873, 70 -> 0.600 to 0.788
    [(90, GateDecision.GO), (80, GateDecision.INCONCLUSIVE), (70, GateDecision.NO_GO)],
)
def test_a_minimum_of_0_8(n_passed, verdict):
    result = minimum_gate(shares(n_passed, 100 - n_passed), 0.8, TERMS)
    assert result.verdict is verdict
    assert result.interval.method == "clopper-pearson"


def test_a_maximum_mirrors_a_minimum():
    assert maximum_gate(shares(10, 90), 0.2, TERMS).verdict is GateDecision.GO
    assert maximum_gate(shares(30, 70), 0.2, TERMS).verdict is GateDecision.NO_GO
    assert maximum_gate(shares(20, 80), 0.2, TERMS).verdict is GateDecision.INCONCLUSIVE


def test_too_few_rows_settle_nothing():
    result = minimum_gate(shares(19, 0), 0.2, TERMS)
    assert result.verdict is GateDecision.INCONCLUSIVE
    assert result.reason == "19 examples are scored, 20 are needed"


def test_a_third_of_failed_rows_settles_nothing_however_good_the_rest():
    result = minimum_gate(shares(1000, 0, 500), 0.5, TERMS)
    assert result.verdict is GateDecision.INCONCLUSIVE
    assert result.reason == "33 % of the rows have no score, at most 10 % may"
    assert result.value == 1
    assert result.value_if_unscored_worst == pytest.approx(2 / 3)


@pytest.mark.parametrize("n_failed", [10, 30, 70])
def test_the_largest_share_of_failed_rows_is_itself_allowed(n_failed):
    terms = GateTerms(confidence=0.95, max_failed_share=n_failed / 100, min_scored=20)
    result = maximum_gate(shares(0, 100 - n_failed, n_failed), 0.99, terms)
    assert result.verdict is GateDecision.GO


def test_failed_rows_that_could_turn_the_verdict_make_it_inconclusive():
    # 172 of 192 scored: 0.896 (0.844 to 0.935); with 8 more failures 172 of 200: 0.860 (0.804 to 0.905)
    go = minimum_gate(shares(172, 20, 8), 0.80, TERMS)
    held = minimum_gate(shares(172, 20, 8), 0.83, TERMS)
    assert go.verdict is GateDecision.GO
    assert held.verdict is GateDecision.INCONCLUSIVE
    assert "meets mean >= 0.83, but the failed rows could have made it 0.86" in held.reason


def test_a_no_go_has_to_hold_with_failed_rows_at_their_best():
    # 120 of 182: 0.659 (0.586 to 0.728); with 18 passes more 138 of 200: 0.690 (0.621 to 0.753)
    assert minimum_gate(shares(120, 62, 18), 0.76, TERMS).verdict is GateDecision.NO_GO
    assert minimum_gate(shares(120, 62, 18), 0.74, TERMS).verdict is GateDecision.INCONCLUSIVE


def test_without_a_range_failed_rows_are_named_but_not_bounded():
    values = np.append(np.linspace(90, 110, 50), NAN)
    result = maximum_gate(example_scores(values), 120, TERMS)
    assert result.verdict is GateDecision.GO
    assert "the metric declares no range" in result.reason
    assert result.value_if_unscored_worst is None


def test_half_a_range_is_enough_where_it_is_the_worse_half():
    values = np.append(np.linspace(90, 110, 50), NAN)
    result = minimum_gate(example_scores(values, lower=0), 80, TERMS)
    assert result.verdict is GateDecision.GO  # one 0 among 51 lowers the mean to 98.04, its interval to 93.4
    assert result.value_if_unscored_worst == pytest.approx(5000 / 51)
    assert "no range" not in result.reason


def test_equal_scores_without_a_range_settle_nothing():
    result = minimum_gate(example_scores(np.full(50, 7.0)), 5, TERMS)
    assert (result.verdict, result.reason) == (GateDecision.INCONCLUSIVE, "no interval: no spread")


def test_an_unsettled_gate_says_how_many_examples_would_settle_it():
    # 0.7 and 1 alternate: mean 0.85, standard error 0.15 * sqrt(40 / 39) / sqrt(40) = 0.02402, t(39) = 2.0227
    result = minimum_gate(example_scores(np.array([0.7, 1.0] * 20), lower=0, upper=1), 0.84, TERMS)
    # reach 0.04859 * (1.960 + 0.842) / 1.960 = 0.06945; 40 * (0.06945 / 0.01)² - 40 = 1890, so 1,900
    assert result.reason == (
        "0.850 (95% interval 0.801 to 0.899) does not settle mean >= 0.84; about 1,900 more examples would"
    )


def test_a_value_on_the_threshold_is_settled_by_no_number_of_examples():
    result = minimum_gate(shares(100, 0), 1.0, TERMS)
    assert result.verdict is GateDecision.INCONCLUSIVE
    assert "no number of examples would" in result.reason


def test_a_value_next_to_the_threshold_asks_for_no_millions_of_examples():
    result = minimum_gate(example_scores(np.array([0.7, 1.0] * 20), lower=0, upper=1), 0.85001, TERMS)
    assert result.verdict is GateDecision.INCONCLUSIVE
    assert result.reason.endswith(", and the value is too close to the threshold for more examples to be worth it")


def test_an_exact_interval_is_for_metrics_that_declare_zero_and_one():
    values = np.repeat([1.0, 0.0], [95, 5])
    by_scores, declared, denied = (
        minimum_gate(example_scores(values, lower=0, upper=1, binary=binary), 0.8, TERMS)
        for binary in (None, True, False)
    )
    assert declared.interval == by_scores.interval
    assert (declared.interval.method, denied.interval.method) == ("clopper-pearson", "t")


@pytest.mark.parametrize(("binary", "method"), [(True, "bonett-price"), (False, "t")])
def test_the_interval_of_a_drop_follows_what_the_metric_declares(binary, method):
    first, second = (
        example_scores(np.array(values), lower=0, upper=1, binary=binary)
        for values in ([1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0])
    )
    assert drop_gate(first, second, 0.1, TERMS).interval.method == method


def drop_of(wins, losses, both, max_drop, **choices):
    baseline = np.repeat([0.0, 1.0, 1.0], [wins, losses, both])
    candidate = np.repeat([1.0, 0.0, 1.0], [wins, losses, both])
    first, second = (example_scores(values, lower=0, upper=1) for values in (baseline, candidate))
    return drop_gate(first, second, max_drop, TERMS, **choices)


def test_a_drop_is_positive_where_the_candidate_is_worse():
    result = drop_of(wins=0, losses=40, both=160, max_drop=0.05)
    assert result.verdict is GateDecision.NO_GO
    assert result.value == pytest.approx(0.2)
    assert result.reason.endswith("fails drop <= 0.05")


def test_a_small_drop_on_many_examples_passes():
    assert drop_of(wins=5, losses=5, both=490, max_drop=0.05).verdict is GateDecision.GO


def test_the_same_drop_on_few_examples_is_inconclusive():
    assert drop_of(wins=2, losses=2, both=26, max_drop=0.05).verdict is GateDecision.INCONCLUSIVE


def test_where_less_is_better_a_rise_is_the_drop():
    baseline, candidate = grades(np.tile([1.0, 2.0], 50)), grades(np.tile([3.0, 4.0, 3.0, 3.0], 25))
    assert drop_gate(baseline, candidate, 0.5, TERMS, greater_is_better=False).verdict is GateDecision.NO_GO
    assert drop_gate(baseline, candidate, 0.5, TERMS).verdict is GateDecision.GO


def test_a_relative_drop_is_a_share_of_the_baseline():
    rng = np.random.default_rng(0)
    baseline = rng.normal(20, 1, 200)
    first, second = example_scores(baseline), example_scores(baseline - rng.normal(2, 0.5, 200))
    result = drop_gate(first, second, 0.2, TERMS, kind="max_drop_relative")
    assert result.verdict is GateDecision.GO
    assert result.value == pytest.approx(0.1, abs=0.005)  # 2 of 20
    assert drop_gate(first, second, 0.05, TERMS, kind="max_drop_relative").verdict is GateDecision.NO_GO
    assert drop_gate(first, second, 0.2, TERMS).verdict is GateDecision.NO_GO  # 2 points are more than 0.2


def test_a_relative_drop_from_a_baseline_of_zero_is_inconclusive():
    zero = example_scores(np.zeros(50), lower=0, upper=1)
    result = drop_gate(zero, zero, 0.1, TERMS, kind="max_drop_relative")
    assert result.verdict is GateDecision.INCONCLUSIVE
    assert "can't be told from zero" in result.reason


def test_non_inferiority_decides_by_the_one_sided_bound():
    result = drop_of(wins=10, losses=12, both=478, max_drop=0.02, kind="non_inferiority")
    # (13 - 11) / 502 ± z sqrt((24 / 502 - 0.003984²) / 502), z = 1.645: up to 0.0200; z = 1.960: up to 0.0231
    assert result.interval.confidence == pytest.approx(0.9)
    assert drop_of(wins=10, losses=12, both=478, max_drop=0.021).verdict is GateDecision.INCONCLUSIVE
    assert drop_of(wins=10, losses=12, both=478, max_drop=0.021, kind="non_inferiority").verdict is GateDecision.GO


def test_failed_rows_of_either_candidate_count():
    baseline, candidate = shares(80, 0, 20), shares(100, 0)
    result = drop_gate(baseline, candidate, 0.5, TERMS)
    assert result.verdict is GateDecision.INCONCLUSIVE
    assert result.failed_share == pytest.approx(0.2)


def test_failed_rows_are_filled_against_the_gate():
    # the candidate failed 5 of 100 rows the baseline passed: at worst a drop of 0.05, at best none
    result = drop_gate(shares(100, 0), shares(95, 0, 5), 0.2, TERMS)
    assert result.verdict is GateDecision.GO
    assert result.value == 0
    assert result.value_if_unscored_worst == pytest.approx(0.05)
    assert result.value_if_unscored_best == 0
    assert drop_gate(shares(100, 0), shares(95, 0, 5), 0.06, TERMS).verdict is GateDecision.INCONCLUSIVE


def test_where_less_is_better_failed_rows_are_filled_with_the_high_end():
    baseline, candidate = grades([1.0] * 50), grades([1.0] * 49 + [NAN])
    result = drop_gate(baseline, candidate, 1.0, TERMS, greater_is_better=False)
    assert result.value_if_unscored_worst == pytest.approx(4 / 50)


def test_identical_scores_on_many_examples_are_a_go_and_on_few_are_not():
    # nothing differs in n pairs: Bonett-Price reaches 1.96 sqrt(2 / (n + 2)) / sqrt(n + 2), below 0.05 from n = 54 on
    assert drop_gate(shares(60, 0), shares(60, 0), 0.05, TERMS).verdict is GateDecision.GO
    assert drop_gate(shares(40, 0), shares(40, 0), 0.05, TERMS).verdict is GateDecision.INCONCLUSIVE


def test_clusters_widen_a_gate():
    rng = np.random.default_rng(1)
    clusters = np.arange(200) // 20
    scores = np.clip(0.8 + rng.normal(0, 0.08, 10)[clusters] + rng.normal(0, 0.02, 200), 0, 1)
    assert minimum_gate(example_scores(scores), 0.79, TERMS).verdict is not GateDecision.INCONCLUSIVE
    clustered = minimum_gate(example_scores(scores, clusters=clusters), 0.79, TERMS)
    assert clustered.verdict is GateDecision.INCONCLUSIVE
    assert clustered.interval.method == "cluster-robust t"


def test_candidates_over_other_examples_are_refused():
    with pytest.raises(UnpairedScoresError, match="got 2 of the baseline and 3 of the candidate"):
        drop_gate(shares(2, 0), shares(3, 0), 0.1, TERMS)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.2, GateDecision.GO), (0.2, 0.3, GateDecision.INCONCLUSIVE), (0.21, 0.3, GateDecision.NO_GO)],
)
def test_an_end_on_the_threshold_is_acceptable(low, high, verdict):
    value = GatedValue((low + high) / 2, Interval(low, high, "t", 0.95), 100)
    choices = {"terms": TERMS, "as_scored": value, "at_worst": value, "at_best": value, "failed_share": 0.0}
    assert decide("drop <= 0.2", 0.2, acceptable_below=True, **choices).verdict is verdict
    mirrored = {
        GateDecision.GO: GateDecision.INCONCLUSIVE,
        GateDecision.INCONCLUSIVE: GateDecision.GO,
        GateDecision.NO_GO: GateDecision.GO,
    }[verdict]
    assert decide("mean >= 0.2", 0.2, acceptable_below=False, **choices).verdict is mirrored


@given(st.lists(st.sampled_from([0.0, 1.0, NAN]), min_size=20, max_size=60), st.floats(0.01, 0.99))
def test_a_minimum_and_a_maximum_never_both_refuse(values, threshold):
    scores = example_scores(np.array(values), lower=0, upper=1)
    lenient = GateTerms(confidence=0.95, max_failed_share=1, min_scored=1)
    verdicts = {minimum_gate(scores, threshold, lenient).verdict, maximum_gate(scores, threshold, lenient).verdict}
    assert verdicts in ({GateDecision.GO, GateDecision.NO_GO}, {GateDecision.INCONCLUSIVE})


def test_equal_candidates_are_stopped_in_at_most_one_table_of_forty():
    rng = np.random.default_rng(0)
    stopped = 0
    for _ in range(1000):
        pairs = rng.random((2, 100)) < 0.7
        first, second = (example_scores(row.astype(float), lower=0, upper=1) for row in pairs)
        stopped += drop_gate(first, second, 0.0, TERMS).verdict is GateDecision.NO_GO
    assert stopped / 1000 < 0.025 + 3 * np.sqrt(0.025 * 0.975 / 1000)  # three standard errors of the simulation
