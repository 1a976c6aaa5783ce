"""What an aggregate report says of one cell, denominators first."""

import json
from dataclasses import replace

import polars as pl
import pytest

from eval_assets.errors import MetricError
from eval_assets.reports.computed.aggregates import aggregate_cell
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts, example_groups, score_rows
from eval_assets.tables.cell_tables import AGGREGATE_REPORTS, HEURISTIC_METRICS
from tests.report_rows import SHARE, answered, judged, scored

CELL = {"evaluation": "trial", "model": "m", "prompt": "p"}


def aggregate(scores, facts=SHARE, **choices):
    names = scores["metric"].unique()
    return aggregate_cell(scores, metric_facts=dict.fromkeys(names, facts), cell=CELL, run_id="r", **choices)


def the_row(frame):
    assert frame.height == 1
    return frame.row(0, named=True)


def test_an_unscored_row_is_counted_by_its_outcome_and_leaves_the_mean() -> None:
    scores = scored([1.0, 0.5, None, None], outcome=["ok", "ok", "error", "refused"])
    row = the_row(aggregate(scores))
    assert (row["n_total"], row["n_scored"], row["n_examples"]) == (4, 2, 2)
    assert (row["n_error"], row["n_refused"], row["n_truncated"]) == (1, 1, 0)
    assert row["mean"] == 0.75  # (1 + 0.5) / 2


def test_every_outcome_has_a_count_of_its_own() -> None:
    outcomes = ["ok", "tool_call", "empty", "error", "refused", "truncated", "unparsed", "skipped", "skipped"]
    row = the_row(aggregate(scored([1.0, *[None] * 8], outcome=outcomes)))
    counts = [row[f"n_{outcome}"] for outcome in outcomes[1:8]]
    assert counts == [1, 1, 1, 1, 1, 1, 2]
    assert row["n_scored"] + sum(counts) == row["n_total"] == 9


def test_the_bounds_of_the_mean_fill_the_unscored_rows_with_the_ends_of_the_range() -> None:
    row = the_row(aggregate(scored([1.0, 0.5, None, None])))
    assert row["mean_if_missing_worst"] == 0.375  # (1 + 0.5 + 0 + 0) / 4
    assert row["mean_if_missing_best"] == 0.875  # (1 + 0.5 + 1 + 1) / 4


def test_where_less_is_better_the_worst_is_the_highest_score() -> None:
    row = the_row(aggregate(scored([1.0, None]), MetricFacts(greater_is_better=False, low=0, high=3)))
    assert row["mean_if_missing_worst"] == 2.0  # (1 + 3) / 2
    assert row["mean_if_missing_best"] == 0.5  # (1 + 0) / 2


def test_a_metric_without_a_range_has_no_bounds_when_rows_are_unscored() -> None:
    row = the_row(aggregate(scored([1.0, None]), MetricFacts()))
    assert row["mean_if_missing_worst"] is None


def test_variance_is_the_populations_and_p90_is_interpolated() -> None:
    row = the_row(aggregate(scored([0.0, 0.2, 0.4, 0.6, 0.8])))
    assert row["variance"] == pytest.approx(0.08)  # (0.16 + 0.04 + 0 + 0.04 + 0.16) / 5
    assert row["p90"] == pytest.approx(0.72)  # place 0.9 * 4 = 3.6: 0.6 + 0.6 * 0.2
    assert row["standard_error"] == pytest.approx((0.1 / 5) ** 0.5)  # sample variance 0.4 / 4


def test_samples_of_an_example_are_averaged_before_the_mean() -> None:
    scores = scored(
        [1.0, 0.0, 1.0, None],
        example_id=["a", "a", "b", "b"],
        sample_index=[0, 1, 0, 1],
        outcome=["ok"] * 3 + ["error"],
    )
    row = the_row(aggregate(scores))
    assert (row["n_total"], row["n_scored"], row["n_examples"]) == (4, 3, 2)
    assert row["mean"] == 0.75  # a: (1 + 0) / 2, b: 1; not (1 + 0 + 1) / 3


def test_the_interval_names_its_method() -> None:
    passes = MetricFacts(low=0, high=1, is_binary=True)
    assert the_row(aggregate(scored([1.0, 0.0, 1.0]), passes))["ci_method"] == "wilson"
    assert the_row(aggregate(scored([0.2, 0.4, 0.9])))["ci_method"] == "t"
    assert the_row(aggregate(scored([0.2]), MetricFacts()))["ci_method"] == "none: one score"


def test_the_method_is_the_metrics_and_not_that_of_the_scores_a_run_happened_to_give() -> None:
    assert the_row(aggregate(scored([1.0, 0.0, 1.0])))["ci_method"] == "t"


