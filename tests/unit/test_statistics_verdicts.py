"""Conclusions in plain words."""

import numpy as np
import pytest

from eval_assets.statistics.comparison.conclusions import Conclusion, conclude
from eval_assets.statistics.comparison.paired import compare_paired
from eval_assets.statistics.comparison.power import power_figures
from eval_assets.statistics.descriptive import example_scores


def concluded(
    baseline,
    candidate,
    *,
    greater_is_better=True,
    lower=0,
    upper=1,
    clusters=None,
    n_comparisons=1,
    margin=None,
    **choices,
):
    first, second = (
        example_scores(np.asarray(s, dtype=float), lower=lower, upper=upper, clusters=clusters)
        for s in (baseline, candidate)
    )
    comparison = compare_paired(first, second, confidence=0.95, greater_is_better=greater_is_better, margin=margin)
    if n_comparisons > 1:
        choices["adjusted_p_value"] = min(1.0, comparison.p_value * n_comparisons)
        choices["figures"] = power_figures(comparison, n_comparisons=n_comparisons)
    return conclude(comparison, confidence=0.95, **choices)


def discordant(wins, losses, both):
    return np.repeat([0.0, 1.0, 1.0], [wins, losses, both]), np.repeat([1.0, 0.0, 1.0], [wins, losses, both])


def test_a_reliable_difference_is_better():
    verdict = concluded(*discordant(12, 2, 86), in_points=True)
    assert verdict.conclusion is Conclusion.BETTER
    assert verdict.sentence == "better: +10.0 points (95% interval 2.4 to 17.3, p 0.013)"


def test_where_less_is_better_the_same_difference_is_worse():
    verdict = concluded(*discordant(12, 2, 86), greater_is_better=False)
    assert verdict.conclusion is Conclusion.WORSE
    assert verdict.sentence == "worse: +0.1 (95% interval 0.0236 to 0.173, p 0.013)"


def test_no_reliable_winner_says_what_would_resolve_the_difference():
    # difference 0.03, sd sqrt(0.09 - 0.03²) = 0.2986: (2.8016 * 0.2986 / 0.03)² = 777, exact McNemar asks for some more
    verdict = concluded(*discordant(12, 6, 182), in_points=True)
    assert verdict.conclusion is Conclusion.NO_RELIABLE_DIFFERENCE
    assert verdict.sentence.startswith("no reliable winner: +3.0 points (95% interval ")
    assert verdict.sentence.endswith("; about 630 more examples would resolve 3.0 points")


def test_examples_to_resolve_are_counted_for_the_correction():
    # (2.734 + 0.842)² for 0.05 / 8 against (1.960 + 0.842)²: 777 * 1.629 = 1,266, and some more for exact McNemar
    verdict = concluded(*discordant(12, 6, 182), in_points=True, n_comparisons=8)
    assert verdict.sentence.endswith("; about 1,200 more examples would resolve 3.0 points at level 0.0063")


def test_correction_for_other_comparisons_can_take_a_win_away():
    verdict = concluded(*discordant(12, 2, 86), adjusted_p_value=0.06)
    assert verdict.conclusion is Conclusion.NO_RELIABLE_DIFFERENCE
    assert "p 0.06 corrected" in verdict.sentence


def test_within_the_margin_is_equivalent_even_if_reliably_different():
    baseline, candidate = discordant(60, 20, 9920)  # +0.4 points, p < 0.0001
    assert concluded(baseline, candidate).conclusion is Conclusion.BETTER
    verdict = concluded(baseline, candidate, margin=0.01, in_points=True)
    assert verdict.conclusion is Conclusion.EQUIVALENT
    assert verdict.sentence.startswith("equivalent within 1.0 points: +0.4 points")
    assert "p below 0.0001" in verdict.sentence


@pytest.mark.parametrize(("wins", "losses"), [(5, 5), (0, 4), (4, 0)])
def test_an_interval_beyond_the_margin_on_either_side_is_not_equivalent(wins, losses):
    # four of 44 one way: ±4 / 46 ± 1.96 sqrt((6 / 46 - 0.00756) / 46), so 0.087 ± 0.101: beyond 0.05 on one side
    assert concluded(*discordant(wins, losses, 40), margin=0.05).conclusion is Conclusion.NO_RELIABLE_DIFFERENCE


def test_a_p_value_alone_makes_no_winner_where_the_interval_holds_zero():
    verdict = concluded(*discordant(12, 10, 78), adjusted_p_value=0.001)
    assert verdict.conclusion is Conclusion.NO_RELIABLE_DIFFERENCE


def test_no_difference_at_all_says_what_would_have_been_seen():
    verdict = concluded(*discordant(5, 5, 90), in_points=True)
    # sd sqrt(0.1 - 0.09²) = 0.30, times 2.80 / sqrt(100): 8.5, and some more for exact McNemar
    assert verdict.sentence.endswith(
        "; the difference seen is too small for more examples to be worth it: "
        "100 examples show differences from 8.8 points up"
    )


