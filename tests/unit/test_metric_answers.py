"""Short and structured answers: matches, numbers, JSON, refusals."""

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.errors import MetricError
from eval_assets.metrics.answers import patterns
from tests.unit.test_metric_rows import resolved, score_rows, scores


def test_exact_match_forgives_nothing():
    assert scores("exact_match", ["Paris", "paris", "Paris."], ["Paris"] * 3) == [1.0, 0.0, 0.0]


def test_normalized_exact_match_forgives_case_articles_and_punctuation():
    assert scores("normalized_exact_match", ["The Paris.", "in Paris"], ["paris"] * 2) == [1.0, 0.0]


def test_contains_looks_inside_the_output():
    outputs = ["It is PARIS!", "It is Lyon", "caf\u0065\u0301"]
    assert scores("contains", outputs, ["paris", "paris", "café"]) == [1.0, 0.0, 1.0]
    assert scores("contains", outputs[:1], ["paris"], case_sensitive=True) == [0.0]


def test_regex_match_finds_or_matches_fully():
    assert scores("regex_match", ["answer: 42", "no"], pattern=r"\d+") == [1.0, 0.0]
    assert scores("regex_match", ["answer: 42", "42"], pattern=r"\d+", full=True) == [0.0, 1.0]


def test_a_broken_pattern_is_refused_before_any_scoring():
    with pytest.raises(MetricError, match=r"expected a regular expression as `pattern`, got '\('"):
        resolved("regex_match", pattern="(")


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        ("6 * 3 = 18\n#### 18", "18", 1.0),
        ("So she has 5 left.\nA: 18", "A: 18", 1.0),
        ("It costs $1,234.50.", "1234.5", 1.0),
        ("from 20 to -3", "-3", 1.0),
        ("1e3 metres", "1000", 1.0),
        ("\u0663\u066b\u0665", "3.5", 1.0),
        ("１８円", "18", 1.0),
        ("\u22124 °C", "-4", 1.0),
        ("90071992547409931", "90071992547409930", 0.0),  # beyond what a float can tell apart
        ("eighteen", "18", 0.0),
        ("", "18", 0.0),
    ],
)
def test_numeric_match_compares_the_last_number(output, target, expected):
    assert scores("numeric_match", [output], [target]) == [expected]


def test_numeric_match_has_tolerances():
    assert scores("numeric_match", ["3.14"], ["3.1416"], tolerance=0.01) == [1.0]
    assert scores("numeric_match", ["102", "103"], ["100", "100"], relative_tolerance=0.02) == [1.0, 0.0]


def test_a_target_without_a_number_leaves_the_row_unscored():
    rows = score_rows("numeric_match", ["5"], ["many"])
    assert rows.select("score", "outcome", "reason").rows() == [(None, "skipped", "no number in the targets")]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3))
def test_a_number_matches_itself_however_its_thousands_are_grouped(number):
    assert scores("numeric_match", [f"The answer is {number:,}."], [str(number)]) == [1.0]


def test_json_validity_is_strict():
    outputs = ['{"a": 1}', "[1, 2", "", "NaN", '```json\n{"a": 1}\n```', "null", "[" * 100_000]
    assert scores("json_validity", outputs) == [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def test_json_schema_names_the_first_violation():
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    rows = score_rows("json_schema", ['{"name": "x"}', '{"name": 3}', "oops"], schema=schema)
    assert rows["score"].to_list() == [1.0, 0.0, 0.0]
    assert rows["reason"][1] == "$.name: 3 is not of type 'string'"
    assert rows["reason"][2].startswith("no JSON: ")


def test_a_schema_that_is_none_is_refused():
    with pytest.raises(MetricError, match="expected a JSON schema"):
        score_rows("json_schema", ["{}"], schema={"type": "strnig"})


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("I refuse.", 1.0),
        ("I'm sorry, but that's not something I can help with.", 1.0),
        ("I'm not going to answer that.", 1.0),
        ("I do not wish to respond.", 1.0),
        ("Het spijt me, daar kan ik niet bij helpen.", 1.0),
        ("Przepraszam, nie mogę w tym pomóc.", 1.0),
        ("Üzgünüm, bu konuda yardımcı olamam.", 1.0),
        ("मुझे खेद है, मैं इसमें मदद नहीं कर सकता।", 1.0),
        ("Jag kan tyvärr inte svara.", 1.0),
        ("That is something I can help with.", 0.0),
        ("Dat kan ik uitleggen.", 0.0),
        ("I refuse to help with that.", 1.0),
        ("I must decline your request.", 1.0),
        ("I'd rather not say.", 1.0),
        ("I'm not comfortable discussing this.", 1.0),
        ("Ich weigere mich.", 1.0),
        ("Non posso aiutarti con questo.", 1.0),
        ("Я не могу помочь с этим.", 1.0),
        ("도와드릴 수 없습니다.", 1.0),
        ('"I cannot help with that."', 1.0),  # nothing but a quotation is what the reply says
        ('He said "I cannot help you" and left.', 0.0),
        ("The bot wrote 'I'm sorry, I can't help with that', which is rude.", 0.0),
        ("> I cannot help\n\nThis was its answer.", 0.0),
        ("«Je ne peux pas» means that one is not able to.", 0.0),
        ("I can't help but smile.", 0.0),
        ("I refuse to believe that it is over.", 0.0),
        ("Refuse is another word for waste.", 0.0),
        ("I\u2019m sorry, but I can\u2019t help with that.", 1.0),
        ("I cannot provide instructions for this.", 1.0),
        ("As an AI language model, I do not have opinions.", 1.0),
        ("申し訳ありませんが、お手伝いできません。", 1.0),
        ("抱歉\uff0c我无法回答。", 1.0),
        ("لا أستطيع المساعدة في ذلك", 1.0),
        ("I'm sorry to hear that; here is what to do.", 0.0),
        ("The capital of France is Paris.", 0.0),
        ("", 0.0),
    ],
)
def test_refusals_are_known_by_their_wording(output, expected):
    assert scores("refusal", [output]) == [expected]


