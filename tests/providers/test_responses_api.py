"""OpenAI's Responses API over real HTTP: what is sent, in which shapes, and how each reply is read."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from eval_assets.config.model import Model, ModelFile
from eval_assets.providers.apis.prompt_caching import LEAST_CHARACTERS
from eval_assets.providers.apis.responses_api import responses_body, responses_reply
from eval_assets.providers.clients.openai_opening import open_openai
from eval_assets.providers.failures import PartitionFailure, RateLimited, RequestFailed, TransientFailure
from eval_assets.providers.identity import identity_of
from eval_assets.requests.exchange import Request
from tests.engines import question, surroundings
from tests.loopback import Fault
from tests.providers.test_openai_client import ask

SYSTEM = {"role": "system", "content": "Answer in one word."}
USER = {"role": "user", "content": "Capital of France?"}
SCHEMA = {"name": "verdict", "strict": True, "schema": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


def model_at(provider, **fields):
    file = {"provider": "openai", "model": "gpt-5", "base_url": provider.base_url, "api": "responses", **fields}
    return Model(name="m", file=ModelFile.model_validate(file))


def client_at(provider, **fields):
    return open_openai(model_at(provider, **fields), surroundings({}))


def asked(*messages, **fields):
    return Request(messages=messages or (SYSTEM, USER), **fields)


def is_a_request(body) -> bool:
    """Whether the official SDK's own type takes a body: it raises where it doesn't."""
    from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming

    TypeAdapter(ResponseCreateParamsNonStreaming).validate_python(body)
    return True


def test_a_request_is_spelled_as_the_api_takes_it(provider):
    parameters = {"max_tokens": 96, "temperature": 0, "reasoning_effort": "low", "seed": 7, "verbosity": "low"}
    request = asked(parameters=parameters, response_format={"type": "json_schema", "json_schema": SCHEMA})
    ask(client_at(provider), request)
    assert provider.paths == ["/v1/responses"]
    assert provider.bodies == [
        {
            "model": "gpt-5",
            "store": False,
            "instructions": "Answer in one word.",
            "input": [{"role": "user", "content": "Capital of France?"}],
            "max_output_tokens": 96,
            "reasoning": {"effort": "low"},
            "text": {"verbosity": "low", "format": {"type": "json_schema", **SCHEMA}},
        }
    ]
    assert is_a_request(provider.bodies[0])


def test_json_mode_keeps_the_word_json_in_the_input():
    body = responses_body("m", asked(), {"text.format": {"type": "json_object"}})
    assert "instructions" not in body
    assert [item["role"] for item in body["input"]] == ["system", "user"]
    assert body["text"] == {"format": {"type": "json_object"}}


def test_tools_images_and_earlier_turns_keep_what_they_say():
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    messages = (
        {"role": "user", "content": [{"type": "text", "text": "Where is this?"}, image]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "12 degrees"},
        {"role": "assistant", "content": [{"type": "text", "text": "Cold."}]},
        {"role": "user", "content": "And now?"},
    )
    chosen = {"type": "function", "function": {"name": "get_weather"}}
    body = responses_body("m", asked(*messages), {"tools": [TOOL], "tool_choice": chosen, "logprobs": True})
    assert body["input"] == [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Where is this?"},
                {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "auto"},
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city": "Oslo"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "12 degrees"},
        {"role": "assistant", "content": "Cold."},
        {"role": "user", "content": "And now?"},
    ]
    assert body["tools"] == [
        {"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": False}
    ]
    assert body["tool_choice"] == {"type": "function", "name": "get_weather"}
    assert body["include"] == ["message.output_text.logprobs"]
    assert is_a_request(body)


def test_a_part_that_cannot_be_said_costs_its_row():
    with pytest.raises(RequestFailed, match="text or image_url in a message, got 'input_audio'"):
        responses_body("m", asked({"role": "user", "content": [{"type": "input_audio"}]}), {})


@pytest.mark.parametrize(
    ("manner", "outcome", "finish_reason", "kind"),
    [
        (None, "ok", "completed", None),
        ("length", "truncated", "max_output_tokens", None),
        ("content_filter", "refused", "content_filter", "content_filter"),
        ("refusal", "refused", "completed", "refusal"),
        ("tool_calls", "tool_call", "completed", None),
        ("no_text", "empty", "completed", None),
    ],
)
def test_each_ending_is_an_outcome(provider, manner, outcome, finish_reason, kind):
    provider.script(None if manner is None else Fault(manner))
    reply = ask(client_at(provider))
    assert (reply.outcome, reply.finish_reason, reply.error_kind) == (outcome, finish_reason, kind)
    if outcome == "tool_call":
        (call,) = json.loads(reply.tool_calls)
        assert call == {
            "id": "c1",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
        }


def test_thoughts_usage_and_logprobs_are_told(provider):
    provider.thinking = lambda _: 40
    parameters = {"reasoning": {"summary": "auto"}, "reasoning_effort": "low", "logprobs": True}
    reply = ask(client_at(provider), question("one two", parameters=parameters))
    assert provider.bodies[0]["reasoning"] == {"summary": "auto", "effort": "low"}
    assert (reply.output, reply.reasoning) == ("echo: one two", "Let me think.")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.reasoning_tokens) == (2, 43, 40)
    assert reply.logprobs[0]["token"] == "a"
    assert not reply.tokens_estimated


def test_cached_tokens_and_commentary_are_told_apart():
    body = {
        "status": "completed",
        "output": [
            {"type": "message", "phase": "commentary", "content": [{"type": "output_text", "text": "I look it up."}]},
            {"type": "web_search_call", "id": "w1", "status": "completed"},
            {"type": "message", "phase": "final_answer", "content": [{"type": "output_text", "text": "Paris"}]},
        ],
        "usage": {
            "input_tokens": 2_000,
            "input_tokens_details": {"cached_tokens": 1_536, "cache_write_tokens": 100},
            "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 2_009,
        },
    }
    reply = read(body)
    assert reply.output == "Paris"
    assert (reply.prompt_tokens, reply.cached_tokens, reply.cache_write_tokens) == (2_000, 1_536, 100)
    assert (reply.completion_tokens, reply.reasoning_tokens) == (9, 4)


@pytest.mark.parametrize(
    ("body", "failure", "kind"),
    [
        ({"status": "failed", "error": {"code": "server_error", "message": "oops"}}, TransientFailure, "server_error"),
        (
            {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}},
            RateLimited,
            "rate_limited",
        ),
        (
            {"status": "failed", "error": {"code": "invalid_image_url", "message": "x"}},
            RequestFailed,
            "invalid_image_url",
        ),
        ({"status": "in_progress", "output": []}, RequestFailed, "unfinished"),
        ({"status": "completed", "output": []}, TransientFailure, "empty_choice"),
        ([], TransientFailure, "invalid_json"),
    ],
)
def test_what_is_no_reply_is_a_failure(body, failure, kind):
    with pytest.raises(failure) as caught:
        read(body)
    assert caught.value.kind == kind


def test_a_policy_that_stopped_the_reply_is_a_refusal():
    reply = read({"status": "failed", "error": {"code": "bio_policy", "message": "not this"}})
    assert (reply.outcome, reply.error) == ("refused", "not this")


def test_what_a_model_does_not_take_is_found_out_under_its_own_name(provider):
    provider.takes_no = ("temperature", "reasoning.effort")
    client = client_at(provider, model="our-own")
    ask(client, question("Hi", parameters={"temperature": 0, "reasoning_effort": "low", "max_tokens": 9}))
    assert provider.requests == 3
    assert provider.bodies[-1] == {
        "model": "our-own",
        "store": False,
        "max_output_tokens": 9,
        "input": [{"role": "user", "content": "Hi"}],
    }


def test_a_long_beginning_is_given_a_key_for_the_cache(provider):
    long = {"role": "system", "content": "x" * LEAST_CHARACTERS}
    for said in ("one", "two"):
        ask(client_at(provider), asked(long, {"role": "user", "content": said}))
    ask(client_at(provider), asked(SYSTEM, USER))
    ask(client_at(provider), asked(long, USER, parameters={"prompt_cache_key": "mine"}))
    keys = [body.get("prompt_cache_key") for body in provider.bodies]
    assert keys[0] == keys[1] != keys[2] is None
    assert keys[3] == "mine"


def test_an_endpoint_without_cache_keys_is_asked_without_one(provider, caplog):
    provider.takes_no = ("prompt_cache_key",)
    long = {"role": "system", "content": "x" * LEAST_CHARACTERS}
    assert ask(client_at(provider), asked(long, USER)).outcome == "ok"
    assert provider.requests == 2
    assert "prompt_cache_key" not in caplog.text  # nobody asked for it


def test_replies_of_the_two_apis_are_kept_apart(provider):
    assert identity_of(model_at(provider)) != identity_of(model_at(provider, api="chat"))
    assert identity_of(model_at(provider, api="chat")).endpoint == provider.base_url


def test_chat_leaves_no_mark_in_a_file_that_is_written_back(provider):
    assert "api" not in model_at(provider, api="chat").file.model_dump()
    assert model_at(provider).file.model_dump()["api"] == "responses"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"provider": "embedded", "model": "x", "api": "responses"}, "with provider 'openai', got 'embedded'"),
        ({"provider": "openai", "model": "x", "api": "responses", "parameters": {"stop": "."}}, "takes no `stop`"),
        (
            {"provider": "openai", "model": "x", "api": "responses", "parameters": {"max_output_tokens": 9}},
            "expected the limit as `max_tokens`",
        ),
    ],
)
def test_a_file_that_asks_for_what_the_api_has_not_is_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        ModelFile.model_validate(fields)


def test_an_endpoint_without_the_api_stops_the_cell(provider):
    provider.script(Fault(404, message="Not Found"))
    with pytest.raises(PartitionFailure, match=f"unknown at {provider.base_url}/responses"):
        ask(client_at(provider))


@pytest.mark.parametrize("manner", [None, "length", "content_filter", "refusal", "tool_calls"])
def test_the_loopback_provider_replies_in_the_shape_of_the_official_sdk(provider, manner):
    from openai.types.responses import Response

    provider.thinking = None if manner else lambda _: 5
    provider.script(None if manner is None else Fault(manner))
    body = responses_body("gpt-5", asked(), {"reasoning": {"summary": "auto"}, "logprobs": True})
    Response.model_validate(posted(f"{provider.base_url}/responses", body), strict=True)


def posted(url, body):
    """The JSON that comes back when a body is posted, without any client of ours."""
    import httpx2

    return httpx2.post(url, json=body).json()


def read(body):
    return responses_reply(body, asked(), latency_seconds=0.1, requested_at=datetime.now(UTC))
