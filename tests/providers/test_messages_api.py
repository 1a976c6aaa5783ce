"""Anthropic's Messages API over real HTTP: what is sent, in which shapes, and how each reply and error is read."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from eval_assets.config.judge import JudgeFile
from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import MissingKeyError
from eval_assets.judges.opinions import asking_parameters
from eval_assets.providers.apis.messages_api import messages_body, messages_reply, vertex_body
from eval_assets.providers.apis.prompt_caching import LEAST_CHARACTERS
from eval_assets.providers.clients.anthropic_client import open_anthropic
from eval_assets.providers.dialects.families import known_names, spelled, thinks
from eval_assets.providers.failures import PartitionFailure, RateLimited, RequestFailed, TransientFailure
from eval_assets.providers.http.headers import quota_of
from eval_assets.requests.exchange import Request
from tests.engines import question, surroundings
from tests.loopback import Fault
from tests.providers.test_openai_client import ask
from tests.providers.test_responses_api import posted

SYSTEM = {"role": "system", "content": "Answer in one word."}
USER = {"role": "user", "content": "Capital of France?"}
SCHEMA = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA}}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
ENVIRONMENT = {"CLAUDE_KEY": "sk-ant-very-secret"}


def model_at(provider, **fields):
    file = {
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "base_url": provider.base_url,
        "api_key_env": "CLAUDE_KEY",
        **fields,
    }
    return Model(name="m", file=ModelFile.model_validate(file))


def client_at(provider, **fields):
    return open_anthropic(model_at(provider, **fields), surroundings(ENVIRONMENT))


def asked(*messages, **fields):
    return Request(messages=messages or (SYSTEM, USER), **fields)


def read(body, request=None):
    return messages_reply(body, request or asked(), latency_seconds=0.1, requested_at=datetime.now(UTC))


def test_a_request_is_spelled_as_the_api_takes_it(provider):
    parameters = {"max_tokens": 96, "temperature": 0, "stop": ".", "seed": 7, "reasoning_effort": "low"}
    ask(client_at(provider), asked(parameters=parameters, response_format=FORMAT))
    assert provider.paths == ["/v1/messages"]
    assert provider.bodies == [
        {
            "model": "claude-sonnet-4-5",
            "max_tokens": 96,
            "system": [{"type": "text", "text": "Answer in one word."}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Capital of France?"}]}],
            "temperature": 0,
            "stop_sequences": ["."],
            "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
        }
    ]
    headers = provider.request_headers[0]
    assert (headers["x-api-key"], headers["anthropic-version"]) == ("sk-ant-very-secret", "2023-06-01")
    assert "Authorization" not in headers


def test_a_reply_needs_a_limit_and_budgets_assume_the_same(provider):
    ask(client_at(provider), asked())
    assert provider.bodies[0]["max_tokens"] == 4_096


def test_tools_images_and_earlier_turns_keep_what_they_say():
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    at_address = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    in_line = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    messages = (
        {"role": "user", "content": [{"type": "text", "text": "Where is this?"}, at_address, in_line]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "12 degrees"},
    )
    chosen = {"type": "function", "function": {"name": "get_weather"}}
    body = messages_body("m", asked(*messages), {"tools": [TOOL], "tool_choice": chosen, "max_tokens": 9})
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Where is this?"},
                {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Oslo"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "12 degrees"}]},
    ]
    assert body["tools"] == [{"name": "get_weather", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "tool", "name": "get_weather"}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (asked(response_format={"type": "json_object"}), "no JSON mode"),
        (asked(USER, SYSTEM), "start of the messages alone"),
        (asked({"role": "assistant", "content": "", "tool_calls": [{"function": {"arguments": "{"}}]}), "got '{'"),
    ],
)
def test_what_the_api_has_no_words_for_costs_its_row(provider, request_, said):
    with pytest.raises(RequestFailed, match=said):
        ask(client_at(provider), request_)
    assert provider.requests == 0


@pytest.mark.parametrize(
    ("manner", "outcome", "finish_reason", "kind"),
    [
        (None, "ok", "end_turn", None),
        ("length", "truncated", "max_tokens", None),
        ("content_filter", "refused", "refusal", "refusal"),
        ("refusal", "refused", "refusal", "refusal"),
        ("tool_calls", "tool_call", "tool_use", None),
        ("no_text", "empty", "end_turn", None),
    ],
)
def test_each_ending_is_an_outcome(provider, manner, outcome, finish_reason, kind):
    provider.script(None if manner is None else Fault(manner))
    reply = ask(client_at(provider))
    assert (reply.outcome, reply.finish_reason, reply.error_kind) == (outcome, finish_reason, kind)
    if manner == "refusal":
        assert reply.error == "I can't help with that."
    if outcome == "tool_call":
        (call,) = json.loads(reply.tool_calls)
        assert (call["name"], call["input"]) == ("get_weather", {"city": "Oslo"})


def test_thoughts_are_kept_apart_and_counted(provider):
    provider.thinking = lambda _: 40
    reply = ask(client_at(provider), question("one two", parameters={"max_tokens": 1_000}))
    assert (reply.output, reply.reasoning) == ("echo: one two", "Let me think.")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.reasoning_tokens) == (2, 43, 40)


def test_what_a_cache_gave_and_took_is_part_of_the_prompt():
    usage = {
        "input_tokens": 50,
        "cache_creation_input_tokens": 300,
        "cache_read_input_tokens": 2_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 10,
        "service_tier": "standard",
    }
    reply = read({"content": [{"type": "text", "text": "Paris"}], "stop_reason": "end_turn", "usage": usage})
    assert (reply.prompt_tokens, reply.cached_tokens, reply.cache_write_tokens) == (2_350, 2_000, 300)
    assert reply.completion_tokens == 10


def test_a_model_without_output_formats_answers_by_calling_a_tool(provider):
    provider.answer = lambda _: '{"score": 4}'
    reply = ask(client_at(provider, model="claude-3-7-sonnet-20250219"), asked(response_format=FORMAT))
    body = provider.bodies[0]
    assert body["tools"] == [{"name": "verdict", "description": "Gives the answer.", "input_schema": SCHEMA}]
    assert body["tool_choice"] == {"type": "tool", "name": "verdict"}
    assert "output_config" not in body
    assert (reply.outcome, reply.output, reply.finish_reason, reply.tool_calls) == (
        "ok",
        '{"score":4}',
        "end_turn",
        None,
    )


def test_that_a_model_takes_no_output_format_is_found_out(provider):
    provider.answer = lambda _: '{"score": 4}'
    said = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "It does not support output format."},
    }
    provider.script(Fault(400, body=json.dumps(said).encode()))
    client = client_at(provider, model="our-own")
    assert ask(client, asked(response_format=FORMAT)).output == '{"score":4}'
    assert provider.requests == 2
    assert provider.bodies[1]["tool_choice"] == {"type": "tool", "name": "verdict"}


def test_a_model_that_thinks_may_choose_whether_it_calls_the_tool():
    sent = {"forced_tool": FORMAT, "thinking": {"type": "enabled", "budget_tokens": 1_024}, "max_tokens": 2_048}
    assert messages_body("m", asked(), sent)["tool_choice"] == {"type": "auto"}


def test_a_beginning_is_marked_from_the_second_request_with_it_on(provider):
    long = {"role": "system", "content": "x" * LEAST_CHARACTERS}
    shown = [{"role": "user", "content": "An example"}, {"role": "assistant", "content": "4"}]
    client = client_at(provider)
    for said in ("one", "two"):
        ask(client, asked(long, *shown, {"role": "user", "content": said}))
    for said in ("one", "two"):
        ask(client, asked(SYSTEM, {"role": "user", "content": said}))
    marks = [str(body).count("cache_control") for body in provider.bodies]
    assert marks == [0, 1, 0, 0]
    assert provider.bodies[1]["messages"][1]["content"] == [
        {"type": "text", "text": "4", "cache_control": {"type": "ephemeral"}}
    ]


def test_a_mark_of_the_file_is_set_at_once_on_the_system_prompt(provider):
    mark = {"type": "ephemeral", "ttl": "1h"}
    ask(client_at(provider), asked(parameters={"cache_control": mark}))
    assert provider.bodies[0]["system"][0]["cache_control"] == mark
    assert "cache_control" not in provider.bodies[0]


@pytest.mark.parametrize(
    ("fault", "failure", "kind"),
    [
        (Fault(401), PartitionFailure, "authentication"),
        (Fault(402), PartitionFailure, "permission"),
        (Fault(404), PartitionFailure, "unknown_model"),
        (Fault(400, message="Your credit balance is too low to access it."), PartitionFailure, "insufficient_quota"),
        (Fault(400, message="prompt is too long: 9 tokens > 8 maximum"), RequestFailed, "invalid_request_error"),
        (Fault(413), RequestFailed, "request_too_large"),
        (Fault(429, retry_after="7"), RateLimited, "rate_limited"),
        (Fault(500), TransientFailure, "http_500"),
        (Fault(529), TransientFailure, "http_529"),
    ],
)
def test_each_error_becomes_the_failure_that_says_what_to_do(provider, fault, failure, kind):
    provider.script(fault)
    with pytest.raises(failure) as caught:
        ask(client_at(provider))
    assert (type(caught.value), caught.value.kind) == (failure, kind)
    if failure is RateLimited:
        assert caught.value.retry_after_seconds == 7
    if fault.what == 529:
        assert caught.value.congested


def test_a_filter_of_the_output_is_a_refusal(provider):
    provider.script(Fault(400, message="Output blocked by content filtering policy"))
    assert ask(client_at(provider)).outcome == "refused"


def test_an_overload_in_the_body_slows_all_down():
    with pytest.raises(TransientFailure) as caught:
        read({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert caught.value.congested


def test_a_refused_key_is_not_repeated(provider):
    provider.api_key = "another"
    with pytest.raises(PartitionFailure) as caught:
        ask(client_at(provider))
    assert "very-secret" not in str(caught.value)


def test_what_is_left_in_a_window_is_read_from_anthropics_headers():
    quota = quota_of(
        {
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2100-01-01T00:00:00Z",
            "anthropic-ratelimit-tokens-remaining": "80000",
            "anthropic-ratelimit-tokens-reset": "soon",
        }
    )
    assert (quota.remaining_requests, quota.remaining_tokens, quota.reset_tokens_seconds) == (0, 80_000, None)
    assert quota.reset_requests_seconds > 3_600


@pytest.mark.parametrize(
    ("model_id", "takes"),
    [
        ("claude-3-5-haiku-20241022", {"temperature": 0, "forced_tool": FORMAT}),
        ("claude-opus-4-20250514", {"temperature": 0, "forced_tool": FORMAT}),
        ("claude-opus-4-1-20250805", {"temperature": 0, "output_config.format": FORMAT}),
        ("claude-sonnet-4-6", {"temperature": 0, "output_config.format": FORMAT}),
        ("claude-opus-4-7", {"output_config.format": FORMAT}),
        ("us.anthropic.claude-opus-4-8-v1", {"output_config.format": FORMAT}),
        ("claude-sonnet-5", {"output_config.format": FORMAT}),
    ],
)
def test_each_generation_gets_what_it_takes(model_id, takes):
    names = known_names(ModelFile(provider="anthropic", model=model_id))
    assert spelled({"temperature": 0, "response_format": FORMAT}, names) == takes


def test_behind_a_compatible_gateway_reply_formats_keep_their_name():
    names = known_names(ModelFile(provider="openai", model="anthropic/claude-3.5-haiku", base_url="https://h/v1"))
    assert spelled({"response_format": FORMAT}, names) == {"response_format": FORMAT}


def test_a_judge_has_room_for_the_thoughts_that_the_file_sets_aside(provider):
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 8_000}, "max_tokens": 10_000}
    model = model_at(provider, parameters=thinking)
    assert thinks(model.file)
    judge = JudgeFile(definition="It is right.", model="m", parameters={"max_tokens": 96, "temperature": 0})
    assert asking_parameters(judge, model)["max_tokens"] == 8_096
    adaptive = model_at(provider, parameters={"thinking": {"type": "adaptive"}})
    assert asking_parameters(judge, adaptive)["max_tokens"] == 4_096


@pytest.mark.parametrize("limit", [{}, {"max_tokens": 2_048}])
def test_a_file_whose_thoughts_leave_no_room_is_refused(limit):
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 2_048}}
    with pytest.raises(ValueError, match="`max_tokens` above the 2048"):
        ModelFile(provider="anthropic", model="claude", parameters={**thinking, **limit})


def test_a_missing_key_is_said_before_any_request():
    model = Model(name="m", file=ModelFile(provider="anthropic", model="claude"))
    with pytest.raises(MissingKeyError, match="'m' needs the environment variable ANTHROPIC_API_KEY"):
        open_anthropic(model, surroundings({}))


def test_google_cloud_names_the_model_in_the_address(provider):
    where = {"base_url": "https://h/v1/projects/p/locations/l/publishers/anthropic/models", "api_key_env": None}
    client = open_anthropic(model_at(provider, model="claude-sonnet-4-5@20250929", **where), surroundings({}))
    assert client._path == "/claude-sonnet-4-5@20250929:rawPredict"
    body = vertex_body("m", asked(), {"max_tokens": 9})
    assert (body["anthropic_version"], "model" in body) == ("vertex-2023-10-16", False)


@pytest.mark.parametrize("manner", [None, "length", "content_filter", "refusal", "tool_calls"])
def test_the_loopback_provider_replies_in_the_shape_of_the_official_sdk(provider, manner):
    anthropic = pytest.importorskip("anthropic", reason="the official SDK isn't installed: it is no dependency")
    provider.thinking = None if manner else lambda _: 5
    provider.script(None if manner is None else Fault(manner))
    body = messages_body("claude", asked(), {"max_tokens": 100})
    anthropic.types.Message.model_validate(posted(f"{provider.base_url}/messages", body), strict=True)


def test_a_request_has_the_shape_of_the_official_sdk():
    params = pytest.importorskip("anthropic.types.message_create_params", reason="the official SDK isn't installed")
    sent = {
        "max_tokens": 9,
        "output_config.effort": "low",
        "output_config.format": FORMAT,
        "tools": [TOOL],
        "tool_choice": "auto",
        "cache_control": {"type": "ephemeral"},
    }
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    said = (
        SYSTEM,
        {"role": "user", "content": [{"type": "text", "text": "Where?"}, image]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "12 degrees"},
    )
    TypeAdapter(params.MessageCreateParamsNonStreaming).validate_python(messages_body("claude", asked(*said), sent))
