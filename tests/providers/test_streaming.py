"""Replies that come piece by piece: when the first token came, what the pieces amount to, and streams that break."""

import json
from dataclasses import asdict

import pytest
from pydantic import TypeAdapter

from eval_assets.config.model import Model, ModelFile
from eval_assets.providers.apis.streams import completion_of, message_of, response_of
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.clients.openai_opening import open_openai
from eval_assets.providers.clients.opening import open_client
from eval_assets.providers.failures import TransientFailure
from eval_assets.providers.http.event_streams import FirstToken
from eval_assets.providers.identity import identity_of
from eval_assets.requests.keys import request_key
from tests.engines import answered, engine_on, jobs, question, surroundings
from tests.loopback import TOOL_CALLS, Fault, LoopbackProvider
from tests.loopback_streams import chat_events
from tests.providers.test_openai_client import ask

APIS = {
    "chat": {"provider": "openai"},
    "responses": {"provider": "openai", "api": "responses"},
    "messages": {"provider": "anthropic"},
    "completions": {"provider": "openai", "api": "completions", "parameters": {"max_tokens": 99}},
}
SAYING_NOTHING = (("messages", "refusal"), ("completions", "refusal"), ("completions", "tool_calls"))
MEASURED = ("latency_seconds", "requested_at", "first_token_seconds", "system_fingerprint", "service_tier")


def opened(provider, api, **fields):
    file = ModelFile.model_validate({"model": "tiny", "base_url": provider.base_url, **APIS[api], **fields})
    return open_client(Model(name="m", file=file), surroundings({}))


def streaming(provider, **options):
    return OpenAIClient(model_id="tiny", base_url=provider.base_url, streams=True, **options)


def test_a_streamed_reply_is_the_same_reply_with_the_time_of_its_first_token(provider):
    whole = ask(OpenAIClient(model_id="tiny", base_url=provider.base_url))
    provider.token_seconds = 0.05
    streamed = ask(streaming(provider))
    for field in ("outcome", "output", "finish_reason", "prompt_tokens", "completion_tokens", "tokens_estimated"):
        assert getattr(streamed, field) == getattr(whole, field)
    assert provider.bodies[1]["stream"] is True
    assert provider.bodies[1]["stream_options"] == {"include_usage": True}
    assert whole.first_token_seconds is None
    # the first event holds the role alone; three words, the end, usage and the mark of the end follow the first token
    assert 0.05 <= streamed.first_token_seconds < streamed.latency_seconds - 0.1


def test_logprobs_come_with_the_pieces(provider):
    reply = ask(streaming(provider), question("Hi", parameters={"logprobs": True}))
    assert reply.output == "echo: Hi"
    assert reply.logprobs == [{"token": "a", "logprob": -0.1}] * 2


def test_an_endpoint_that_takes_no_stream_options_is_asked_without_and_usage_is_guessed(provider):
    provider.takes_no = ("stream_options",)
    client = streaming(provider)
    reply = ask(client)
    assert (reply.output, reply.tokens_estimated) == ("echo: Hello there", True)
    assert [body.get("stream_options") is not None for body in provider.bodies] == [True, False]


def test_an_endpoint_that_does_not_stream_is_read_all_the_same(provider):
    whole = provider._reply({"model": "m", "messages": [{"content": "x"}]})
    provider.script(Fault(200, body=json.dumps(whole).encode()))
    reply = ask(streaming(provider))
    assert (reply.output, reply.first_token_seconds) == ("echo: x", None)


def test_one_that_always_streams_is_read_too(provider):
    provider.always_streams = True
    reply = ask(OpenAIClient(model_id="tiny", base_url=provider.base_url))
    assert reply.output == "echo: Hello there"
    assert reply.first_token_seconds is not None


