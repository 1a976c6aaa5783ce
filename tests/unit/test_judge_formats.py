"""Reply formats: what is asked for, what is found out about an endpoint, and what the score token's odds add."""

import json
import math

import jsonschema
import pytest

from eval_assets.config.model import Model, ModelFile
from eval_assets.config.scales import IntegerScale, LabelScale, NumberScale, PassFailScale
from eval_assets.errors import StorageError
from eval_assets.judges.formats import FormatMemory, refuses_format, reply_schema, response_format
from eval_assets.judges.replies.expectation import expected_score
from eval_assets.requests.exchange import Request
from tests.unit.test_judge_rows import MODEL, NOW, FakeAsker, judge_named, judged, predictions, reply, verdict

REFUSED = "Error 400: response_format of type json_schema is not supported"


def only(*known: str | None):
    """An endpoint that knows these response formats; null is none at all."""

    def answer(request: Request):
        asked = None if request.response_format is None else request.response_format["type"]
        return verdict(4) if asked in known else reply(None, "error", error_kind="http_400", error=REFUSED)

    return answer


def asked_formats(asker):
    return [None if r.response_format is None else r.response_format["type"] for r in asker.requests]


@pytest.mark.parametrize(
    ("scale", "good", "bad"),
    [
        (IntegerScale(), {"score": 5}, {"score": 6}),
        (IntegerScale(min=0, max=100), {"score": 100}, {"score": 101}),
        (NumberScale(type="number"), {"score": 0.5}, {"score": 1.5}),
        (PassFailScale(type="pass_fail"), {"verdict": "pass"}, {"verdict": "maybe"}),
        (LabelScale(type="labels", labels={"a": 1, "b": 0}), {"verdict": "a"}, {"verdict": "c"}),
    ],
)
def test_the_schema_allows_verdicts_of_the_scale_only(scale, good, bad):
    schema = reply_schema(scale)
    jsonschema.validate({"justification": "x", **good}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"justification": "x", **bad}, schema)


def test_the_reason_is_written_before_the_verdict():
    sent = response_format(IntegerScale(), "json_schema")
    assert list(sent["json_schema"]["schema"]["properties"]) == ["justification", "score"]
    assert sent["json_schema"]["strict"] is True


@pytest.mark.parametrize(
    ("endpoint", "tried", "method"),
    [
        (("json_schema",), ["json_schema"], "json_schema"),
        (("json_object",), ["json_schema", "json_object"], "json_object"),
        ((None,), ["json_schema", "json_object", None], "text"),
    ],
)
def test_a_weaker_format_is_tried_where_a_stronger_one_is_refused(endpoint, tried, method):
    asker = FakeAsker(only(*endpoint))
    scores = judged(predictions(*[{}] * 10), [judge_named()], asker)
    assert scores["outcome"].to_list() == ["ok"] * 10
    assert scores["method"].unique().to_list() == [method]
    # Only the first prediction finds out; the other nine are asked in the format it found.
    assert asked_formats(asker) == tried + [tried[-1]] * 9


def test_what_was_found_out_is_remembered_in_the_next_run(tmp_path):
    path = tmp_path / "state" / "formats.json"
    judged(predictions({}), [judge_named()], FakeAsker(only(None)), formats=FormatMemory(path))
    asker = FakeAsker(only(None))
    judged(predictions({}, {}), [judge_named()], asker, formats=FormatMemory(path))
    assert asked_formats(asker) == [None, None]
    assert len(asker.rounds) == 1
    assert list(json.loads(path.read_text()).values()) == ["text"]
    assert [file.name for file in path.parent.iterdir()] == ["formats.json"]


def test_two_memories_over_one_file_do_not_forget_each_others_findings(tmp_path):
    path = tmp_path / "formats.json"
    other = Model(name="other", file=ModelFile(provider="openai", model="other"))
    one, two = FormatMemory(path), FormatMemory(path)
    one.accepted(MODEL, "json_schema")
    two.accepted(other, "json_object")
    again = FormatMemory(path)
    assert (again.current(MODEL), again.current(other)) == ("json_schema", "json_object")


