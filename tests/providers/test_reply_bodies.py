"""From bytes to the value of a body: what is kept, what is null, what is no JSON; and that nothing else is raised."""

import asyncio
import json
import math
import tracemalloc
from datetime import UTC, datetime

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval_assets.config.model import Limits
from eval_assets.providers.attempts import Attempts
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.dispatch.limiter import Limiter
from eval_assets.providers.dispatch.progress import Tally
from eval_assets.providers.failures import AttemptFailure, TransientFailure
from eval_assets.providers.http.bodies import json_of, page_text
from eval_assets.requests.exchange import Reply, Request
from tests.engines import answered, engine_on, jobs
from tests.loopback import Fault, LoopbackProvider


def body_of(message: str, rest: str = "") -> bytes:
    usage = '"usage": {"prompt_tokens": 3, "completion_tokens": 2}'
    return f'{{"choices": [{{"message": {message}, "finish_reason": "stop"{rest}}}], {usage}}}'.encode()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r'"\ud83d"', "\ufffd"),  # a first half alone
        (r'"\ude00"', "\ufffd"),  # a second half alone
        (r'"\ude00\ud83d"', "\ufffd\ufffd"),  # both, the wrong way round
        (r'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),  # a half before a whole
        (r'"\ud83dx\ude00"', "\ufffdx\ufffd"),  # a letter between
        (r'"\\ud83d"', r"\ud83d"),  # a backslash that was written, and five letters
        (r'["\ud83d", {"\ud83d": {"a": ["\udfff"]}}]', ["\ufffd", {"\ufffd": {"a": ["\ufffd"]}}]),
        ("NaN", None),
        ('{"a": [NaN, Infinity, -Infinity, 1e999, -1e999, 1.5]}', {"a": [None] * 5 + [1.5]}),
        ("1e308", 1e308),
        ("1" * 5_000, None),  # more digits than Python reads
        (str(2**70), 2**70),
        ('"a\x00\x01\tb"', "a\x00\x01\tb"),  # control characters that ought to be escaped
        ('{"a": 1, "a": 2}', {"a": 2}),
        ("\ufeff[1]", [1]),
        (" \r\n[1]\n ", [1]),
    ],
)
def test_what_json_forbids_costs_the_character_or_the_number_not_the_reply(written, read):
    assert json_of(written.encode()) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b'"caf\xe9"', "caf\ufffd"),  # latin-1
        (b'"\xed\xa0\xbd!"', "\ufffd\ufffd\ufffd!"),  # half a pair, as three bytes
        (b'"\xf0\x9f\x98"', "\ufffd"),  # an emoji cut after three bytes
        (b'"\xc0\xaf"', "\ufffd\ufffd"),  # an overlong slash
        ('["ü"]'.encode("utf-16"), ["ü"]),
    ],
)
def test_bytes_that_are_no_utf8_are_replaced(written, read):
    assert json_of(written) == read


@pytest.mark.parametrize("written", [b"", b"{", b"[1] [2]", b"hello", b"'a'", b"[" * 100_000, b'{"a":' * 50_000])
def test_what_is_no_json_is_a_value_error(written):
    with pytest.raises(ValueError, match=r"\w"):
        json_of(written)


def test_a_page_says_its_words_only():
    page = (
        b"<!DOCTYPE html><html><head><title>502 Bad&nbsp;Gateway</title><script>x()</script></head><body>nginx</body>"
    )
    assert page_text(page) == "502 Bad Gateway nginx"
    assert page_text(b"no healthy\n upstream") == "no healthy upstream"
    assert len(page_text(b"<script>" * 1_000_000)) < 20_000  # and it ends within the time of a test


def test_half_a_pair_in_any_field_of_a_reply_leaves_the_rest_as_it_is(tmp_path):
    half = r"\ud83d"
    calls = f'[{{"id": "c{half}", "type": "function", "function": {{"name": "f", "arguments": "{{}}{half}"}}}}]'
    message = f'{{"role": "assistant", "content": "ok {half}", "reasoning_content": "{half}?", "tool_calls": {calls}}}'
    rest = f', "logprobs": {{"content": [{{"token": "ok{half}", "logprob": -0.5, "bytes": null}}]}}'
    with LoopbackProvider(faults=lambda _: Fault(200, body=body_of(message, rest))) as provider:
        (answer,) = answered(engine_on(provider, tmp_path), jobs(1)).values()
        assert (answer.reply.output, answer.reply.prompt_tokens) == ("ok \ufffd", 3)
        assert answer.reply.logprobs == [{"token": "ok\ufffd", "logprob": -0.5, "bytes": None}]
        assert provider.requests == 1
        answered(engine_on(provider, tmp_path), jobs(1))
        assert provider.requests == 1  # what was kept is found again


