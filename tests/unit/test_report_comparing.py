"""Candidates against the baseline and one another, in numbers, ranks and words."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_assets.errors import MetricError
from eval_assets.reports.computed.comparing import compare_candidates
from eval_assets.reports.computed.roles import Role, named_first, roles_of
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts
from eval_assets.tables.evaluation_tables import COMPARISON
from tests.report_rows import SHARE, aggregated, scored, trial

OLD = [0.1, 0.3, 0.4, 0.2, 0.6, 0.7, 0.3, 0.2]
NEW = [0.6, 0.7, 0.9, 0.8, 0.7, 0.9, 0.6, 0.4]


def compare(evaluation, *rows, facts=SHARE, groups=None):
    scores = pl.concat(rows)
    known = dict.fromkeys(scores["metric"].unique(), facts)
    return compare_candidates(
        evaluation, scores, aggregated(scores, known), metric_facts=known, run_id="r", groups=groups
    )


def against_baseline(frame, model, metric="token_f1"):
    found = frame.filter((pl.col("model") == model) & (pl.col("metric") == metric) & pl.col("is_baseline_comparison"))
    return found.row(0, named=True)


def test_a_better_candidate_is_called_better_with_the_numbers_behind_it() -> None:
    row = against_baseline(compare(trial("old", "new"), scored(OLD, model="old"), scored(NEW, model="new")), "new")
    assert row["difference"] == pytest.approx(0.35)  # 2.8 / 8
    assert row["p_value"] == 0.0078125  # all eight moved up: 2 / 2 ** 8
    assert (row["wins"], row["losses"], row["ties"], row["n_pairs"]) == (8, 0, 0, 8)
    assert row["verdict"] == "better"
    assert row["sentence"].startswith("better: +35.0 points (95% interval ")


def test_only_examples_that_both_have_scored_are_compared_and_the_rest_is_mentioned() -> None:
    frame = compare(
        trial("old", "new"), scored([0.5, 0.5, 0.5, 1.0], model="old"), scored([0.6, 0.7, None, None], model="new")
    )
    row = against_baseline(frame, "new")
    assert (row["n_pairs"], row["n_unpaired"]) == (2, 2)
    assert row["difference"] == pytest.approx(0.15)  # (0.1 + 0.2) / 2; the means over all differ by 0.025
    assert row["sentence"].endswith("; 2 of 4 examples left out, unscored for one of the two")


def test_rows_are_joined_on_the_example_and_not_on_their_order() -> None:
    shuffled = scored([0.9, 0.1], model="new", example_id=["e1", "e0"])
    row = against_baseline(compare(trial("old", "new"), scored([0.1, 0.9], model="old"), shuffled), "new")
    assert (row["difference"], row["ties"]) == (0.0, 2)


def test_the_baseline_has_a_row_of_its_own() -> None:
    frame = compare(trial("old", "new"), scored(OLD, model="old"), scored(NEW, model="new"))
    row = frame.filter(pl.col("model") == "old").row(0, named=True)
    assert (row["compared_with"], row["sentence"], row["rank"]) == (None, "the baseline", 2)


def test_a_candidate_alone_still_gets_its_row() -> None:
    row = compare(trial("only"), scored([0.5, 1.0], model="only")).row(0, named=True)
    assert (row["mean"], row["rank"], row["n_scored"], row["verdict"]) == (0.75, 1, 2, None)


def test_a_candidate_that_was_never_computed_is_there_with_zero_rows() -> None:
    row = against_baseline(compare(trial("old", "new"), scored(OLD, model="old")), "new")
    assert (row["n_total"], row["n_scored"], row["mean"], row["rank"], row["n_pairs"]) == (0, 0, None, None, 0)
    assert row["sentence"] == "nothing to compare: no example has a score from both candidates"


def test_every_two_candidates_are_compared_once() -> None:
    frame = compare(trial("a", "b", "c"), *(scored(OLD, model=model) for model in "abc"))
    compared = frame.filter(pl.col("compared_with").is_not_null()).select("model", "compared_with").rows()
    assert sorted(compared) == [("b", "a@p"), ("c", "a@p"), ("c", "b@p")]


def test_of_more_than_twelve_candidates_only_rows_with_the_baseline_are_kept() -> None:
    names = [f"m{index}" for index in range(13)]
    frame = compare(trial(*names), *(scored([0.1, 0.5], model=name) for name in names))
    assert frame.filter(pl.col("compared_with").is_not_null())["compared_with"].unique().to_list() == ["m0@p"]


def letters_of(frame, metric="token_f1"):
    of_metric = frame.filter(pl.col("metric") == metric)
    return {
        model: set(re.findall(r"[a-z]\d*", group)) for model, group in of_metric.select("model", "tied_group").rows()
    }


@pytest.mark.parametrize("n_candidates", [12, 13, 30])
@pytest.mark.parametrize("facts", [SHARE, MetricFacts(low=0, high=1, is_binary=True)])
def test_candidates_far_apart_share_no_letter_however_many_there_are(n_candidates, facts) -> None:
    # the first half never passes, the second half always does
    names = [f"m{index:02}" for index in range(n_candidates)]
    half = n_candidates // 2
    rows = [scored([float(place >= half)] * 40, model=name) for place, name in enumerate(names)]
    letters = letters_of(compare(trial(*names, baseline=f"{names[half]}@p"), *rows, facts=facts))
    assert letters[names[0]] == letters[names[1]] == letters[names[half - 1]]
    assert letters[names[0]].isdisjoint(letters[names[-1]])


@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=12, max_size=12), min_size=2, max_size=6),
    st.sampled_from([None, 0.05, 0.3]),
    st.sampled_from([0.8, 0.95]),
)
@settings(max_examples=12)
def test_two_candidates_share_no_letter_exactly_when_their_verdict_is_better_or_worse(
    values, margin, confidence
) -> None:
    names = [f"m{index}" for index in range(len(values))]
    gates = [] if margin is None else [{"metric": "token_f1", "max_drop": margin}]
    evaluation = trial(*names, confidence=confidence, gates=gates)
    frame = compare(evaluation, *(scored(v, model=name) for v, name in zip(values, names, strict=True)))
    letters = letters_of(frame)
    for row in frame.filter(pl.col("compared_with").is_not_null()).iter_rows(named=True):
        apart = letters[row["model"]].isdisjoint(letters[row["compared_with"].removesuffix("@p")])
        assert apart == (row["verdict"] in ("better", "worse"))
        if apart:
            assert row["p_value_adjusted"] < 1 - confidence
            assert row["difference_ci_low"] > 0 or row["difference_ci_high"] < 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([0.5] * 8, [0.51] * 7 + [1.0]),  # the test sees eight of eight, the interval one example
        ([0.5] * 9, [0.501] * 8 + [0.9]),
        ([0.2] * 20, [0.2001] * 19 + [0.9]),
    ],
)
def test_a_difference_made_by_one_example_parts_neither_letters_nor_sentences(old, new) -> None:
    frame = compare(trial("old", "new"), scored(old, model="old"), scored(new, model="new"))
    row = against_baseline(frame, "new")
    assert row["p_value"] < 0.05
    assert row["difference_ci_low"] < 0 < row["difference_ci_high"]
    assert row["verdict"] == "no reliable difference"
    assert set(frame["tied_group"]) == {"a"}
    assert "few examples make the difference, and the interval holds zero" in row["sentence"]


def test_equivalence_is_corrected_for_the_number_of_comparisons() -> None:
    # differences of 0.02 and -0.01 by turns: 0.005 on average, sd 0.01539, error 0.00344: (0.012 - 0.005) / 0.00344 =
    # 2.03, p = 2 * 0.0283 beyond a margin of 0.012; (0.0135 - 0.005) / 0.00344 = 2.47, p = 0.023, for two 0.046
    old, new = [0.5] * 20, [0.52, 0.49] * 10

    def verdict(margin, n_candidates):
        names = [f"m{index}" for index in range(n_candidates)]
        evaluation = trial("old", *names, gates=[{"metric": "token_f1", "max_drop": margin}])
        rows = [scored(old, model="old"), *(scored(new, model=name) for name in names)]
        return against_baseline(compare(evaluation, *rows), "m0")

    assert verdict(0.012, 1)["verdict"] == "no reliable difference"
    assert verdict(0.0135, 1)["verdict"] == "equivalent within the margin"
    assert verdict(0.0135, 2)["verdict"] == "equivalent within the margin"
    assert verdict(0.0135, 3)["verdict"] == "no reliable difference"  # 0.069
    sentence = verdict(0.0135, 2)["sentence"]
    assert sentence.startswith("equivalent within 1.4 points: +0.5 points (95% interval ")
    assert sentence.endswith("p 0.046 of more than that corrected for 2 comparisons)")
    assert "within 1.4 points on its own, but not among the others" in verdict(0.0135, 3)["sentence"]


def test_a_metric_without_a_margin_costs_the_equivalence_of_another_nothing() -> None:
    old, new = [0.5] * 20, [0.52, 0.49] * 10
    rows = [
        scored(values, model=model, metric=metric)
        for metric in ("token_f1", "rougeL", "bleu")
        for model, values in (("old", old), ("new", new))
    ]
    frame = compare(trial("old", "new", gates=[{"metric": "token_f1", "max_drop": 0.0135}]), *rows)
    assert against_baseline(frame, "new")["verdict"] == "equivalent within the margin"
    assert against_baseline(frame, "new", "bleu")["verdict"] == "no reliable difference"


def of_metrics(names, n_candidates=1):
    """Rows in which every candidate is ahead of the baseline on every metric by the same differences: p 0.0078."""
    candidates = ["new", *(f"new{index}" for index in range(1, n_candidates))]
    rows = [scored(OLD, model="old", metric=name) for name in names]
    rows += [scored(NEW, model=model, metric=name) for name in names for model in candidates]
    return ("old", *candidates), rows


def test_the_primary_metric_is_corrected_for_the_candidates_alone_and_the_other_named_ones_together() -> None:
    candidates, rows = of_metrics(["a", "b", "c"], n_candidates=2)
    frame = compare(trial(*candidates, primary="a"), *rows)
    first, second = (against_baseline(frame, "new", metric) for metric in "ab")
    assert (first["role"], second["role"]) == ("primary", "named")
    assert first["p_value_adjusted"] == 0.015625  # Holm over two candidates: 2 * 0.0078125
    assert "corrected for 2 comparisons" in first["sentence"]
    assert second["p_value_adjusted"] == 0.03125  # over two metrics times two candidates
    assert "corrected for 4 comparisons" in second["sentence"]


def test_the_correction_that_the_file_declares_is_that_of_the_other_named_metrics() -> None:
    candidates, rows = of_metrics(["a", "b", "c", "d"], n_candidates=2)
    frame = compare(trial(*candidates, primary="a", correction="benjamini-hochberg"), *rows)
    assert against_baseline(frame, "new", "a")["p_value_adjusted"] == 0.015625
    assert against_baseline(frame, "new", "b")["p_value_adjusted"] == 0.0078125  # six equal ones: 6 / 6 times


def test_the_file_says_which_metric_is_primary() -> None:
    candidates, rows = of_metrics(["a", "b"])
    frame = compare(trial(*candidates, primary="b"), *rows)
    assert dict(frame.select("metric", "role").unique().rows()) == {"a": "named", "b": "primary"}


def test_a_default_of_the_task_is_described_and_costs_the_others_nothing() -> None:
    candidates, rows = of_metrics(["a", "b", "c"])
    scores = pl.concat(rows)
    facts = {"a": MetricFacts(low=0, high=1, named_at=None), "b": SHARE, "c": SHARE}
    evaluation = trial(*candidates, primary="b")
    frame = compare_candidates(evaluation, scores, aggregated(scores, facts), metric_facts=facts, run_id="r")
    row = against_baseline(frame, "new", "a")
    assert row["role"] == "described"
    assert {row[name] for name in ("p_value", "p_value_adjusted", "verdict", "tied_group")} == {None}
    assert (row["rank"], row["difference"]) == (1, pytest.approx(0.35))
    assert re.fullmatch(r"\+35\.0 points \(95% interval [\d.]+ to [\d.]+\)", row["sentence"])
    assert against_baseline(frame, "new", "b")["p_value_adjusted"] == 0.0078125
    assert against_baseline(frame, "new", "c")["p_value_adjusted"] == 0.0078125


def test_without_a_name_in_the_file_the_first_default_with_a_better_end_and_a_score_is_primary() -> None:
    length = MetricFacts(greater_is_better=None, named_at=None)
    facts = {"length": length, "unseen": MetricFacts(named_at=None), "a": MetricFacts(named_at=None)}
    assert roles_of(trial("old"), facts, meanless=["unseen"])["a"] is Role.PRIMARY
    assert set(roles_of(trial("old"), {"length": length}).values()) == {Role.DESCRIBED}


def test_what_a_gate_asks_about_is_named_after_metrics_and_judges() -> None:
    facts = {"a": MetricFacts(named_at=None), "b": MetricFacts(named_at=1), "c": MetricFacts(named_at=0)}
    gated = trial("old", gates=[{"metric": "a", "min": 0.5}])
    assert named_first(gated, facts) == ["c", "b", "a"]
    assert roles_of(gated, {"a": facts["a"]})["a"] is Role.PRIMARY


def test_what_the_examples_can_show_is_stated_for_the_corrected_level() -> None:
    old, new = [0.5, 0.6] * 20, [0.7, 0.5] * 20  # 0.2 and -0.1 by turns: 0.05 on average, sd 0.1519
    one = against_baseline(compare(trial("old", "new"), scored(old, model="old"), scored(new, model="new")), "new")
    metrics = [f"m{index}" for index in range(8)]
    rows = [scored(v, model=m, metric=name) for name in metrics for m, v in (("old", old), ("new", new))]
    rows += [scored(v, model=m, metric="first") for m, v in (("old", old), ("new", new))]
    eight = against_baseline(compare(trial("old", "new", primary="first"), *rows), "new", "m0")
    assert (one["significance_level"], eight["significance_level"]) == pytest.approx((0.05, 0.00625))
    # 0.1519 / sqrt(40) times 2.875 = t(39, 0.975) + 0.85, and times 3.75
    assert one["smallest_detectable_difference"] == pytest.approx(0.0691, abs=5e-4)
    assert eight["smallest_detectable_difference"] == pytest.approx(0.0903, abs=1e-3)
    assert one["examples_to_resolve"] < eight["examples_to_resolve"]
    assert eight["sentence"].endswith(" points at level 0.0063")


def test_a_difference_next_to_nothing_has_no_number_of_examples_in_its_row() -> None:
    values = [0.5, 0.7] * 50
    row = against_baseline(
        compare(trial("old", "new"), scored(values, model="old"), scored(values[::-1], model="new")), "new"
    )
    assert row["examples_to_resolve"] is None
    assert "the difference seen is too small for more examples to be worth it" in row["sentence"]


def test_few_clusters_are_said_to_show_nothing() -> None:
    groups = ExampleGroups(
        pl.DataFrame({"example_id": [f"e{index}" for index in range(8)], "source": list("aabbccdd")}), cluster="source"
    )
    frame = compare(trial("old", "new"), scored(OLD, model="old"), scored(NEW, model="new"), groups=groups)
    row = against_baseline(frame, "new")
    assert row["sentence"].endswith(
        "; with 4 clusters no difference could be significant at level 0.05: at least 6 clusters are needed"
    )
    assert row["smallest_detectable_difference"] is None


def test_p_values_are_fine_enough_for_many_comparisons_at_a_strict_level() -> None:
    # 28 pairs at 0.01: p has to be below 0.01 / 28 = 0.00036, which a few thousand random exchanges can't show
    names = list("abcdefgh")
    rows = [scored([place / 10 + i / 1000 for i in range(40)], model=name) for place, name in enumerate(names)]
    noisy = [frame.with_columns(score=pl.col("score") + pl.col("position") ** 2 % 7 / 100) for frame in rows[::2]]
    frame = compare(trial(*names, confidence=0.99), *noisy, *rows[1::2])
    row = frame.filter((pl.col("model") == "c") & (pl.col("compared_with") == "b@p")).row(0, named=True)
    assert (row["p_value_method"], row["verdict"]) == ("exact sign-flip", "better")


def test_the_test_follows_the_metric_and_not_the_scores_of_a_run() -> None:
    rows = scored([1.0, 0.0] * 10, model="old"), scored([1.0, 1.0] * 10, model="new")
    methods = [
        against_baseline(compare(trial("old", "new"), *rows, facts=facts), "new")["p_value_method"]
        for facts in (MetricFacts(low=0, high=1, is_binary=True), MetricFacts(low=0, high=1))
    ]
    assert methods == ["exact McNemar", "exact sign-flip"]


def test_candidates_that_cannot_be_told_apart_share_a_letter() -> None:
    low, high = [0.1, 0.2] * 10, [0.8, 0.9] * 10
    frame = compare(
        trial("a", "b", "c"), scored(low, model="a"), scored(high, model="b"), scored(high[::-1], model="c")
    )
    places = dict(frame.select("model", "tied_group").unique().rows())
    assert places["b"] == places["c"]
    assert set(places["a"]).isdisjoint(places["b"])


def test_letters_and_sentences_agree_on_the_baseline() -> None:
    # 0.0078 alone, but beside the primary metric eight are looked at: 8 * 0.0078125 = 0.0625
    metrics = [f"m{index}" for index in range(9)]
    rows = [scored(values, model=model, metric=name) for name in metrics for model, values in (("x", OLD), ("y", NEW))]
    frame = compare(trial("x", "y", primary="m0"), *rows)
    assert against_baseline(frame, "y", "m0")["verdict"] == "better"
    assert letters_of(frame, "m0") == {"x": {"b"}, "y": {"a"}}
    assert against_baseline(frame, "y", "m1")["verdict"] == "no reliable difference"
    assert letters_of(frame, "m1") == {"x": {"a"}, "y": {"a"}}


def test_where_less_is_better_a_lower_mean_wins() -> None:
    facts = MetricFacts(greater_is_better=False, low=0, high=1)
    row = against_baseline(compare(trial("x", "y"), scored(NEW, model="x"), scored(OLD, model="y"), facts=facts), "y")
    assert (row["verdict"], row["wins"], row["rank"]) == ("better", 8, 1)
    assert row["difference"] == pytest.approx(-0.35)  # still candidate minus baseline


def test_a_metric_that_only_describes_is_higher_or_lower_and_ranks_nobody() -> None:
    facts = MetricFacts(greater_is_better=None)
    row = against_baseline(compare(trial("x", "y"), scored(OLD, model="x"), scored(NEW, model="y"), facts=facts), "y")
    assert (row["verdict"], row["rank"], row["tied_group"]) == ("higher", None, None)
    assert row["sentence"].startswith("higher: ")


def test_a_difference_within_the_gates_margin_is_equivalent() -> None:
    values = [0.5, 0.6] * 50
    evaluation = trial("old", "new", gates=[{"metric": "token_f1", "max_drop": 0.05}])
    row = against_baseline(compare(evaluation, scored(values, model="old"), scored(values, model="new")), "new")
    assert row["verdict"] == "equivalent within the margin"


def test_the_rows_have_the_columns_of_the_table() -> None:
    frame = compare(trial("old", "new"), scored(OLD, model="old"), scored(NEW, model="new"))
    assert dict(frame.schema) == COMPARISON


def test_a_metric_without_facts_is_refused_by_name() -> None:
    scores = scored(OLD, model="old")
    with pytest.raises(MetricError, match="token_f1"):
        compare_candidates(trial("old"), scores, aggregated(scores, {"token_f1": SHARE}), metric_facts={}, run_id="r")