def test_an_endpoint_that_changed_its_mind_is_asked_anew(tmp_path):
    memory = FormatMemory(tmp_path / "formats.json")
    memory.accepted(MODEL, "json_schema")
    scores = judged(predictions({}, {}), [judge_named()], FakeAsker(only("json_object")), formats=memory)
    assert scores["method"].to_list() == ["json_object", "json_object"]
    assert FormatMemory(tmp_path / "formats.json").current(MODEL) == "json_object"


def test_an_error_of_another_kind_says_nothing_about_formats():
    formats = FormatMemory()
    failure = reply(None, "error", error_kind="http_500", error="overloaded")
    scores = judged(predictions({}), [judge_named()], FakeAsker(lambda _: failure), formats=formats)
    assert scores["outcome"].to_list() == ["error"]
    assert not formats.is_settled(MODEL)
    assert not refuses_format(failure)


def test_providers_without_formats_are_asked_for_text():
    local = Model(name="local", file=ModelFile(provider="callable", callable="mine:judge"))
    assert FormatMemory().current(local) == "text"
    assert FormatMemory().is_settled(local)


def test_a_memory_that_can_not_be_read_says_which_file_to_delete(tmp_path):
    path = tmp_path / "formats.json"
    path.write_text("{")
    with pytest.raises(StorageError, match=r"expected JSON in .*formats\.json"):
        FormatMemory(path)


def tokens(*texts: str, odds: dict[str, float]):
    """A reply's tokens; the one that is a score carries the odds."""
    ranked = [{"token": text, "logprob": math.log(probability)} for text, probability in odds.items()]
    return [{"token": text, "top_logprobs": ranked if text.strip() in odds else []} for text in texts]


REPLY = ('{"justification": "It says 5.", ', '"score": ', "4", "}")


def test_the_expected_score_weighs_the_scale_by_its_probabilities():
    odds = {"4": 0.5, "5": 0.25, "3": 0.05, " 4": 0.1, "9": 0.05, "x": 0.05}
    # 9 is off the scale and x no number: (4*0.6 + 5*0.25 + 3*0.05) / 0.9 = 3.8 / 0.9
    assert expected_score(tokens(*REPLY, odds=odds), IntegerScale()) == pytest.approx(3.8 / 0.9)


@pytest.mark.parametrize(
    ("logprobs", "problem"),
    [
        (None, "sent no log-probabilities"),
        ([], "sent no log-probabilities"),
        (tokens("Score: ", "4", odds={"4": 1.0}), "expected a token with the score"),
        (tokens(*REPLY, odds={"4": 0.3, "x": 0.7}), "half of the probability"),
    ],
)
def test_without_usable_probabilities_there_is_no_expected_score(logprobs, problem):
    with pytest.raises(ValueError, match=problem):
        expected_score(logprobs, IntegerScale())


def test_an_expected_score_is_marked_as_one():
    odds = {"4": 0.75, "5": 0.25}
    asker = FakeAsker(lambda _: reply("".join(REPLY), logprobs=tokens(*REPLY, odds=odds)))
    row = judged(predictions({}), [judge_named(expected_value=True)], asker).row(0, named=True)
    assert (row["score"], row["method"]) == (pytest.approx(4.25), "expected_value")
    assert asker.requests[0].parameters["logprobs"] is True


def test_a_plain_score_never_stands_in_for_an_expected_one():
    asker = FakeAsker(lambda _: verdict(4))
    row = judged(predictions({}), [judge_named(expected_value=True)], asker).row(0, named=True)
    assert (row["score"], row["outcome"], row["method"]) == (None, "unparsed", "expected_value")
    assert "no log-probabilities" in row["reason"]
    assert len(asker.requests) == 1  # asking again would bring none either


def test_the_moment_of_the_first_request_is_kept():
    assert judged(predictions({}), [judge_named()], FakeAsker(lambda _: verdict(4)))["requested_at"][0] == NOW
