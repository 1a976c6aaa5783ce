"""Rankings of documents, and how retrieved text covers an answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_metric_rows import resolved, score_rows, scores

RANKINGS = ("precision_at_k", "recall_at_k", "ndcg_at_k", "hit_rate", "mrr", "map")
ids = st.lists(st.sampled_from("abcdef"), max_size=6)


def ranking(metric, retrieved, relevant, **parameters):
    return scores(metric, [json.dumps(retrieved)], [relevant], **parameters)[0]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("precision_at_k", 2 / 3),  # a and c of a, x, c
        ("recall_at_k", 2 / 4),  # of a, b, c, d
        ("hit_rate", 1.0),
        ("mrr", 1.0),
        ("map", (1 / 1 + 2 / 3 + 3 / 4) / 4),  # a at 1, c at 3, d at 4 of 4 relevant ones
    ],
)
def test_a_ranking_is_scored_by_hand(metric, expected):
    assert ranking(metric, ["a", "x", "c", "d"], ["a", "b", "c", "d"]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("retrieved", "relevant", "k", "expected"),
    [
        ([4, 5, 1], [1, 2, 3], 3, 0.23463936301137828),
        (["doc1", "doc3", "doc2"], ["doc1", "doc2"], 3, 0.9197207891481877),
        ([1, 1, 2, 5, 5], [1, 2, 3], 4, 0.8318724637288826),
        ([], [], 3, 1.0),
        (["a"], [], 3, 0.0),
        ([], ["a"], 3, 0.0),
    ],
)
def test_ndcg_gives_the_numbers_of_mlflow(retrieved, relevant, k, expected):
    assert ranking("ndcg_at_k", retrieved, relevant, k=k) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "retrieved", "relevant", "expected"),
    [
        ("precision_at_k", ["a"], ["a"], 1.0),  # divided by what was retrieved, not by k
        ("precision_at_k", ["a", "a", "x"], ["a"], 2 / 3),  # repetitions count each
        ("precision_at_k", [], ["a"], 0.0),
        ("recall_at_k", ["a", "a", "a", "b"], ["a", "b"], 0.5),  # b stands fourth
        ("recall_at_k", [], [], 1.0),
        ("recall_at_k", ["a"], [], 0.0),
        ("map", ["a", "a"], ["a"], 1.0),
    ],
)
def test_repetitions_and_empty_lists_count_as_in_mlflow(metric, retrieved, relevant, expected):
    assert ranking(metric, retrieved, relevant) == pytest.approx(expected)


@given(ids, ids, st.integers(1, 7))
def test_a_ranking_scores_between_zero_and_one(retrieved, relevant, k):
    for metric in RANKINGS:
        assert 0 <= ranking(metric, retrieved, relevant, k=k) <= 1 + 1e-12


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True))
def test_a_perfect_ranking_scores_one(documents):
    for metric in RANKINGS:
        assert ranking(metric, documents, documents, k=6) == pytest.approx(1)


def test_several_values_of_k_are_several_metrics():
    assert [metric.label for metric in resolved("precision_at_k", k=[1, 5])] == ["precision_at_1", "precision_at_5"]
    assert [metric.label for metric in resolved("ndcg_at_k")] == ["ndcg_at_3"]
    assert [metric.label for metric in resolved("ndcg_at_k", label="quality")] == ["quality"]


def test_an_output_that_is_no_list_of_ids_is_an_error():
    rows = score_rows("mrr", ["I think doc1", '{"doc_id": 1}', "[[1]]", '[{"doc_id": "a"}]'], [["a"]] * 4)
    assert rows["outcome"].to_list() == ["error", "error", "error", "ok"]
    assert rows["reason"][0] == "expected a JSON list of document ids, got 'I think doc1'"
    assert rows["score"].to_list() == [None, None, None, 1.0]


def context_scores(metric, context, target, **parameters):
    return score_rows(metric, ["any"], [target], context=[context], **parameters)["score"].to_list()


def test_context_recall_is_the_share_of_the_answers_words_that_was_retrieved():
    # capital, france, paris: the chunks have france and paris
    chunks = ["Paris is a city.", "France borders Spain."]
    assert context_scores("context_recall", chunks, "The capital of France is Paris") == [pytest.approx(2 / 3)]
    assert context_scores("context_recall", "Paris.\n\nFrance.", "paris france") == [1.0]


def test_context_precision_wants_relevant_chunks_first():
    # relevant at places 2 and 3: (1/2 + 2/3) / 2
    chunks = ["Bananas.", "Paris, France.", "France: Paris"]
    assert context_scores("context_precision", chunks, "Paris France") == [pytest.approx((1 / 2 + 2 / 3) / 2)]
    assert context_scores("context_precision", chunks[:1], "Paris France") == [0.0]


def test_a_row_without_context_is_skipped():
    assert score_rows("context_recall", ["x"], ["y"])["reason"].to_list() == ["no context"]


def test_japanese_context_is_covered_sign_by_sign():
    assert context_scores("context_recall", ["首都は東京"], "東京") == [1.0]


@pytest.mark.parametrize(
    ("retrieved", "relevant", "k", "expected"),
    [
        (["a"], ["a", "b", "c", "d", "e"], 3, 1 / (1 + 0.6309297535714575 + 0.5)),  # 1/log2(3), 1/log2(4)
        (["a", "b", "c"], ["a", "b", "c", "d", "e"], 3, 1.0),
        (["x", "a"], ["a"], 3, 0.6309297535714575),
        (["a", "a"], ["a"], 3, 1.0),  # the repetition gains nothing
        (["a", "a"], ["a", "b"], 2, 1 / (1 + 0.6309297535714575)),
        ([], ["a"], 3, 0.0),
        ([], [], 3, 1.0),
    ],
)
def test_ndcg_may_be_measured_against_all_that_is_relevant_up_to_k(retrieved, relevant, k, expected):
    assert ranking("ndcg_at_k", retrieved, relevant, k=k, ideal="k") == pytest.approx(expected)


def test_ndcg_of_mlflow_is_one_for_a_hit_alone_and_its_variant_is_not():
    assert ranking("ndcg_at_k", ["a"], list("abcde")) == 1.0
    assert ranking("ndcg_at_k", ["a"], list("abcde"), ideal="k") < 0.5


@given(ids, ids, st.integers(1, 7))
def test_ndcg_against_all_that_is_relevant_is_never_above_that_of_mlflow(retrieved, relevant, k):
    retrieved, relevant = list(dict.fromkeys(retrieved)), list(dict.fromkeys(relevant))  # MLflow counts a copy as found
    variant = ranking("ndcg_at_k", retrieved, relevant, k=k, ideal="k")
    assert 0 <= variant <= ranking("ndcg_at_k", retrieved, relevant, k=k) + 1e-12


@pytest.mark.parametrize(
    "chunk",
    [
        {"capital": 1, "france": True, "text": "A city."},
        {"capital": {"france": "A city."}},
        {"page_content": "A city.", "metadata": {"source": "capital of france"}},
        {"text": ["A", {"capital": "city"}], "france": None},
    ],
)
def test_names_of_fields_in_a_chunk_are_no_words_of_it(chunk):
    assert context_scores("context_recall", [chunk], "capital of france") == [0.0]
    assert context_scores("context_recall", [chunk], "city") == [1.0]
    assert context_scores("context_precision", [chunk], "capital of france") == [0.0]


def test_a_chunk_that_is_null_or_a_list_has_its_texts_for_words():
    assert context_scores("context_recall", [None, ["Paris", "France"]], "none") == [0.0]
    assert context_scores("context_recall", [None, ["Paris", "France"]], "paris france") == [1.0]


@pytest.mark.parametrize(("context", "target"), [("It was 15 degrees.", "1.5"), ("C is a letter.", "C++"), ("5", "-5")])
def test_a_context_covers_no_number_or_sign_that_only_looks_alike(context, target):
    assert context_scores("context_recall", context, target) == [0.0]