@pytest.mark.parametrize("manner", ["broken_stream", "ended_stream"])
def test_a_stream_that_breaks_is_asked_again_as_a_broken_connection_is(tmp_path, manner):
    with LoopbackProvider() as provider:
        provider.script(Fault(manner))
        client = streaming(provider)
        (answer,) = answered(engine_on(provider, tmp_path, client=client), jobs(1)).values()
        assert (answer.reply.outcome, provider.requests) == ("ok", 2)
        assert answer.reply.first_token_seconds > 0


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("manner", [None, "length", "content_filter", "refusal", "tool_calls", "no_text"])
def test_in_each_api_a_streamed_reply_is_the_one_that_would_have_come_at_once(provider, api, manner):
    provider.thinking = None if manner else lambda _: 5
    parameters = {"max_tokens": 100} | ({"reasoning": {"summary": "auto"}} if api == "responses" else {})
    request = question("one two", parameters=parameters)
    replies = []
    for stream in (False, True):
        provider.script(None if manner is None else Fault(manner))
        replies.append(asdict(ask(opened(provider, api, stream=stream), request)))
    whole, streamed = ({name: reply[name] for name in reply if name not in MEASURED} for reply in replies)
    assert streamed == whole
    assert [body.get("stream") for body in provider.bodies] == [None, True]
    says_nothing = manner == "no_text" or (api, manner) in SAYING_NOTHING
    assert (replies[1]["first_token_seconds"] is None) == says_nothing


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("manner", ["broken_stream", "ended_stream", "error_in_stream"])
def test_in_each_api_a_stream_that_fails_is_no_reply(provider, api, manner):
    provider.script(Fault(manner))
    with pytest.raises(TransientFailure) as caught:
        ask(opened(provider, api, stream=True))
    kinds = {"broken_stream": "connection_lost", "ended_stream": "stream_broken"}
    failed = {"chat": "http_503", "completions": "http_503", "responses": "server_error", "messages": "error_in_body"}
    assert caught.value.kind == kinds.get(manner, failed[api])
    if manner == "error_in_stream":
        assert "scripted" in str(caught.value)


def test_google_cloud_streams_at_an_address_of_its_own():
    with LoopbackProvider(is_anywhere=True) as provider:
        at = provider.base_url + "/projects/p/locations/l/publishers/anthropic/models"
        reply = ask(opened(provider, "messages", base_url=at, stream=True))
    assert (reply.output, reply.first_token_seconds is None) == ("echo: Hello there", False)
    assert provider.paths[0].endswith("/models/tiny:streamRawPredict")
    assert provider.bodies[0]["stream"] is True


@pytest.mark.parametrize("manner", ["broken_stream", "ended_stream"])
def test_a_stream_that_always_breaks_is_a_failed_row(provider, manner):
    provider.script(Fault(manner))
    with pytest.raises(TransientFailure) as caught:
        ask(streaming(provider))
    assert caught.value.kind == {"broken_stream": "connection_lost", "ended_stream": "stream_broken"}[manner]


def test_streaming_is_no_part_of_the_request_key():
    plain, stream = (
        Model(name="m", file=ModelFile(provider="openai", model="gpt", stream=streams)) for streams in (False, True)
    )
    request = question("Hi")
    assert request_key(identity_of(plain), request) == request_key(identity_of(stream), request)
    assert "stream" not in plain.file.model_dump(mode="json")


def test_a_model_file_may_ask_for_it(provider):
    file = ModelFile(provider="openai", model="tiny", base_url=provider.base_url, stream=True)
    reply = ask(open_openai(Model(name="m", file=file), surroundings({})))
    assert reply.first_token_seconds > 0
    with pytest.raises(ValueError, match="expected `stream` with provider openai or anthropic or embedded or callable"):
        ModelFile(provider="recorded", file="a.jsonl", stream=True)
    with pytest.raises(ValueError, match="replies of batches come whole"):
        ModelFile(provider="openai", model="tiny", mode="batch", stream=True)


def refuse_what_openai_does_not_send(chunks):
    from openai.types.chat import ChatCompletionChunk

    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)


def stream_of(*deltas, finish_reason="stop", usage=None) -> bytes:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m-1", "system_fingerprint": "fp"}
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
    chunks.append({**head, "choices": [], "usage": usage})
    refuse_what_openai_does_not_send(chunks)
    return b"".join(f"data: {json.dumps(chunk)}\r\n\r\n".encode() for chunk in chunks) + b"data: [DONE]\r\n\r\n"


