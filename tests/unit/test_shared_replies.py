"""Examples whose requests are equal get one reply between them, and count as one."""

import polars as pl
import pytest

from eval_assets.config.candidate import Candidate
from eval_assets.reports.computed.aggregates import aggregate_cell
from eval_assets.reports.computed.comparing import compare_candidates
from eval_assets.reports.computed.gating import evaluate_gates
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts, dependent_examples, scores_by_candidate
from eval_assets.reports.computed.shared_replies import SHARED_REPLIES, shared_replies, shared_replies_notes
from eval_assets.stages.aggregate_reports import groups_of
from eval_assets.statistics.intervals import wilson_interval
from eval_assets.storage.warehouse import Warehouse
from tests.report_rows import SHARE, aggregated, answered, report_of, scored, trial

PASSES = MetricFacts(low=0, high=1, is_binary=True)


def predicted(keys, *, model="m", **columns):
    """One prediction per key; None is a row without a request."""
    return answered(["same"] * len(keys), model=model, request_key=keys, **columns)


def groups(*predictions, cluster=None, examples=None):
    found = shared_replies(pl.concat(predictions).lazy())
    return ExampleGroups(pl.DataFrame() if examples is None else examples, cluster, shared_replies=found)


def test_examples_with_equal_requests_are_found_for_each_candidate_apart() -> None:
    found = shared_replies(pl.concat([predicted(["x", "x", "y"]), predicted(["x", "y", "z"], model="n")]).lazy())
    assert found.select("model", "example_id").rows() == [("m", "e0"), ("m", "e1")]
    assert found["group"].n_unique() == 1
    assert dict(found.schema) == SHARED_REPLIES


@pytest.mark.parametrize("keys", [["x", "y", "z"], [None, None, None], ["x", None, None], []])
def test_replies_of_their_own_and_rows_without_a_request_share_nothing(keys) -> None:
    assert shared_replies(predicted(keys).lazy()).is_empty()


def test_the_samples_of_one_example_are_not_a_shared_reply() -> None:
    rows = predicted(["x", "x", "y"], example_id=["a", "a", "b"], sample_index=[0, 1, 0])
    assert shared_replies(rows.lazy()).is_empty()


def test_examples_that_share_one_sample_each_with_a_third_are_one_group() -> None:
    rows = predicted(["x", "x", "y", "y"], example_id=["a", "b", "b", "c"], sample_index=[0, 0, 1, 1])
    found = shared_replies(rows.lazy())
    assert found["example_id"].to_list() == ["a", "b", "c"]
    assert found["group"].n_unique() == 1