def test_clusters_widen_the_interval_and_the_standard_error() -> None:
    values = [0.1, 0.1, 0.1, 0.9, 0.9, 0.9]
    groups = ExampleGroups(
        pl.DataFrame({"example_id": [f"e{i}" for i in range(6)], "source": ["x"] * 3 + ["y"] * 3}), cluster="source"
    )
    alone, clustered = the_row(aggregate(scored(values))), the_row(aggregate(scored(values), groups=groups))
    assert clustered["ci_method"] == "cluster-robust t"
    # sums of residuals: -1.2 and 1.2; sqrt(2 / 1 * (1.44 + 1.44)) / 6 = 0.4
    assert clustered["standard_error"] == pytest.approx(0.4)
    assert clustered["standard_error"] > alone["standard_error"]
    assert clustered["p90_ci_method"] == "none: examples are clustered"


def test_a_slice_is_aggregated_beside_the_whole() -> None:
    examples = pl.DataFrame({"example_id": ["e0", "e1", "e2"], "topic": ["cost", None, "cost"]})
    frame = aggregate(scored([1.0, 0.0, 0.5]), groups=ExampleGroups(examples, slices=("topic",)))
    assert frame.select("slice_column", "slice_value", "n_total", "mean").rows() == [
        (None, None, 3, 0.5),
        ("topic", "(none)", 1, 0.0),  # an example without a topic is not dropped
        ("topic", "cost", 2, 0.75),
    ]


def test_the_rows_have_the_columns_of_the_table() -> None:
    assert dict(aggregate(scored([1.0, None])).schema) == AGGREGATE_REPORTS


def test_a_cell_without_scores_has_no_rows() -> None:
    assert aggregate(scored([])).is_empty()


def test_all_rows_unscored_give_counts_and_no_numbers() -> None:
    row = the_row(aggregate(scored([None, None])))
    assert (row["n_total"], row["n_scored"], row["mean"], row["ci_low"]) == (2, 0, None, None)
    assert (row["mean_if_missing_worst"], row["mean_if_missing_best"]) == (0.0, 1.0)


def test_a_metric_may_ask_for_the_ratio_of_scores_from_one_half() -> None:
    facts = MetricFacts(greater_is_better=False, low=0, high=1, aggregates=("ratio",))
    row = the_row(aggregate(scored([0.5, 0.9, 0.1, 0.2]), facts))
    assert json.loads(row["extra_aggregates"]) == {"ratio": 0.5}  # 0.5 and 0.9 of four


def test_a_metric_without_facts_is_refused_by_name() -> None:
    with pytest.raises(MetricError, match="'token_f1'"):
        aggregate_cell(scored([1.0]), metric_facts={"bleu": SHARE}, cell=CELL, run_id="r")


def test_the_verdict_of_a_jury_counts_once_and_its_members_not_at_all() -> None:
    verdicts = pl.concat([judged([4.0, 2.0]), judged([5.0, 1.0], juror="one"), judged([3.0, 3.0], juror="two")])
    rows = score_rows(pl.DataFrame(schema=HEURISTIC_METRICS), verdicts)
    row = the_row(aggregate(rows, MetricFacts(low=1, high=5)))
    assert (row["metric"], row["kind"], row["n_total"], row["mean"]) == ("correctness", "judge", 2, 3.0)


def test_clusters_and_slices_are_read_from_the_example_of_a_prediction() -> None:
    examples = ['{"metadata": {"topic": "cost"}, "level": 2}', '{"level": null}', '{"level": " ", "metadata": ""}']
    groups = example_groups(answered(["x", "y", "z"], example=examples), cluster="level", slices=["metadata.topic"])
    assert groups.examples.rows() == [("e0", "2", "cost"), ("e1", None, None), ("e2", None, None)]


def test_an_example_without_a_cluster_is_a_cluster_of_its_own() -> None:
    examples = pl.DataFrame({"example_id": ["e0", "e1", "e2"], "source": [None, None, "x"]})
    frame = aggregate(scored([0.1, 0.5, 0.9]), groups=ExampleGroups(examples, cluster="source"))
    # three clusters of one: sqrt(3 / 2 * (0.16 + 0.16)) / 3, the ordinary standard error
    assert the_row(frame)["standard_error"] == pytest.approx(0.4 / 3**0.5)


def test_samples_that_succeed_or_fail_say_how_reliably_all_of_several_succeed() -> None:
    binary = replace(SHARE, is_binary=True)
    examples = ["a"] * 4 + ["b"] * 4
    scores = scored([1, 1, 1, 1, 1, 1, 0, None], example_id=examples, sample_index=[0, 1, 2, 3] * 2)
    found = json.loads(the_row(aggregate(scores, binary))["extra_aggregates"])
    # `b` has 2 of 3 scored samples: (1 + 2/3) / 2, (1 + 1/3) / 2, (1 + 0) / 2; only `a` has four.
    assert found == pytest.approx({"pass_hat_1": 5 / 6, "pass_hat_2": 2 / 3, "pass_hat_3": 1 / 2, "pass_hat_4": 1.0})
    assert "pass_hat_1" not in the_row(aggregate(scores, SHARE))["extra_aggregates"]  # a mean may be anything
    alone = scored([1, 0], example_id=["a", "b"], sample_index=[0, 0])
    assert json.loads(the_row(aggregate(alone, binary))["extra_aggregates"]) == {}