def test_calls_and_thoughts_that_come_in_pieces_are_joined():
    weather = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    time = {"index": 1, "id": "c2", "type": "function", "function": {"name": "time", "arguments": "{}"}}
    body = completion_of(
        stream_of(
            {"role": "assistant", "content": None},
            {"reasoning_content": "Hm"},
            {"reasoning_content": ", Oslo."},
            {"tool_calls": [weather]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
            {"tool_calls": [time]},
            {"tool_calls": [{"index": 0, "function": {"arguments": ' "Oslo"}'}}]},
            finish_reason="tool_calls",
            usage={"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12},
        )
    )  # fmt: skip
    message = body["choices"][0]["message"]
    assert message["reasoning_content"] == "Hm, Oslo."
    assert [(item["function"]["name"], item["function"]["arguments"]) for item in message["tool_calls"]] == [
        ("weather", '{"city": "Oslo"}'),
        ("time", "{}"),
    ]
    assert (body["model"], body["system_fingerprint"], body["usage"]["total_tokens"]) == ("m-1", "fp", 12)
    assert body["choices"][0]["finish_reason"] == "tool_calls"


def test_the_loopback_streams_what_openai_streams():
    reply = {
        "id": "c", "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        "choices": [
            {"message": {"content": "a b", "tool_calls": TOOL_CALLS}, "finish_reason": "stop", "logprobs": None}
        ],
    }  # fmt: skip
    *chunks, end = chat_events(reply, {"stream_options": {"include_usage": True}})
    assert end == "data: [DONE]"
    refuse_what_openai_does_not_send(json.loads(chunk.removeprefix("data: ")) for chunk in chunks)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'data: {"choices": [{"index": 0, "delta": {"content": "Pa"}}]}\n\n', "ended before the reply did"),
        (b'data: {"choices": [{"ind', 'expected chunks of JSON in the stream, got \'{"choices"'),
        (b": ping\n\n", "ended before the reply did"),
    ],
)
def test_a_stream_without_its_end_is_no_reply(content, said):
    with pytest.raises(TransientFailure, match=said) as caught:
        completion_of(content)
    assert caught.value.kind == "stream_broken"


def test_an_error_within_a_stream_is_that_error():
    chunk = b'data: {"choices": [{"index": 0, "delta": {"content": "Pa"}}]}\n\n'
    error = {"error": {"message": "overloaded", "code": 503}}
    assert completion_of(chunk + b"data: " + json.dumps(error).encode()) == error


def test_the_first_token_is_seen_wherever_the_bytes_are_cut():
    events = stream_of({"role": "assistant", "content": ""}, {"content": "Pa"})
    first_content = events.index(b'"Pa"')
    watch = FirstToken()
    for place in range(len(events)):
        watch.see(events[place : place + 1])
        if place <= first_content:
            assert watch.at is None
    assert watch.at is not None


def test_a_response_without_items_in_its_last_event_has_those_that_came_before():
    item = {"type": "message", "content": [{"type": "output_text", "text": "Paris"}]}
    events = [
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"status": "completed", "output": [], "usage": None}},
    ]
    content = b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)
    assert response_of(content) == {"status": "completed", "output": [item], "usage": None}


def test_a_call_that_was_cut_keeps_what_came_of_its_input():
    events = [
        {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "get", "input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"city'}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 9}},
    ]
    body = message_of(b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events))
    assert body == {
        "content": [{"type": "tool_use", "name": "get", "input": '{"city'}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 3, "output_tokens": 9},
    }


def events_sent(provider, api, manner):
    """The events of a stream of the loopback, read without any code of ours."""
    import httpx2

    provider.thinking = None if manner else lambda _: 5
    provider.script(None if manner is None else Fault(manner))
    asked = {"model": "m", "stream": True, "max_tokens": 100, "reasoning": {"summary": "auto"}}
    said = [{"role": "user", "content": "Hi"}]
    path = {"responses": "/responses", "messages": "/messages"}[api]
    text = httpx2.post(f"{provider.base_url}{path}", json={**asked, "input": said, "messages": said}).text
    events = [dict(line.split(": ", 1) for line in event.splitlines()) for event in text.strip().split("\n\n")]
    assert all(event["event"] == json.loads(event["data"])["type"] for event in events)
    return [json.loads(event["data"]) for event in events]


@pytest.mark.parametrize("manner", [None, "length", "refusal", "tool_calls", "error_in_stream"])
def test_the_loopback_streams_what_the_responses_api_streams(provider, manner):
    from openai.types.responses import ResponseStreamEvent

    for event in events_sent(provider, "responses", manner):
        TypeAdapter(ResponseStreamEvent).validate_python(event, strict=True)


@pytest.mark.parametrize("manner", [None, "length", "refusal", "tool_calls"])
def test_the_loopback_streams_what_anthropic_streams(provider, manner):
    anthropic = pytest.importorskip("anthropic", reason="the official SDK isn't installed: it is no dependency")
    for event in events_sent(provider, "messages", manner):
        if event["type"] != "ping":
            TypeAdapter(anthropic.types.RawMessageStreamEvent).validate_python(event, strict=True)
