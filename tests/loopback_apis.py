"""What the loopback provider takes and sends in APIs other than chat completions, as their documentation has it.

Each API is translated: what it is asked into a chat completion's body, the chat completion that answers into its own
shape. `tests/providers/test_responses_api.py` holds the shapes against the official SDK's types.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.loopback_streams import (
    chat_error_event,
    chat_events,
    message_error_event,
    message_events,
    response_error_event,
    response_events,
    text_events,
)

Body = Mapping[str, Any]


@dataclass(frozen=True)
class SpokenApi:
    """An API as a server speaks it.

    Args:
        path: How addresses of it end.
        as_chat: The chat completion that is asked.
        reply: Its answer to a body, from the chat completion that answers.
        error: The body of an error.
        refusal: Of a parameter that isn't taken: message and code.
        events: A reply piece by piece, for a request that asks for it.
        error_event: What comes amid a stream that fails.
    """

    path: str
    as_chat: Callable[[Body], dict[str, Any]]
    reply: Callable[[Body, Body], dict[str, Any]]
    error: Callable[[int, str, str | None], dict[str, Any]]
    refusal: Callable[[str, Any], dict[str, Any]]
    events: Callable[[Body, Body], Iterator[str]]
    error_event: Callable[[str], str]


def chat_error(_status: int, message: str, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "type": "scripted"}}


def unsupported_parameter(name: str, value: Any) -> dict[str, Any]:
    """The body of a 400 as OpenAI's reasoning models send it."""
    if name == "max_tokens":
        message = (
            f"Unsupported parameter: {name!r} is not supported with this model. Use 'max_completion_tokens' instead."
        )
        code = "unsupported_parameter"
    else:
        message = f"Unsupported value: {name!r} does not support {value} with this model. "
        message += "Only the default (1) value is supported."
        code = "unsupported_value"
    return {"error": {"message": message, "type": "invalid_request_error", "param": name, "code": code}}


CHAT = SpokenApi(
    "/chat/completions",
    dict,
    lambda _, reply: dict(reply),
    chat_error,
    unsupported_parameter,
    chat_events,
    chat_error_event,
)


def asked_of_completions(body: Body) -> dict[str, Any]:
    messages = [{"role": "user", "content": body["prompt"]}]
    return {"model": body["model"], "messages": messages, "max_tokens": body.get("max_tokens", 16)}


def text_completion_of(body: Body, chat: Body) -> dict[str, Any]:
    choices = []
    for choice in chat["choices"]:
        text = choice["message"]["content"] or ""
        told = None
        if body.get("logprobs") is not None:
            tokens = text.split()
            likeliest = [{token: -0.1, "other": -2.5} for token in tokens]
            told = {"tokens": tokens, "token_logprobs": [-0.1] * len(tokens), "top_logprobs": likeliest}
        choices.append({"index": 0, "text": text, "finish_reason": choice["finish_reason"], "logprobs": told})
    named = {"id": chat["id"].replace("chatcmpl", "cmpl"), "object": "text_completion"}
    return {**chat, **named, "choices": choices}


COMPLETIONS = SpokenApi(
    "/completions",
    asked_of_completions,
    text_completion_of,
    chat_error,
    unsupported_parameter,
    text_events,
    chat_error_event,
)


def asked_of_responses(body: Body) -> dict[str, Any]:
    said = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    messages = [{"role": item["role"], "content": item["content"]} for item in said if "role" in item]
    if body.get("instructions"):
        messages.insert(0, {"role": "system", "content": body["instructions"]})
    chat = {"model": body["model"], "messages": messages, "max_completion_tokens": body.get("max_output_tokens")}
    if (asked := body.get("text", {}).get("format")) is not None:
        chat["response_format"] = asked
    return chat


