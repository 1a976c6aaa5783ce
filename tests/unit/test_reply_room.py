"""How long a judge's reply may be: room for thoughts, and twice as much after a cut, once."""

import pytest

from eval_assets.config.model import Model, ModelFile
from tests.unit.test_judge_rows import FakeAsker, judge_named, judged, last_user, predictions, reply, verdict

THINKER = Model(name="tiny", file=ModelFile(provider="openai", model="o3-mini", parameters={"max_tokens": 96}))


def limits(asker):
    return [request.parameters.get("max_tokens") for request in asker.requests]


def cut_at(limit, text, **fields):
    """An endpoint that needs this many tokens for a verdict, and else says what it had said so far."""
    return lambda request: (
        verdict(4)
        if request.parameters.get("max_tokens", 0) >= limit
        else reply(text, "truncated", completion_tokens=96, **fields)
    )


@pytest.mark.parametrize(
    ("text", "needed", "asked"),
    [
        ('{"justification": "It', 192, [96, 192]),  # cut while it spoke: twice as much
        (None, 2_000, [96, 4_096]),  # cut while it thought: room for that
    ],
)
def test_a_verdict_that_was_cut_is_asked_once_more_with_more_room(text, needed, asked):
    asker = FakeAsker(cut_at(needed, text))
    row = judged(predictions({}), [judge_named(parameters={"max_tokens": 96})], asker).row(0, named=True)
    assert (row["outcome"], row["score"]) == ("ok", 4.0)
    assert limits(asker) == asked


def test_what_is_cut_twice_is_truncated():
    asker = FakeAsker(cut_at(10_000, None))
    row = judged(predictions({}), [judge_named(parameters={"max_tokens": 96})], asker).row(0, named=True)
    assert (row["outcome"], row["score"]) == ("truncated", None)
    assert limits(asker) == [96, 4_096]
    assert row["completion_tokens"] == 192  # both are paid


def test_thoughts_are_not_quoted_when_it_is_asked_again():
    asker = FakeAsker(cut_at(4_096, None, reasoning="Well,"))
    judged(predictions({}), [judge_named(parameters={"max_tokens": 96})], asker)
    assert asker.requests[0].messages == asker.requests[1].messages
    asker = FakeAsker(cut_at(192, '{"justification": "It'))
    judged(predictions({}), [judge_named(parameters={"max_tokens": 96})], asker)
    assert "one short sentence" in last_user(asker.requests[1])


def test_without_a_stated_limit_twice_of_what_was_used_is_asked():
    asker = FakeAsker(cut_at(192, '{"justification": "It'))
    row = judged(predictions({}), [judge_named()], asker).row(0, named=True)
    assert row["outcome"] == "ok"
    assert limits(asker) == [None, 192]


def test_nothing_is_asked_twice_alike():
    asker = FakeAsker(lambda _: reply(None, "truncated", completion_tokens=None))
    row = judged(predictions({}), [judge_named()], asker).row(0, named=True)
    assert row["outcome"] == "truncated"
    assert len(asker.requests) == 1


def test_a_model_known_to_think_has_room_from_the_start():
    asker = FakeAsker(lambda _: verdict(4), THINKER)
    judged(predictions({}), [judge_named()], asker, models={"tiny": THINKER})
    judged(predictions({}), [judge_named(parameters={"max_tokens": 9_000})], asker, models={"tiny": THINKER})
    assert limits(asker) == [4_096, 9_000]


def test_an_endpoint_that_allows_no_more_leaves_the_verdict_truncated():
    def answer(request):
        if request.parameters["max_tokens"] > 96:
            return reply(None, "error", error_kind="http_400", error="max_tokens is too large: this model has 128")
        return reply(None, "truncated", completion_tokens=96)

    asker = FakeAsker(answer)
    row = judged(predictions({}), [judge_named(parameters={"max_tokens": 96})], asker).row(0, named=True)
    assert row["outcome"] == "truncated"
    assert "too large" in row["reason"]
