"""The OpenAI-compatible client over real HTTP: what is sent, how each reply and each error is read."""

import asyncio
import pickle

import pytest

from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import MissingKeyError
from eval_assets.providers.attempts import backoff_seconds
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.clients.openai_opening import open_openai
from eval_assets.providers.failures import (
    AttemptFailure,
    PartitionFailure,
    RateLimited,
    RequestFailed,
    TransientFailure,
)
from eval_assets.providers.http.headers import quota_of, retry_after_seconds
from tests.engines import question, surroundings
from tests.loopback import Fault
from tests.raw_server import RawServer


def ask(client, request=None):
    async def once():
        try:
            return await client.complete(request or question("Hello there"))
        finally:
            await client.aclose()

    return asyncio.run(once())


def client_of(provider, **options):
    return OpenAIClient(model_id="tiny", base_url=provider.base_url, **options)


def test_messages_parameters_and_response_format_are_sent_as_they_stand(provider):
    ask(
        client_of(provider),
        question("Hi", parameters={"temperature": 0, "stop": ["x"]}, response_format={"type": "json_object"}),
    )
    assert provider.bodies == [
        {
            "model": "tiny",
            "messages": [{"role": "user", "content": "Hi"}],
            "temperature": 0,
            "stop": ["x"],
            "response_format": {"type": "json_object"},
        }
    ]


def test_a_reply_carries_text_tokens_and_latency(provider):
    provider.latency_seconds = 0.05
    reply = ask(client_of(provider))
    assert (reply.outcome, reply.output, reply.finish_reason) == ("ok", "echo: Hello there", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens) == (2, 3)
    assert 0.05 <= reply.latency_seconds < 2
    assert reply.logprobs is None


def test_logprobs_are_kept_when_asked_for(provider):
    assert ask(client_of(provider), question("Hi", parameters={"logprobs": True})).logprobs == [
        {"token": "a", "logprob": -0.1}
    ]


def test_without_a_key_no_authorisation_is_sent_whatever_the_environment_holds(provider, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "for-openai-only")
    ask(client_of(provider))
    assert "for-openai-only" not in str(provider.request_headers)
    assert "Authorization" not in provider.request_headers[0]


def test_keys_and_headers_come_from_the_environment_variables_named(provider):
    file = ModelFile(
        provider="openai",
        model="tiny",
        base_url=provider.base_url,
        api_key_env="MY_KEY",
        headers_env={"X-Team": "MY_TEAM"},
        query={"v": "2"},
    )
    ask(open_openai(Model(name="m", file=file), surroundings({"MY_KEY": "sk-1", "MY_TEAM": "red"})))
    assert provider.request_headers[0]["Authorization"] == "Bearer sk-1"
    assert provider.request_headers[0]["X-Team"] == "red"


@pytest.mark.parametrize("environment", [{}, {"OPENAI_API_KEY": " "}])
def test_a_missing_key_is_said_before_any_request(environment):
    file = ModelFile(provider="openai", model="gpt")
    with pytest.raises(MissingKeyError, match="'m' needs the environment variable OPENAI_API_KEY"):
        open_openai(Model(name="m", file=file), surroundings(environment))


@pytest.mark.parametrize(
    ("manner", "outcome", "kind"),
    [
        ("length", "truncated", None),
        ("content_filter", "refused", "content_filter"),
        ("filtered", "refused", "content_filter"),
        ("refusal", "refused", "refusal"),
    ],
)
def test_cut_and_refused_replies_are_replies(provider, manner, outcome, kind):
    provider.script(Fault(manner))
    reply = ask(client_of(provider))
    assert (reply.outcome, reply.error_kind) == (outcome, kind)


@pytest.mark.parametrize(
    ("fault", "kind_of_failure", "kind"),
    [
        (Fault(429), RateLimited, "rate_limited"),
        (Fault(429, code="insufficient_quota"), PartitionFailure, "insufficient_quota"),
        (Fault(500), TransientFailure, "http_500"),
        (Fault(503), TransientFailure, "http_503"),
        (Fault(408), TransientFailure, "http_408"),
        (Fault(409), TransientFailure, "http_409"),
        (Fault("reset"), TransientFailure, "connection_lost"),
        (Fault("half_body"), TransientFailure, "connection_lost"),
        (Fault("invalid_json"), TransientFailure, "invalid_json"),
        (Fault("empty_choice"), TransientFailure, "empty_choice"),
        (Fault(400, code="context_length_exceeded"), RequestFailed, "context_length_exceeded"),
        (Fault(422, code=None), RequestFailed, "scripted"),
        (Fault(401), PartitionFailure, "authentication"),
        (Fault(403), PartitionFailure, "permission"),
        (Fault(404), PartitionFailure, "unknown_model"),
    ],
)
def test_each_fault_becomes_the_failure_that_says_what_to_do(provider, fault, kind_of_failure, kind):
    provider.script(fault)
    with pytest.raises(AttemptFailure) as caught:
        ask(client_of(provider))
    assert type(caught.value) is kind_of_failure
    assert caught.value.kind == kind
    revived = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  our own bytes
    assert (str(revived), revived.kind) == (str(caught.value), kind)