def response_of(body: Body, chat: Body) -> dict[str, Any]:
    choice = chat["choices"][0] if chat["choices"] else {"message": {"content": None}, "finish_reason": None}
    message, ending = choice["message"], choice["finish_reason"]
    usage = chat["usage"] or {}
    spent = usage.get("completion_tokens", 0)
    thoughts = usage.get("completion_tokens_details", {}).get("reasoning_tokens", 0)
    output: list[dict[str, Any]] = []
    if thoughts:
        summary = (
            [{"type": "summary_text", "text": "Let me think."}] if body.get("reasoning", {}).get("summary") else []
        )
        output.append({"id": "rs_1", "type": "reasoning", "summary": summary})
    content: list[dict[str, Any]] = []
    if message.get("content"):
        wants_logprobs = "message.output_text.logprobs" in body.get("include", ())
        logprobs = [{"token": "a", "bytes": [97], "logprob": -0.1, "top_logprobs": []}] if wants_logprobs else []
        text = {"type": "output_text", "text": message["content"], "annotations": [], "logprobs": logprobs}
        content.append(text)
    if message.get("refusal"):
        content.append({"type": "refusal", "refusal": message["refusal"]})
    is_cut = ending in ("length", "content_filter")
    if content:
        status = "incomplete" if is_cut else "completed"
        output.append({"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": content})
    for call in message.get("tool_calls") or ():
        named = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
        output.append({"id": "fc_1", "type": "function_call", "call_id": call["id"], "status": "completed", **named})
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
    return {
        "id": chat["id"].replace("chatcmpl", "resp"),
        "object": "response",
        "created_at": 0,
        "status": "incomplete" if is_cut else "completed",
        "error": None,
        "incomplete_details": {"reason": reasons[ending]} if is_cut else None,
        "model": chat["model"],
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "store": body.get("store", True),
        "service_tier": "default",
        "usage": {
            "input_tokens": usage.get("prompt_tokens", 0),
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": spent,
            "output_tokens_details": {"reasoning_tokens": thoughts},
            "total_tokens": usage.get("prompt_tokens", 0) + spent,
        },
    }


RESPONSES = SpokenApi(
    "/responses",
    asked_of_responses,
    response_of,
    chat_error,
    unsupported_parameter,
    response_events,
    response_error_event,
)


def asked_of_messages(body: Body) -> dict[str, Any]:
    messages = [{"role": said["role"], "content": _text(said["content"])} for said in body["messages"]]
    if body.get("system"):
        messages.insert(0, {"role": "system", "content": _text(body["system"])})
    chat = {"model": body.get("model"), "messages": messages, "max_tokens": body["max_tokens"]}
    if (asked := body.get("output_config", {}).get("format")) is not None:
        chat["response_format"] = asked
    return chat


def message_of(body: Body, chat: Body) -> dict[str, Any]:
    choice = chat["choices"][0] if chat["choices"] else {"message": {"content": None}, "finish_reason": None}
    said, ending = choice["message"], choice["finish_reason"]
    usage = chat["usage"] or {}
    thoughts = usage.get("completion_tokens_details", {}).get("reasoning_tokens", 0)
    content: list[dict[str, Any]] = []
    if thoughts:
        content.append({"type": "thinking", "thinking": "Let me think.", "signature": "c2ln"})
    forced = body.get("tool_choice", {}).get("name")
    if said.get("content") and forced:
        content.append({"type": "tool_use", "id": "t1", "name": forced, "input": json.loads(said["content"])})
    elif said.get("content"):
        content.append({"type": "text", "text": said["content"], "citations": None})
    for call in said.get("tool_calls") or ():
        arguments = json.loads(call["function"]["arguments"])
        content.append({"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": arguments})
    endings = {"length": "max_tokens", "content_filter": "refusal", "tool_calls": "tool_use", "stop": "end_turn"}
    is_refused = bool(said.get("refusal")) or ending == "content_filter"
    details = {"type": "refusal", "category": "general_harms", "explanation": said.get("refusal")}
    return {
        "id": chat["id"].replace("chatcmpl", "msg"),
        "type": "message",
        "role": "assistant",
        "model": chat["model"] or "claude",
        "content": content,
        "stop_reason": "refusal" if is_refused else "tool_use" if forced else endings.get(ending),
        "stop_sequence": None,
        "stop_details": details if is_refused else None,
        "usage": {
            "input_tokens": usage.get("prompt_tokens", 0),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": usage.get("completion_tokens", 0),
            "output_tokens_details": {"thinking_tokens": thoughts},
            "service_tier": "standard",
        },
    }


ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


def messages_error(status: int, message: str, _code: str | None) -> dict[str, Any]:
    kind = ERROR_TYPES.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def extra_input(name: str, _value: Any) -> dict[str, Any]:
    return messages_error(400, f"{name}: Extra inputs are not permitted", None)


MESSAGES = SpokenApi(
    "/messages", asked_of_messages, message_of, messages_error, extra_input, message_events, message_error_event
)
MESSAGES_ON_VERTEX = replace(MESSAGES, path=":rawPredict")
STREAMED_ON_VERTEX = replace(MESSAGES, path=":streamRawPredict")
MESSAGES_ON_BEDROCK = replace(MESSAGES, path="/invoke")
APIS = (CHAT, COMPLETIONS, RESPONSES, MESSAGES, MESSAGES_ON_VERTEX, STREAMED_ON_VERTEX, MESSAGES_ON_BEDROCK)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")
