"""What normalising must not erase, and SQuAD's own values where they are asked for."""

import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_metric_rows import resolved, score_rows, scores

METRICS = ("normalized_exact_match", "token_f1")
answers = st.text(st.sampled_from("aAn the.C+-15,é!'#½$\n"), min_size=1, max_size=20).filter(str.strip)


def squad_normalised(text):
    """`normalize_answer` of the SQuAD evaluation script, word by word."""
    lowered = "".join(sign for sign in text.lower() if sign not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", lowered).split())


def squad_f1(output, target):
    """`compute_f1` of the script of SQuAD 2.0."""
    given, wanted = squad_normalised(output).split(), squad_normalised(target).split()
    if not given or not wanted:
        return float(given == wanted)
    n_same = (Counter(given) & Counter(wanted)).total()
    return 2 * n_same / (len(given) + len(wanted))


@pytest.mark.parametrize("tokenizer", ["words", "unicode"])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("output", "target"),
    [
        ("", "A"),
        ("", "the"),
        ("", "?"),
        ("-", "+"),
        ("...", "?"),
        ("15", "1.5"),
        ("5", ".5"),
        ("5", "-5"),
        ("5", "\u22125"),
        ("$5", "-$5"),
        ("1e5", "1e-5"),
        ("34", "3/4"),
        ("1030", "10:30"),
        ("Vitamin", "Vitamin A"),
        ("B", "A, B"),
        ("C", "C++"),
        ("C", "C#"),
        ("A-", "A+"),
        ("x<y", "x>y"),
        ("<5", ">5"),
        (">=5", "<=5"),
        ("5", "<5"),
        ("3.1", "3.10"),  # versions, not numbers
    ],
)
def test_texts_that_differ_in_what_they_mean_are_not_equal(metric, tokenizer, output, target):
    [score] = scores(metric, [output], [target], tokenizer=tokenizer)
    assert score < 1
    [reversed_score] = scores(metric, [target], [output], tokenizer=tokenizer) if output else [0.0]
    assert reversed_score < 1


@pytest.mark.parametrize("tokenizer", ["words", "unicode"])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("output", "target"),
    [
        ("The Paris.", "paris"),
        ("A.", "a"),
        ("$5", "5"),
        ("+5", "5"),
        ("1,234 m", "1234 m"),
        ("1,5", "1.5"),
        ("\u22125", "-5"),
        ("(-5)", "-5"),
        ("12.5.", "12.5"),
        ("**Paris**", "Paris"),
        ("- Paris", "Paris"),
        ("Paris - France", "Paris France"),
    ],
)
def test_case_articles_and_punctuation_are_still_forgiven(metric, tokenizer, output, target):
    assert scores(metric, [output], [target], tokenizer=tokenizer) == [1.0]


@given(st.lists(st.tuples(answers | st.just(""), answers), min_size=1, max_size=5))
def test_tokenizer_squad_gives_the_values_of_the_script(pairs):
    outputs, targets = [list(side) for side in zip(*pairs, strict=True)]
    exact = [float(squad_normalised(output) == squad_normalised(target)) for output, target in pairs]
    assert scores("normalized_exact_match", outputs, targets, tokenizer="squad") == exact
    f1 = [squad_f1(output, target) for output, target in pairs]
    assert scores("token_f1", outputs, targets, tokenizer="squad") == pytest.approx(f1)


@given(answers)
def test_an_answer_equals_itself_and_no_empty_one(text):
    for tokenizer in ("words", "unicode"):
        assert scores("normalized_exact_match", [text, ""], [text] * 2, tokenizer=tokenizer) == [1.0, 0.0]


@pytest.mark.parametrize("metric", METRICS)
def test_each_normalisation_has_its_version_and_squads_is_the_one_it_had(metric):
    versions = {
        name: score_rows(metric, ["x"], ["x"], tokenizer=name)["version"][0] for name in ("words", "squad", "unicode")
    }
    assert versions == {"words": "v2", "squad": "v1", "unicode": "v2-unicode"}
    assert resolved(metric)[0].parameters["tokenizer"] == "words"


@pytest.mark.parametrize(
    ("metric", "output", "target", "parameters", "score_id"),
    [
        ("token_f1", "x", "x", {"tokenizer": "squad"}, "s-af0560dde704f465da0ded39"),
        ("rouge1", "x", "x", {}, "s-c7230c43044e4fda17e5ce83"),
        ("ndcg_at_k", '["a"]', ["a"], {}, "s-8b6c9effcee2aa1dc097d8e3"),
    ],
)
def test_scores_whose_values_stay_keep_the_ids_they_had(metric, output, target, parameters, score_id):
    # the ids that the version before the new defaults gave these rows
    assert score_rows(metric, [output], [target], **parameters)["score_id"].to_list() == [score_id]