def test_a_rate_over_repeated_questions_is_bounded_by_the_replies_and_not_by_the_questions() -> None:
    # 20 replies of which 16 pass, each to three equal questions
    keys = [f"k{index // 3}" for index in range(60)]
    rows = scored([float(index // 3 < 16) for index in range(60)])
    cell = {"evaluation": "trial", "model": "m", "prompt": "p"}
    row = aggregate_cell(
        rows, metric_facts={"token_f1": PASSES}, cell=cell, run_id="r", groups=groups(predicted(keys))
    ).row(0, named=True)
    # CR1 counts 20 / 19 for 20 draws at 0.8, so 19 of them, less what t costs: shorter than 12, longer than 20
    assert row["ci_method"] == "wilson on effective n"
    twelve, twenty = (wilson_interval(0.8 * n, n, confidence=0.95).ends for n in (12, 20))
    assert twelve[0] < row["ci_low"] < twenty[0]
    assert twenty[1] < row["ci_high"] < twelve[1]
    assert row["standard_error"] == pytest.approx((0.16 / 19) ** 0.5)


def test_two_candidates_are_compared_by_the_groups_that_either_of_them_shares() -> None:
    # the old one answers questions 0 and 1 with one reply, the new one 1 and 2
    by_group = groups(predicted(["x", "x", "y", "z"], model="old"), predicted(["x", "y", "y", "z"], model="new"))
    rows = pl.concat([scored([0.1, 0.2, 0.3, 0.4], model="old"), scored([0.2, 0.3, 0.4, 0.5], model="new")])
    frame = compare_candidates(
        trial("old", "new"), rows, aggregated(rows, {"token_f1": SHARE}), metric_facts={"token_f1": SHARE}, run_id="r",
        groups=by_group,
    )  # fmt: skip
    row = frame.filter(pl.col("is_baseline_comparison")).row(0, named=True)
    assert (row["p_value_method"], row["p_value"]) == ("exact cluster sign-flip", 0.5)  # two groups: 2 of 4 signs
    alone = scores_by_candidate(rows, [Candidate("old@p"), Candidate("new@p")], SHARE, by_group)
    assert [len(set(scores.clusters.tolist())) for scores in alone.values()] == [3, 3]


def test_groups_of_the_dataset_and_of_replies_are_joined() -> None:
    examples = pl.DataFrame({"example_id": ["e0", "e1", "e2", "e3"], "ticket": ["t", "t", None, None]})
    by_both = groups(predicted(["w", "x", "x", "y"]), cluster="ticket", examples=examples)
    clusters = scores_by_candidate(scored([0.0, 1.0, 1.0, 0.0]), [Candidate("m@p")], SHARE, by_both)["m@p"].clusters
    assert clusters.tolist() == [0, 0, 0, 1]


def test_examples_that_share_a_reply_of_any_candidate_are_one_for_the_judges() -> None:
    examples = pl.DataFrame({"example_id": ["e0", "e1", "e2", "e3"], "ticket": [None, None, "t", "t"]})
    by_all = groups(
        predicted(["w", "x", "y", "z"]), predicted(["w", "x", "x", "z"], model="n"), cluster="ticket", examples=examples
    )
    alone, *joined = dependent_examples(by_all)["cluster"].to_list()
    assert len(set(joined)) == 1  # e1 and e2 by a reply, e2 and e3 by their ticket
    assert alone not in joined
    nothing_shared = ExampleGroups(examples.select("example_id"))
    assert dependent_examples(nothing_shared)["cluster"].n_unique() == 4


def test_a_gate_counts_repeated_questions_once() -> None:
    values = [float(index // 10 < 9) for index in range(100)]  # 10 replies to ten equal questions each, 9 pass
    gates = [{"metric": "token_f1", "min": 0.8, "min_scored": 5}]
    keys = [f"k{index // 10}" for index in range(100)]
    asked = {
        name: evaluate_gates(
            trial("m", gates=gates), scored(values), metric_facts={"token_f1": PASSES}, run_id="r", groups=by
        )["verdict"][0]
        for name, by in (("as one", groups(predicted(keys))), ("apart", None))
    }
    assert asked == {"as one": "INCONCLUSIVE", "apart": "GO"}


def test_the_report_says_which_examples_share_replies() -> None:
    (note,) = map(str, shared_replies_notes(pl.concat([predicted(list("xxyy")), predicted(list("wxyz"), model="n")])))
    assert "4 examples of m@p count as 2" in note
    assert list(shared_replies_notes(predicted(["x", "y"]))) == []


def test_many_candidates_that_share_replies_are_counted_and_not_all_named() -> None:
    (note,) = map(
        str, shared_replies_notes(pl.concat([predicted(["x", "x"], model=f"m{index}") for index in range(6)]))
    )
    assert note.count("count as 1") == 3
    assert "3 more candidates" in note


def test_a_report_without_shared_replies_has_no_note() -> None:
    assert report_of({"m": ["a", "b"]}, {"m": [0.5, 0.6]}).notes == ()


def test_shared_replies_are_read_from_the_warehouse_with_the_clusters(tmp_path) -> None:
    warehouse = Warehouse(str(tmp_path))
    cell = {"evaluation": "trial", "model": "m", "prompt": "p"}
    warehouse.replace("predictions", predicted(["x", "x", "y"]), cell)
    found = groups_of(warehouse, cell, cluster=None, slices=[])
    assert found.shared_replies["example_id"].to_list() == ["e0", "e1"]