def test_an_endpoint_nobody_listens_on_is_a_connection_failure():
    with pytest.raises(TransientFailure) as caught:
        ask(OpenAIClient(model_id="tiny", base_url="http://127.0.0.1:9/v1"))
    assert caught.value.kind == "connection"


@pytest.mark.parametrize("status", [200, 201, 203])
def test_a_reply_of_any_status_that_stands_for_success_is_one(provider, status):
    body = b'{"choices": [{"message": {"content": "Paris"}, "finish_reason": "stop"}]}'
    provider.script(Fault(status, body=body))
    assert ask(client_of(provider)).output == "Paris"


@pytest.mark.parametrize("status", [202, 204, 206, 226])
def test_another_status_below_300_is_no_reply(provider, status):
    provider.script(Fault(status, body=b""))
    with pytest.raises(PartitionFailure, match=f"this is no reply; HTTP {status}"):
        ask(client_of(provider))


def test_a_header_in_latin_1_costs_no_reply():
    body = b'{"choices": [{"message": {"content": "Paris"}, "finish_reason": "stop"}]}'
    with RawServer(lambda _: [b"HTTP/1.1 200 OK\r\nX-Greeting: caf\xe9 \xff\r\n\r\n" + body]) as server:
        assert ask(client_of(server)).output == "Paris"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "connection_lost"),
        (b"\x00\xff garbage\r\n\r\n", "invalid_http"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "invalid_http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "invalid_http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n", "invalid_http"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "invalid_http"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}", "connection_lost"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip, gzip, gzip, gzip, gzip\r\n\r\nx", "invalid_body"),
        (b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n", "invalid_http"),
    ],
)
def test_what_is_no_http_may_be_asked_again_and_is_said_in_one_line(answer, kind):
    with RawServer(lambda _: [answer]) as server, pytest.raises(TransientFailure) as caught:
        ask(client_of(server))
    assert caught.value.kind == kind
    assert server.base_url in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_text_does_not_speak_to_the_terminal(provider):
    provider.script(Fault(400, message="\x1b[31mred\x07 \u202eright\nnext"))
    with pytest.raises(RequestFailed, match="HTTP 400: \ufffd\\[31mred\ufffd \ufffdright next"):
        ask(client_of(provider))


@pytest.mark.parametrize(
    "base_url", ["", "127.0.0.1:9/v1", "http://[::1/v1", "http://127.0.0.1:99999/v1", "http:///v1"]
)
def test_what_is_no_address_is_said_before_anything_is_sent(base_url):
    with pytest.raises(AttemptFailure, match="is no address") as caught:
        ask(OpenAIClient(model_id="tiny", base_url=base_url))
    assert isinstance(caught.value, PartitionFailure) or caught.value.lasting


def test_secrets_never_appear_in_messages(provider):
    provider.api_key = "the-right-one"
    with pytest.raises(PartitionFailure) as caught:
        ask(client_of(provider, api_key="sk-very-secret"))
    assert "sk-very-secret" not in str(caught.value)
    assert "***" in str(caught.value)


def test_retry_after_and_rate_limits_are_read_from_headers(provider):
    provider.script(Fault(429, retry_after="1.5"))
    with pytest.raises(RateLimited) as caught:
        ask(client_of(provider))
    assert caught.value.retry_after_seconds == 1.5
    provider.script(Fault(529, retry_after="2"))
    with pytest.raises(TransientFailure) as overloaded:
        ask(client_of(provider))
    assert overloaded.value.retry_after_seconds == 2
    assert 2 <= backoff_seconds(overloaded.value, 1) <= 2.2
    assert retry_after_seconds({"retry-after": "Fri, 31 Dec 2100 23:59:59 GMT"}) > 50
    assert retry_after_seconds({"retry-after": "later"}) is None
    provider.headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2s"}
    client = client_of(provider)
    ask(client)
    assert (client.quota.remaining_requests, client.quota.reset_requests_seconds) == (0, 62.0)
    assert quota_of({}).remaining_tokens is None
