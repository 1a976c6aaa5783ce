"""From the targets of an example to what is acceptable: texts, numbers, booleans, nulls, lists, objects."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_assets.metrics.registry import METRICS
from eval_assets.metrics.scoring.prediction_scores import score_predictions
from eval_assets.metrics.targets import Targets, acceptable, names_none, target_value
from tests.unit.test_metric_rows import CELL, prediction_frame, resolved, score_rows, scores

OF_TEXTS = [
    name
    for name, metric in METRICS.items()
    if "targets" in metric.needs and not metric.takes_any_targets and not metric.takes_values and not metric.extra
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("Paris", ("Paris",)),
        (5.0, ("5", "5.0")),
        (5, ("5", "5.0")),
        (0.1, ("0.1",)),
        (1e-05, ("0.00001", "1e-05")),
        (1e16, ("10000000000000000", "10000000000000000.0", "1e+16")),
        (True, ("true", "True")),
        (["Paris", None, "", "  "], ("Paris",)),
        (["1972", 1972], ("1972", "1972.0")),
        ([False, "no"], ("false", "False", "no")),
        (float("nan"), ()),
        (None, ()),
        ("\n", ()),
        ("\u200b\ufeff", ()),
        ([], ()),
    ],
)
def test_a_value_is_acceptable_in_each_of_its_usual_spellings(value, texts):
    assert acceptable(value) == Targets(texts)


@pytest.mark.parametrize(
    ("metric", "output", "target", "expected"),
    [
        ("exact_match", "5", 5.0, 1.0),
        ("exact_match", "5.0", 5, 1.0),
        ("exact_match", "50", 5.0, 0.0),
        ("exact_match", "True", True, 1.0),
        ("exact_match", "null", ["Paris", None], 0.0),
        ("contains", "None", ["Paris", None], 0.0),
        ("token_f1", "false", False, 1.0),
        ("numeric_match", "5", [5.0], 1.0),
        ("exact_match", "5", "5.0", 0.0),  # a text stays the text it is
    ],
)
def test_an_output_is_compared_with_the_value_and_not_with_its_json(metric, output, target, expected):
    assert scores(metric, [output], [target]) == [expected]


@pytest.mark.parametrize("metric", ["exact_match", *OF_TEXTS])
@pytest.mark.parametrize("target", ["", "  ", [""], [None], ["", None, "\t"], []])
def test_an_empty_target_is_no_target(metric, target):
    rows = score_rows(metric, ["anything"], [target], context=["anything"])
    assert rows.select("score", "outcome", "reason").rows() == [(None, "skipped", "no targets")]


@pytest.mark.parametrize("metric", ["contains", "exact_match", "token_f1", "rouge1", "levenshtein_similarity"])
def test_an_empty_target_beside_others_changes_nothing(metric):
    outputs = ["Paris", "London", ""]
    assert scores(metric, outputs, [["", "Paris", None]] * 3) == scores(metric, outputs, ["Paris"] * 3)


@pytest.mark.parametrize("metric", OF_TEXTS)
@pytest.mark.parametrize("target", [{"city": "Paris"}, [["Paris"]], ["Paris", {"city": "Paris"}]])
def test_a_target_that_is_no_text_leaves_the_row_of_a_metric_of_texts_unscored_with_the_reason(metric, target):
    rows = score_rows(metric, ["Paris"], [target], context=["Paris"])
    said = f"expected targets as texts or numbers, got an object or a list in a list; {metric} compares texts"
    assert rows.select("score", "outcome", "reason").rows() == [(None, "skipped", said)]


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        ('{"b": 2.0, "a": [1]}', {"a": [1], "b": 2}, 1.0),
        ('{"a": [1]}', {"a": [1], "b": 2}, 0.0),
        ('{"a": true}', {"a": 1}, 0.0),
        ("Paris", {"a": 1}, 0.0),
        ('["Paris"]', [["Paris"], ["Lyon"]], 1.0),
        ("Rome", [["Paris"], "Rome"], 1.0),
        ("[" * 10_000, {"a": 1}, 0.0),
    ],
)
def test_exact_match_compares_objects_as_json(output, target, expected):
    assert scores("exact_match", [output], [target]) == [expected]


def test_values_too_deep_to_compare_are_an_error_of_their_row():
    nested = "[" * 700 + "]" * 700  # the parser reads it, Python compares fewer levels
    [row] = score_rows("exact_match", [nested], [json.loads(nested)]).to_dicts()
    assert (row["score"], row["outcome"]) == (None, "error")
    assert row["reason"] == "the output and its target are nested too deeply to compare"


@pytest.mark.parametrize("target", [[7.0], 7, ["7", None], [{"doc_id": 7}], "7"])
def test_relevant_documents_are_known_by_the_text_of_their_id(target):
    assert scores("recall_at_k", ['["7"]', "[7.0]", '["8"]'], [target] * 3) == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("target", [[""], [None], [["a"]], [True], ""])
def test_targets_that_name_no_document_leave_the_row_unscored(target):
    [row] = score_rows("recall_at_k", ['["a"]'], [target]).to_dicts()
    assert (row["score"], row["outcome"]) == (None, "skipped")
    assert row["reason"].startswith("expected ids of documents as targets, got ")


def test_a_score_of_an_empty_target_that_an_earlier_version_gave_is_not_kept():
    frame = prediction_frame(["anything"], ["x"])
    metrics = resolved("contains")
    [old] = score_predictions([frame], metrics, previous=None, cell=CELL, run_id="r1")
    blank = prediction_frame(["anything"], [""]).with_columns(example_sha256=frame["example_sha256"])
    [new] = score_predictions([blank], metrics, previous=old.with_columns(score=1.0).lazy(), cell=CELL, run_id="r2")
    assert new.select("score", "outcome", "run_id").rows() == [(None, "skipped", "r2")]


def test_scores_of_targets_that_are_all_texts_are_kept_and_others_computed_anew():
    outputs, targets = ["Paris", "5"], ["Paris", 5.0]
    metrics = resolved("exact_match")
    [old] = score_predictions([prediction_frame(outputs, targets)], metrics, previous=None, cell=CELL, run_id="r1")
    # the ids as they were before numbers had spellings, of scores that were 0 then
    as_texts = prediction_frame(outputs, ["Paris", "5.0"]).with_columns(
        prediction_frame(outputs, targets).select("example_sha256")
    )
    [before] = score_predictions([as_texts], metrics, previous=None, cell=CELL, run_id="r0")
    assert [a == b for a, b in zip(before["score_id"], old["score_id"], strict=True)] == [True, False]


@given(json_values)
def test_any_value_is_read_and_never_as_a_blank_text(value):
    targets = acceptable(value)
    assert all(text.strip() for text in targets.texts)
    assert all(isinstance(item, dict | list) for item in targets.values)


@settings(max_examples=50)
@given(json_values, st.text(max_size=6))
def test_every_metric_scores_or_skips_any_target(value, output):
    for metric in ("exact_match", "contains", "numeric_match", "token_f1", "rougeL", "recall_at_k"):
        rows = score_rows(metric, [output], [value])
        assert rows.height == 1
        assert (rows["outcome"][0] == "ok") == (rows["score"][0] is not None)


@given(json_values)
def test_a_value_comes_back_from_the_table_as_it_was(value):
    text = value if value is None or isinstance(value, str) else json.dumps(value)
    example = json.dumps({"targets": value})
    assert json.dumps(target_value(text, example)) == json.dumps(value)
    assert names_none(text, example) == (acceptable(value) == Targets())