@pytest.mark.parametrize("margin", [None, 0.02])
def test_a_difference_next_to_nothing_asks_for_no_millions_of_examples(margin):
    baseline = np.tile([0.5, 0.6], 500)
    candidate = baseline + np.append(np.tile([0.1, -0.1], 499), [0.1, 0.0])  # +0.01 points on average
    verdict = concluded(baseline, candidate, margin=margin, in_points=True)
    assert "more examples would resolve" not in verdict.sentence
    if margin is None:
        assert verdict.sentence.endswith(
            "; the difference seen is too small for more examples to be worth it: "
            "1,000 examples show differences from 0.9 points up"
        )
    else:
        assert verdict.conclusion is Conclusion.EQUIVALENT


def test_a_difference_that_is_there_is_never_written_as_zero():
    baseline = np.tile([0.5, 0.5002, 0.5004], 100)
    verdict = concluded(baseline, baseline + np.tile([0.0001, 0.0002], 150), in_points=True)
    assert verdict.sentence == "better: +0.02 points (95% interval 0.01 to 0.02, p below 0.0001)"


def test_too_few_clusters_are_said_to_show_nothing():
    clusters = np.repeat(np.arange(5), 4)
    verdict = concluded(np.zeros(20), np.linspace(0.1, 0.6, 20), clusters=clusters, n_comparisons=8)
    assert verdict.sentence.endswith(
        "; with 5 clusters no difference could be significant at level 0.0063: at least 9 clusters are needed"
    )


def test_too_few_examples_are_said_to_show_nothing():
    verdict = concluded(np.zeros(4), [0.4, 0.5, 0.6, 0.5])
    assert verdict.sentence.endswith(
        "; with 4 examples no difference could be significant at level 0.05: at least 6 examples are needed"
    )


def test_one_cluster_is_said_to_show_nothing():
    verdict = concluded(np.zeros(4), [0.4, 0.5, 0.6, 0.5], clusters=np.zeros(4))
    assert "; with 1 cluster no difference could be significant" in verdict.sentence


def test_too_few_discordant_pairs_are_said_to_show_nothing():
    verdict = concluded(*discordant(4, 0, 96), in_points=True)
    # P(at least six of n differ) = 0.8 at a share of 0.04: n = 197
    assert verdict.sentence.endswith(
        "; the two differ on 4 of 100 examples, and no outcome on fewer than 6 could be significant at level 0.05"
        "; about 97 more examples would resolve 4.0 points"
    )


def test_too_few_discordant_pairs_without_a_difference_ask_for_nothing():
    verdict = concluded(*discordant(2, 2, 96), in_points=True)
    assert verdict.sentence.endswith(
        "; the two differ on 4 of 100 examples, and no outcome on fewer than 6 could be significant at level 0.05"
        "; the difference seen is too small for more examples to be worth it"
    )


def test_candidates_that_pass_the_same_examples_are_said_to():
    verdict = concluded(*discordant(0, 0, 100), in_points=True)
    # P(at least six of 100 differ, all won) = 0.8 at a share of 0.078
    assert verdict.sentence.endswith(
        "; both scored the same on every example; 100 examples show differences from 7.8 points up"
    )


def test_more_examples_of_clusters_are_counted_in_clusters_too():
    clusters = np.repeat(np.arange(20), 3)
    differences = np.repeat(np.tile([0.3, -0.2], 10), 3)  # 0.05 on average, sd 0.2565: (2.8016 * 0.2565 / 0.05)² = 207
    verdict = concluded(np.full(60, 0.3), 0.3 + differences, clusters=clusters, in_points=True)
    # with t 209 clusters, so 189 and 567 examples more
    assert verdict.sentence.endswith("; about 570 more examples in 190 more clusters would resolve 5.0 points")


def test_without_a_common_example_nothing_is_concluded():
    verdict = concluded([np.nan, 1.0], [1.0, np.nan])
    assert verdict.conclusion is Conclusion.NO_RELIABLE_DIFFERENCE
    assert verdict.sentence == "nothing to compare: no example has a score from both candidates"


def test_a_constant_difference_is_told_by_its_test():
    verdict = concluded(np.arange(20.0), np.arange(20.0) + 2, lower=None, upper=None)
    assert verdict.conclusion is Conclusion.BETTER
    assert verdict.sentence == "better: +2 (no interval (no spread), p below 0.0001)"  # 2 / 2 ** 20


def test_identical_candidates_are_neither_better_nor_worse():
    verdict = concluded(np.full(30, 3.0), np.full(30, 3.0), lower=None, upper=None)
    evidence = "no reliable winner: 0 (no interval (no spread), p 1)"
    assert verdict.sentence == f"{evidence}; both scored the same on every example"


@pytest.mark.parametrize("greater_is_better", [True, False])
def test_equal_candidates_are_told_apart_in_at_most_one_table_of_twenty(greater_is_better):
    rng = np.random.default_rng(0)
    told_apart = 0
    for _ in range(300):
        baseline, candidate = rng.choice([1.0, 2, 3, 4, 5], size=(2, 60))
        conclusion = concluded(baseline, candidate, lower=1, upper=5, greater_is_better=greater_is_better).conclusion
        told_apart += conclusion is not Conclusion.NO_RELIABLE_DIFFERENCE
    assert told_apart / 300 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)  # three standard errors of the simulation
