"""Baselines that are no models."""

import math

import pytest

from eval_assets.providers.baselines import best_sentence, keyword_search, lead_sentence

DOCUMENTS = [
    {"id": "valve", "text": "The valve closes."},
    {"id": "spring", "text": "The spring opens the valve, and the spring breaks."},
    {"id": "paint", "text": "Blue paint."},
]


def test_the_sentence_with_most_distinct_words_of_the_question_wins():
    context = "Rain rain rain falls. The rain in Spain stays in the plain. Snow melts."
    # rain, spain, plain: sentence 1 shares one distinct word however often it stands there, sentence 2 all three
    assert best_sentence("Does rain in Spain reach the plain?", context) == "The rain in Spain stays in the plain."


def test_words_that_carry_grammar_only_do_not_count():
    assert best_sentence("What is the colour of the sky?", "It is what it is. Sky is blue.") == "Sky is blue."


def test_the_first_of_equally_good_sentences_wins():
    assert best_sentence("rain?", "Rain one. Rain two.") == "Rain one."


def test_a_list_of_contexts_is_read_as_one():
    assert best_sentence("snow?", ["Rain falls.", "Snow melts."]) == "Snow melts."


@pytest.mark.parametrize("context", [None, "", [], "  \n"])
def test_without_a_context_the_baseline_does_not_guess(context):
    assert best_sentence("rain?", context) == "I don't know."


def test_structured_inputs_count_with_all_their_text():
    assert best_sentence({"topic": "snow", "questions": ["When?"]}, "Rain falls. Snow melts.") == "Snow melts."


def test_a_point_before_a_small_letter_does_not_end_a_sentence():
    assert lead_sentence("Tools, e.g. hammers, help. They break.") == "Tools, e.g. hammers, help."


def test_a_blank_line_ends_a_sentence():
    assert lead_sentence("A title without a point\n\nThe text.") == "A title without a point"


def test_the_lead_of_empty_text_is_empty():
    assert lead_sentence("") == ""


def test_overlap_counts_distinct_shared_words_and_leaves_out_documents_that_share_none():
    # valve: closes, valve = 2; spring: valve = 1; paint: 0
    assert keyword_search("Which valve closes?", DOCUMENTS, weighting="overlap") == ["valve", "spring"]


def test_overlap_keeps_the_order_of_documents_in_a_tie():
    assert keyword_search("valve", DOCUMENTS, weighting="overlap") == ["valve", "spring"]


def test_bm25_prefers_rare_words_repeated_words_and_short_documents():
    # content words: valve 2, spring 5 (spring, opens, valve, spring, breaks), paint 2; mean 3
    # valve stands in 2 of 3 documents: weight ln(1 + 1.5/2.5); spring in 1: ln(1 + 2.5/1.5)
    def score(weight: float, n: int, length: int) -> float:
        return weight * n * 2.2 / (n + 1.2 * (0.25 + 0.75 * length / 3))

    valve, spring = math.log(1.6), math.log(8 / 3)
    assert score(valve, 1, 5) + score(spring, 2, 5) > score(valve, 1, 2) > 0
    assert keyword_search("valve spring", DOCUMENTS) == ["spring", "valve"]
    assert score(valve, 1, 2) > score(valve, 1, 5)
    assert keyword_search("valve", DOCUMENTS) == ["valve", "spring"]


def test_k_bounds_the_number_of_documents():
    assert keyword_search("valve spring", DOCUMENTS, k=1) == ["spring"]
    assert keyword_search("valve spring", DOCUMENTS, k=0) == []


def test_no_documents_and_no_content_words_give_nothing():
    assert keyword_search("valve", []) == []
    assert keyword_search("what is the", DOCUMENTS) == []


def test_a_wrong_weighting_or_k_is_refused():
    with pytest.raises(ValueError, match="expected weighting 'bm25' or 'overlap', got 'tfidf'"):
        keyword_search("valve", DOCUMENTS, weighting="tfidf")
    with pytest.raises(ValueError, match="expected k of 0 or more, got -1"):
        keyword_search("valve", DOCUMENTS, k=-1)
