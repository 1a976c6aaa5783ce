"""Which texts are redacted, and which secrets are found in them."""

import asyncio
import html
import json
import urllib.parse

import pytest

from eval_assets.providers.clients.callable_target import described
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.failures import AttemptFailure, TransientFailure
from eval_assets.providers.redaction import redacted
from tests.engines import FAST, answered, engine_on, jobs, question
from tests.loopback import Fault

SECRET = 'sk-5 "é"/+=&'  # 12 characters that URLs, JSON and HTML each write in another way


def reply_from(provider, **options):
    async def once():
        client = OpenAIClient(model_id="tiny", base_url=provider.base_url, **options)
        try:
            return await client.complete(question("Hello there"))
        finally:
            await client.aclose()

    return asyncio.run(once())


@pytest.mark.parametrize(
    "sent",
    [
        {"api_key": "ollama"},
        {"api_key": "ok"},
        {"api_key": "token"},
        {"api_key": "choices"},
        {"api_key": "prompt_tokens"},
        {"api_key": "sk-1234567890abcdef"},
        {"headers": {"X-Tenant": "7"}},
        {"headers": {"X-Tenant": "echo: all of this"}},
        {"query": {"api-version": "content"}},
    ],
    ids=str,
)
def test_a_successful_reply_is_never_touched_whatever_it_says_and_whatever_was_sent(provider, sent):
    text = f"echo: all of this. Run `ollama pull`, ok? 7 tokens: {sent}"
    provider.answer = lambda body: text
    reply = reply_from(provider, **sent)
    # `usage` is written by the provider of the tests: words of the last message, words of the reply.
    assert (reply.output, reply.prompt_tokens, reply.completion_tokens) == (text, 2, len(text.split()))


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote(SECRET),
        urllib.parse.quote_plus(SECRET).lower(),
        json.dumps(SECRET)[1:-1],
        json.dumps(json.dumps(SECRET))[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(f"'{SECRET}")[3:-1],
        html.escape(SECRET),
    ],
)
def test_a_secret_is_found_in_any_spelling(spelled):
    assert redacted(f"wrong: <{spelled}>!", [SECRET], {}).replace('\\"', "") == "wrong: <***>!"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
@pytest.mark.parametrize("sent", ["api_key", "headers", "secret_query"])
def test_an_error_that_repeats_what_was_sent_is_redacted(provider, status, sent):
    secret = "sk-5 w/rd+="
    provider.script(Fault(status, message=f"wrong: {secret}, {urllib.parse.quote(secret)}!"))
    with pytest.raises(AttemptFailure, match=r"wrong: \*\*\*, \*\*\*!"):
        reply_from(provider, **{sent: secret if sent == "api_key" else {"X-Key": secret}})


@pytest.mark.parametrize(
    "fault",
    [
        Fault(401, message="Incorrect API key provided: sk-1234567890abcdef"),
        Fault(400, body=b"<html><p>no: sk-1234567890abcdef</p></html>"),
        Fault(400, body=b'{"detail": [{"input": {"key": ["sk-1234567890abcdef"]}}]}'),
        Fault(400, message="The response was filtered: sk-1234567890abcdef", code="content_filter"),
        Fault(200, body=b'{"error": {"message": "sk-1234567890abcdef", "code": "401"}}'),
        Fault(200, body=b"not JSON: sk-1234567890abcdef"),
        Fault(200, body=b"x" * 70 + b" sk-1234567890abcdef"),
        Fault(400, message="x" * 490 + " sk-1234567890abcdef"),
    ],
    ids=lambda fault: f"{fault.what}",
)
def test_no_way_of_failing_repeats_the_key(provider, tmp_path, fault):
    provider.faults = lambda body: fault
    engine = engine_on(
        provider, tmp_path, api_key="sk-1234567890abcdef", limits=FAST.model_copy(update={"max_retries": 0})
    )
    said = []
    try:
        said = [answer.reply.error for answer in answered(engine, jobs(2)).values()]
    except Exception as error:  # noqa: BLE001  some of them end the cell
        said = [str(error)]
    said.append(engine.report().message)
    # A cut may leave the beginning of a message, but not of a secret.
    assert said
    assert "sk-1234" not in str(said)


def test_a_short_value_is_no_secret_and_hides_no_word_of_a_message(provider):
    provider.script(Fault(400, message="7 models are ok: ollama"))
    with pytest.raises(AttemptFailure, match="7 models are ok: ollama"):
        reply_from(provider, api_key="ollama", headers={"X-Tenant": "7", "X-Mood": "ok"})


def test_the_word_after_bearer_is_a_secret_of_its_own():
    assert redacted("got abcdefgh12", ["Bearer abcdefgh12"], {}) == "got ***"


def test_a_password_in_an_address_is_hidden_whoever_set_it():
    assert redacted("can't reach http://me:pa55@host:80/v1", (), {}) == "can't reach http://***@host:80/v1"


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "HF_TOKEN", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "APIKEY"])
def test_variables_named_like_a_secret_are_hidden_in_what_user_code_raises(monkeypatch, name):
    monkeypatch.setenv(name, "correct-horse")
    monkeypatch.setenv("MONKEY", "battery-staple")
    assert described(ValueError("correct-horse battery-staple")) == "ValueError: *** battery-staple"


def test_a_failure_of_any_client_is_redacted(provider, tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "correct-horse")

    class Telling:
        async def complete(self, request):
            raise TransientFailure("denied for correct-horse")

        async def aclose(self):
            pass

    engine = engine_on(provider, tmp_path, limits=FAST.model_copy(update={"max_retries": 0}))
    engine.client = Telling()
    engine.__post_init__()
    assert [answer.reply.error for answer in answered(engine, jobs(1)).values()] == ["denied for ***"]
