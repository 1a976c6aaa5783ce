"""What a run may be told to ask for again."""

from datetime import UTC, datetime, timedelta

import pytest

from eval_assets.config.evaluation import Evaluation, EvaluationFile
from eval_assets.errors import ConfigError
from eval_assets.providers.replies.reading import Reading
from eval_assets.requests.exchange import Reply
from eval_assets.stages.spending import FINAL, Spending, retry_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def reply(outcome, output="Paris", finish_reason="stop", at=NOON):
    return Reply(outcome, output, finish_reason, 0.1, at)


@pytest.mark.parametrize(
    ("outcome", "hint"),
    [
        ("error", "failed requests are asked again by every run"),
        ("unparsed", "isn't asked for again by itself"),
        ("ok", "isn't asked for again by itself"),
        ("emtpy", "there is no such outcome"),
    ],
)
def test_an_outcome_that_cannot_be_retried_is_refused_with_the_reason(outcome, hint):
    with pytest.raises(ConfigError, match=f"got '{outcome}': .*{hint}"):
        retry_of(["refused", outcome])


def test_without_outcomes_nothing_is_retried():
    assert retry_of([]) is None


def test_a_retry_and_a_replay_exclude_each_other():
    evaluation = Evaluation(name="e", file=EvaluationFile(dataset="d", models=("m",), prompts=("p",)))
    with pytest.raises(ConfigError, match="choose one of the two"):
        Spending(cache="replay", retry=retry_of(["empty"])).policy(evaluation)


FORMS = {"empty": {"output": ""}, "tool_call": {"finish_reason": "tool_calls"}, "refused": {}, "truncated": {}}


@pytest.mark.parametrize("outcome", FINAL)
def test_a_retry_covers_replies_from_before_it_began_only(outcome):
    retry = retry_of([outcome], NOON.isoformat())
    assert retry.wants(reply(outcome, **FORMS[outcome], at=NOON - timedelta(microseconds=1)), Reading())
    assert not retry.wants(reply(outcome, **FORMS[outcome], at=NOON), Reading())


def test_a_retry_goes_by_what_a_stored_reply_means_now():
    retry = retry_of(["empty", "truncated"], (NOON + timedelta(days=1)).isoformat())
    assert retry.wants(reply("ok", "<think>London, or"), Reading())
    assert not retry.wants(reply("ok", "<think>London, or"), Reading("ignored"))
    assert retry.wants(reply("ok", "Pari", "MAX_TOKENS"), Reading())
    assert not retry.wants(reply("ok"), Reading())