def read(content: bytes, status: int = 200, headers: dict | None = None) -> Reply:
    client = OpenAIClient(model_id="tiny", base_url="http://127.0.0.1:9/v1", api_key="sk-1234567890")
    response = httpx2.Response(status, content=content, headers=headers)
    return client._read(response, Request(()), latency_seconds=0.1, requested_at=datetime.now(UTC))


def test_a_page_with_status_200_says_what_is_on_it():
    with pytest.raises(TransientFailure, match="expected JSON, got the page 'Please log in'") as caught:
        read(b"<html><body><h1>Please log in</h1></body></html>")
    assert (caught.value.kind, caught.value.lasting) == ("invalid_json", True)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b'{"error": "model is loading"}', "model is loading"),
        (b'{"error": ["overloaded"], "choices": null}', "overloaded"),
        (b'{"error": 17, "choices": []}', "17"),
        (b'{"error": {"message": "quota"}}', "quota"),
    ],
)
def test_an_error_of_any_shape_with_status_200_is_said(written, said):
    with pytest.raises(TransientFailure, match=f"the body holds an error: .*{said}") as caught:
        read(written)
    assert caught.value.kind == "error_in_body"


def test_an_error_beside_an_answer_is_no_reason_to_ask_again():
    body = b'{"error": "late", "choices": [{"message": {"content": "Paris"}, "finish_reason": "stop"}]}'
    assert read(body).output == "Paris"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
FIELDS = ("choices", "message", "content", "error", "usage", "prompt_tokens", "completion_tokens", "finish_reason",
          "logprobs", "refusal", "tool_calls", "code", "param", "detail", "innererror", "type", "text")  # fmt: skip
OF_THE_PROTOCOL = st.recursive(
    JSON_VALUES | st.sampled_from(["stop", "length", "content_filter", "429", 401, [], {}, ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=25,
)
CHOICES = st.builds(
    lambda message, usage, choice: {"choices": [choice | {"message": message}], "usage": usage},
    OF_THE_PROTOCOL,
    OF_THE_PROTOCOL,
    st.dictionaries(st.sampled_from(FIELDS), OF_THE_PROTOCOL, max_size=3),
)
BODIES = (
    st.binary(max_size=60)
    | OF_THE_PROTOCOL.map(lambda value: json.dumps(value).encode())
    | CHOICES.map(lambda value: json.dumps(value).encode())
    | CHOICES.map(lambda value: json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))
    | st.builds(lambda value, cut: json.dumps(value).encode()[:cut], CHOICES, st.integers(0, 200))
)
STATUSES = st.sampled_from([200]) | st.integers(200, 599)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "retry-after-ms", "location", "x-ratelimit-remaining-requests",
                     "x-ratelimit-reset-requests"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
    | st.sampled_from(["nan", "-1", "1e400", "0"]),
    max_size=3,
)  # fmt: skip


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(BODIES, STATUSES, HEADERS)
def test_whatever_an_endpoint_sends_is_a_reply_or_a_declared_failure(content, status, headers):
    class Endpoint:
        """Answers with this response and no other."""

        async def complete(self, request):
            return read(content, status, headers)

    outcome = asyncio.run(one_attempt(Endpoint()))
    if isinstance(outcome, AttemptFailure):
        assert str(outcome)
        assert outcome.kind
        wait = getattr(outcome, "retry_after_seconds", None)
        assert wait is None or (wait >= 0 and math.isfinite(wait))
    else:
        assert isinstance(outcome, Reply)
        assert outcome.outcome != "error"


async def one_attempt(client):
    limits = Limits(tokens_per_minute=1e9)
    attempts = Attempts(client, Limiter(limits), limits, Tally(), is_ending=lambda: False)
    return await attempts._attempt(Request(()), await attempts._limiter.acquire())


@pytest.mark.parametrize(
    "content",
    [
        b"[" + b"[]," * 349_524 + b"[]]",
        b'{"choices": "' + rb"\ud83d" * 174_000 + b'"}',
        b"<" * 2**20,
        b"1" * 2**20,
        b'{"choices": [{"message": {"content": "' + b"\xff" * 2**20 + b'"}}]}',
    ],
    ids=["lists", "halves", "page", "digits", "bytes"],
)
def test_a_body_of_one_megabyte_takes_less_than_200(content):
    tracemalloc.start()
    try:
        asyncio.run(one_attempt(type("Endpoint", (), {"complete": lambda self, request: answer_with(content)})()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200 * 2**20


async def answer_with(content):
    return read(content)
