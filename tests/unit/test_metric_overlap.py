"""ROUGE, BLEU, token F1, edit distance and chrF: known values, ranges, scripts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.metrics.overlap.coding import Vocabulary
from eval_assets.metrics.overlap.rouge import union_lcs_hits
from eval_assets.metrics.overlap.tokens import unicode_tokens
from tests.unit.test_metric_rows import score_rows, scores

OVERLAP = ("rouge1", "rouge2", "rougeL", "rougeLsum", "bleu", "token_f1", "levenshtein_similarity", "chrf")
SYMMETRIC = ("rouge1", "rouge2", "rougeL", "token_f1", "levenshtein_similarity")

texts = st.text(st.sampled_from("aAbc dé\n.9東"), max_size=30)
targets_with_text = texts.filter(str.strip)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("rouge1", 5 / 6),  # cat sat on the + mat/mat: 5 of 6 words of each text: 2*5/(6+6)
        ("rouge2", 3 / 5),  # the cat, on the, the mat: 3 of 5 pairs of each
        ("rougeL", 5 / 6),
        ("token_f1", 3 / 4),  # cat, on, mat of 4 words each; articles don't count
        ("levenshtein_similarity", 1 - 1 / 22),  # one letter of 22 differs
    ],
)
def test_one_changed_word_costs_its_share(metric, expected):
    [score] = scores(metric, ["the cat sit on the mat"], ["the cat sat on the mat"])
    assert score == pytest.approx(expected)


def test_rouge_l_wants_the_words_in_order():
    # longest common subsequence of "a b c d" and "d a c b": a c, 2 of 4 words
    assert scores("rougeL", ["a b c d"], ["d a c b"]) == [0.5]
    assert scores("rouge1", ["a b c d"], ["d a c b"]) == [1.0]


def test_rouge_lsum_compares_line_by_line():
    # line "a b" is found in line 2, line "c d" in line 1: all 4 words, though never in this order
    assert scores("rougeLsum", ["c d\na b"], ["a b\nc d"]) == [1.0]
    assert scores("rougeL", ["c d\na b"], ["a b\nc d"]) == [0.5]


@pytest.mark.parametrize("implementation", ["fast", "reference"])
def test_stems_are_compared_when_the_evaluation_asks_for_them(implementation):
    # "cats" and "running" are "cat" and "run" to Porter's stemmer, "the" is too short to be stemmed: 3 of 3 words
    chosen = {"implementation": implementation, "use_stemmer": True}
    assert scores("rouge1", ["the cats running"], ["the cat runs"], **chosen) == [1.0]
    assert scores("rouge1", ["the cats running"], ["the cat runs"]) == [1 / 3]


def test_a_score_names_the_libraries_behind_its_parameters():
    def libraries(**parameters):
        signature = score_rows("rouge1", ["a"], ["a"], **parameters)["signature"][0]
        return re.sub(r" [\d.]+(?=[,)])", "", signature)

    assert libraries() == "overlap.rouge:rouge_1"
    assert libraries(implementation="reference") == "overlap.rouge:rouge_1 (rouge-score)"
    assert libraries(use_stemmer=True) == "overlap.rouge:rouge_1 (rouge-score, nltk)"


def test_a_word_is_not_counted_more_often_than_both_texts_have_it():
    assert union_lcs_hits(["aa"], ["a", "a"]) == 1  # each line finds the same one of the two


def test_bleu_is_the_mean_of_four_precisions_times_brevity():
    # 1- to 4-grams of "a b c d e" in "a b c d f": 4/5, 3/4, 2/3, 1/2; equal lengths, no brevity penalty
    [score] = scores("bleu", ["a b c d e"], ["a b c d f"])
    assert score == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    # all precisions 1, but 4 words for 8: exp(1 - 8/4)
    [score] = scores("bleu", ["a b c d"], ["a b c d e f g h"])
    assert score == pytest.approx(2.718281828459045**-1)


def test_bleu_of_fewer_than_four_words_is_zero():
    assert scores("bleu", ["a b c"], ["a b c"]) == [0.0]


@pytest.mark.parametrize("metric", OVERLAP)
def test_an_empty_output_shares_nothing(metric):
    assert scores(metric, [""], ["some words to find"]) == [0.0]


@given(st.lists(st.tuples(texts, targets_with_text), min_size=1, max_size=4))
def test_every_overlap_lies_between_zero_and_one(pairs):
    outputs, targets = [list(side) for side in zip(*pairs, strict=True)]
    for metric in OVERLAP:
        assert all(0 <= score <= 1 + 1e-12 for score in scores(metric, outputs, targets))


@given(targets_with_text, targets_with_text)
def test_a_symmetric_overlap_does_not_care_which_text_is_which(left, right):
    for metric in SYMMETRIC:
        assert scores(metric, [left], [right]) == pytest.approx(scores(metric, [right], [left]))


@given(targets_with_text)
def test_a_text_with_words_equals_itself(text):
    expected = 1.0 if unicode_tokens(text) else 0.0
    assert scores("rougeL", [text], [text], tokenizer="unicode") == [expected]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("東京は晴れ。", ["東", "京", "は", "晴", "れ"]),
        ("مَرْحَبًا، يا عالم!", ["مَرْحَبًا", "يا", "عالم"]),
        ("Fine 👍🏽🎉 ok", ["fine", "👍", "🏽", "🎉", "ok"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("안녕 세계", ["안녕", "세계"]),
        ("e\u0301 \u00e9", ["é", "é"]),
    ],
)
def test_unicode_tokens_are_the_words_and_signs_of_any_script(text, tokens):
    assert unicode_tokens(text) == tokens


def test_ascii_rouge_is_blind_to_japanese_and_its_unicode_variant_is_not():
    rows = score_rows("rouge1", ["東京は晴れ"], ["東京は雨"])
    assert rows.select("version", "score").rows() == [("v1", 0.0)]
    rows = score_rows("rouge1", ["東京は晴れ"], ["東京は雨"], tokenizer="unicode")
    # 東 京 は of 5 and 4 tokens: 2*3/(5+4)
    assert rows.select("version", "score").rows() == [("v1-unicode", pytest.approx(6 / 9))]


def test_arabic_and_emoji_answers_have_a_token_f1():
    assert scores("token_f1", ["عاصمة فرنسا باريس"], ["باريس"], tokenizer="unicode") == [0.5]  # 2*1/(3+1)
    assert scores("token_f1", ["👍"], ["👍!"], tokenizer="unicode") == [1.0]


def test_a_vocabulary_gives_no_token_the_code_of_half_a_character():
    vocabulary = Vocabulary()
    coded = vocabulary.coded(str(number) for number in range(0xE000))
    assert len(set(coded)) == 0xE000
    assert coded.encode("utf-8")
