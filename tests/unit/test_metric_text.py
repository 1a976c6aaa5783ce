"""Readability, length and latency: metrics of the output alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_assets.metrics.scoring import score_predictions
from eval_assets.metrics.text.syllables import cmu_syllables
from eval_assets.metrics.text.token_counts import TokenCounts
from tests.unit.test_metric_rows import CELL, prediction_frame, resolved, scores

READABILITY = ("ari_grade_level", "flesch_kincaid_grade_level")


def test_a_short_sentence_is_graded_by_hand():
    [ari], [fk] = (scores(metric, ["This is a sentence."]) for metric in READABILITY)
    assert ari == pytest.approx(4.71 * 16 / 4 + 0.5 * 4 / 1 - 21.43)  # 16 characters, 4 words, 1 sentence
    assert fk == pytest.approx(0.39 * 4 / 1 + 11.8 * 5 / 4 - 15.59)  # this is a sen-tence: 5 syllables


@pytest.mark.parametrize("metric", READABILITY)
def test_a_text_without_words_has_grade_zero(metric):
    assert scores(metric, ["", "  ", "?!", "🙂"]) == [0.0, 0.0, 0.0, 0.0]


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_has_a_grade(text):
    for metric in READABILITY:
        [score] = scores(metric, [text])
        assert score == score  # noqa: PLR0124 - not NaN


def test_readability_of_a_long_text_without_spaces_takes_no_time():
    assert scores("ari_grade_level", ["東" * 200_000])[0] > 0


def test_the_dictionary_keeps_the_first_pronunciation():
    known = cmu_syllables()
    assert (known["orange"], known["a"], known["don't"]) == (2, 1, 1)
    assert len(known) == 126_052


def test_tokens_are_counted_offline_with_the_declared_vocabulary():
    # tiktoken's cl100k_base: 15339 1917
    assert scores("token_count", ["hello world", "", "<|endoftext|>"]) == [2.0, 0.0, 7.0]


def test_a_text_too_long_for_the_tokenizer_is_an_error_with_its_reason():
    frame = prediction_frame(["a" * 1_000_000])
    [rows] = score_predictions([frame], resolved("token_count"), previous=None, cell=CELL, run_id="r1")
    assert rows["outcome"].to_list() == ["error"]
    assert "too long" in rows["reason"][0]


def test_response_length_counts_words_or_characters():
    assert scores("response_length", ["two words", ""]) == [2.0, 0.0]
    assert scores("response_length", ["two words", "東京🙂"], unit="characters") == [9.0, 3.0]


def test_latency_is_the_column_and_absent_for_recorded_predictions():
    frame = prediction_frame(["x", "y"], latency_seconds=[0.25, None])
    [rows] = score_predictions([frame], resolved("latency"), previous=None, cell=CELL, run_id="r1")
    assert rows.select("score", "outcome", "reason", "version").rows() == [
        (0.25, "ok", None, ""),
        (None, "skipped", "no latency_seconds", ""),
    ]


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab'sS1.,é東🙂<|>\n\t\u00a0"), max_size=4), max_size=6).map(" ".join))
def test_tokens_counted_word_by_word_are_those_of_the_whole_text(text):
    counts = TokenCounts()
    assert counts.total(text, text.split()) == counts.encoded(text)


def test_tokens_counted_word_by_word_are_those_of_real_english():
    text = "It's 3.5 o'clock: we'LL meet at 10,000 Main St. (unless it rains) - OK? 'Sure,' she'd said..."
    counts = TokenCounts()
    assert counts.total(text, text.split()) == counts.encoded(text)