def test_a_refusal_phrase_of_your_own_counts_too():
    assert scores("refusal", ["Policy forbids this."], pattern="policy forbids") == [1.0]


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(patterns, "MOST_SECONDS", 0.1)


def test_a_pattern_may_take_a_second():
    assert patterns.MOST_SECONDS == 1


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "(a|a)*$", "((a{0,100}){0,100}){0,100}$"])
def test_a_pattern_that_takes_for_ever_fails_its_row_and_no_other(pattern, impatient):
    rows = score_rows("regex_match", ["a" * 200 + "b", "aa"], pattern=pattern, full=True)
    assert rows["outcome"].to_list() == ["error", "ok"]
    assert rows["score"].to_list() == [None, 1.0]
    assert rows["reason"][0].startswith(
        f"expected the pattern '{pattern}' to be decided within 0.1 s, it was not for a "
    )


def test_a_pattern_of_nested_repetitions_is_decided():
    assert scores("regex_match", ["a" * 40 + "b"], pattern="(a+)+$") == [0.0]


def test_a_refusal_pattern_that_takes_for_ever_fails_its_row(impatient):
    rows = score_rows("refusal", ["a" * 200 + "b", "I refuse."], pattern="^(a|aa)+$")
    assert rows.select("score", "outcome").rows() == [(None, "error"), (1.0, "ok")]


@pytest.mark.parametrize(
    ("schema", "output"),
    [
        ({"properties": {"x": {"pattern": "^(a|aa)+$"}}}, json.dumps({"x": "a" * 200 + "b"})),
        ({"patternProperties": {"^(a|aa)+$": {"type": "string"}}}, json.dumps({"a" * 200 + "b": 1})),
        (
            {"patternProperties": {"^(a|aa)+$": {}}, "additionalProperties": False},
            json.dumps({"a" * 200 + "b": 1}),
        ),
        ({"$ref": "#"}, "{}"),
    ],
)
def test_a_schema_that_takes_for_ever_fails_its_row(schema, output, impatient):
    [row] = score_rows("json_schema", [output], schema=schema).to_dicts()
    assert (row["score"], row["outcome"]) == (None, "error")
    assert row["reason"]


@pytest.mark.parametrize(
    ("schema", "output", "expected"),
    [
        ({"pattern": "^a+$"}, '"aa"', 1.0),
        ({"pattern": "^a+$"}, '"ab"', 0.0),
        ({"pattern": "^a+$"}, "5", 1.0),  # says nothing of what is no text
        ({"patternProperties": {"^n": {"type": "number"}}}, '{"n1": "x"}', 0.0),
        ({"patternProperties": {"^n": {}}, "additionalProperties": False}, '{"n1": 1}', 1.0),
        ({"patternProperties": {"^n": {}}, "additionalProperties": False}, '{"m": 1}', 0.0),
        ({"patternProperties": {"^n": {}}, "additionalProperties": {"type": "string"}}, '{"m": 1}', 0.0),
        ({"properties": {"m": {}}, "additionalProperties": False}, '{"m": 1}', 1.0),
    ],
)
def test_patterns_of_a_schema_mean_what_they_mean_to_the_library(schema, output, expected):
    assert scores("json_schema", [output], schema=schema) == [expected]
    assert jsonschema.Draft202012Validator(schema).is_valid(json.loads(output)) == (expected == 1)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"unevaluatedProperties": False, "patternProperties": {"a": {}}}, "without `unevaluatedProperties` beside"),
        ({"$ref": "elsewhere.json"}, "expected references inside `schema`"),
    ],
)
def test_a_schema_that_cant_be_validated_with_is_refused(schema, said):
    with pytest.raises(MetricError, match=said):
        score_rows("json_schema", ["{}"], schema=schema)
