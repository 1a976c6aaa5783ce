"""Readability, length and latency: metrics of the output alone."""

import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.metrics.registry import METRICS
from eval_assets.metrics.scoring.prediction_scores import score_predictions
from eval_assets.metrics.text.syllables import cmu_syllables
from eval_assets.metrics.text.token_counts import TokenCounts
from eval_assets.metrics.text.words import WordMemory, split_words
from tests.unit.test_metric_rows import CELL, prediction_frame, resolved, score_rows, scores

READABILITY = ("ari_grade_level", "flesch_kincaid_grade_level")
# Of "This is a sentence.": 4 words, 15 letters, 5 syllables; and of "Photosynthesis is slow.": 3, 20, 7.
INDICES = {
    "flesch_reading_ease": (206.835 - 1.015 * 4 - 84.6 * 5 / 4, 206.835 - 1.015 * 3 - 84.6 * 7 / 3),
    "gunning_fog": (0.4 * 4, 0.4 * (3 + 100 * 1 / 3)),
    "smog_index": (3.1291, 1.043 * (30 * 1 / 1) ** 0.5 + 3.1291),
    "coleman_liau_index": (
        0.058 * 15 / 4 * 100 - 0.296 * 1 / 4 * 100 - 15.8,
        0.058 * 20 / 3 * 100 - 0.296 * 1 / 3 * 100 - 15.8,
    ),
    # one word of three is on no list of easy ones; above 5 percent of such words 3.6365 is added
    "dale_chall_readability_score": (0.0496 * 4, 0.1579 * 100 / 3 + 0.0496 * 3 + 3.6365),
    "linsear_write_formula": ((4 * 1 - 2) / 2, (2 * 1 + 1 * 3 - 2) / 2),  # a long word counts three times
}


def test_a_short_sentence_is_graded_by_hand():
    [ari], [fk] = (scores(metric, ["This is a sentence."]) for metric in READABILITY)
    assert ari == pytest.approx(4.71 * 16 / 4 + 0.5 * 4 / 1 - 21.43)  # 16 characters, 4 words, 1 sentence
    assert fk == pytest.approx(0.39 * 4 / 1 + 11.8 * 5 / 4 - 15.59)  # this is a sen-tence: 5 syllables


@pytest.mark.parametrize("metric", READABILITY)
def test_a_text_without_words_has_grade_zero(metric):
    assert scores(metric, ["", "  ", "?!", "🙂"]) == [0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("metric", INDICES)
def test_an_index_of_a_short_sentence_is_derived_by_hand(metric):
    assert scores(metric, ["This is a sentence.", "Photosynthesis is slow."]) == pytest.approx(INDICES[metric])


@pytest.mark.parametrize("metric", INDICES)
def test_a_text_without_words_has_no_index(metric):
    rows = score_rows(metric, ["", "  ", "?!", "🙂"])
    assert rows.select("score", "outcome", "reason").rows() == [(None, "skipped", "no words")] * 4


@given(st.lists(st.text(st.sampled_from("aB1 .!?'-sé東\n"), max_size=40), min_size=1, max_size=3))
def test_an_index_lies_in_its_range(texts):
    for name in INDICES:
        low, high = METRICS[name].range
        found = [score for score in scores(name, texts) if score is not None]
        assert all((low is None or score >= low) and (high is None or score <= high) for score in found)


def test_a_greater_reading_ease_is_better_and_a_greater_grade_is_not():
    directions = {name: METRICS[name].greater_is_better for name in (*INDICES, *READABILITY)}
    assert [name for name, greater in directions.items() if greater] == ["flesch_reading_ease"]
    [easy, hard] = scores(
        "flesch_reading_ease", ["The cat sat on the mat.", "Photosynthesis necessitates illumination."]
    )
    assert easy > hard


def test_an_index_carries_the_version_of_textstat_that_is_pinned():
    pinned = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert "textstat==0.7.13" in pinned
    assert {METRICS[name].version for name in INDICES} == {"v1-textstat-0.7.13"}


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


@pytest.mark.parametrize(
    ("metric", "column"), [("latency", "latency_seconds"), ("time_to_first_token", "first_token_seconds")]
)
def test_a_time_is_the_column_and_absent_where_nobody_measured_it(metric, column):
    frame = prediction_frame(["x", "y"], **{column: [0.25, None]})
    [rows] = score_predictions([frame], resolved(metric), previous=None, cell=CELL, run_id="r1")
    assert rows.select("score", "outcome", "reason", "version").rows() == [
        (0.25, "ok", None, ""),
        (None, "skipped", f"no {column}", ""),
    ]


odd_texts = st.lists(st.text(st.sampled_from("ab'sS1.,é東🙂<|>\n\t\u00a0\x1f"), max_size=4), max_size=6).map(" ".join)


@given(st.lists(odd_texts, min_size=1, max_size=4))
def test_tokens_counted_word_by_word_are_those_of_the_whole_text(texts):
    counts = TokenCounts()
    whole = [counts.encoded(text) for text in texts]
    assert [counts.total(text) for text in texts] == whole
    assert scores("token_count", texts) == whole


def test_tokens_counted_word_by_word_are_those_of_real_english():
    text = "It's 3.5 o'clock: we'LL meet at 10,000 Main St. (unless it rains) - OK? 'Sure,' she'd said..."
    counts = TokenCounts()
    assert scores("token_count", [text]) == [counts.total(text)] == [counts.encoded(text)]


@pytest.mark.parametrize(("length", "outcome"), [(999_998, "ok"), (999_999, "ok"), (1_000_000, "error")])
def test_a_text_too_long_for_the_tokenizer_leaves_its_neighbours_alone(length, outcome):
    text = "a" * length
    rows = score_rows("token_count", ["a b", text])
    assert rows["outcome"].to_list() == ["ok", outcome]
    # a word and a space with a word
    assert rows["score"].to_list() == [2.0, TokenCounts().encoded(text) if outcome == "ok" else None]


@given(st.lists(st.one_of(odd_texts, st.text(max_size=8)), max_size=5))
def test_texts_are_split_as_python_splits_them(texts):
    words = split_words(pl.Series(texts, dtype=pl.String))
    split = [text.split() for text in texts]
    # Objects, since numpy's own strings lose a NUL at their end.
    flat = np.array([words.different[number] for number in words.numbers], dtype=object)
    pieces = np.split(flat, words.ends[:-1]) if texts else []
    assert [list(piece) for piece in pieces] == split
    assert words.n_characters.tolist() == [sum(map(len, tokens)) for tokens in split]
    assert words.is_plain.tolist() == [text != "" and " ".join(text.split()) == text for text in texts]


def test_every_white_space_of_python_separates_words():
    spaces = [chr(code) for code in range(0x110000) if chr(code).isspace()]
    words = split_words(pl.Series([f"a{space}b" for space in spaces]))
    assert words.lengths.tolist() == [2] * 29
    assert words.is_plain.tolist() == [space == " " for space in spaces]


def test_a_memory_of_words_forgets_before_it_grows_without_bound(monkeypatch):
    monkeypatch.setattr("eval_assets.metrics.text.words._MEMORY", 3)
    memory = WordMemory(len)
    for batch in (["a", "bb"], ["ccc", "dd"], ["e"]):
        assert memory.of(batch).tolist() == [len(word) for word in batch]
    assert list(memory) == ["e"]
