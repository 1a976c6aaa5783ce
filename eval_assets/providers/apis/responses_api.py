"""OpenAI's Responses API: input items and instructions in, output items out."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from eval_assets.providers.apis.api_form import ApiForm, nested
from eval_assets.providers.apis.message_parts import (
    Image,
    Text,
    parts_of_content,
    split_messages,
    text_of_parts,
    tool_calls_of,
)
from eval_assets.providers.apis.streams import response_of
from eval_assets.providers.clients.openai_replies import REFUSED_CODES
from eval_assets.providers.failures import AttemptFailure, RateLimited, RequestFailed, TransientFailure
from eval_assets.providers.http.statuses import error_of
from eval_assets.providers.replies.content import json_cell
from eval_assets.providers.replies.token_usage import usage_of
from eval_assets.providers.replies.whole_reply import whole_reply
from eval_assets.requests.exchange import Reply, Request

LOGPROBS = "message.output_text.logprobs"
JSON_MODE = "json_object"
UNDER_WAY = ("queued", "in_progress")
NEVER_KEPT = {"store": False}
"""Replies are kept here: the provider needn't, as it would for a month."""


def responses_body(model_id: str, request: Request, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request: what instructs the model first, which is what stays the same."""
    body = {**NEVER_KEPT, **nested(sent), "model": model_id}
    given = body.get("text", {}).get("format")
    if given is not None:
        body["text"]["format"] = _flat(given, "json_schema")
    if "tools" in body:
        body["tools"] = [_tool(tool) for tool in body["tools"]]
    if isinstance(body.get("tool_choice"), Mapping):
        body["tool_choice"] = _flat(body["tool_choice"], "function")
    if body.pop("logprobs", None):
        body["include"] = [*body.get("include", ()), LOGPROBS]
    instructing, following = split_messages(request.messages)
    # JSON mode is refused unless the input itself speaks of JSON.
    if instructing and following and not (given and given.get("type") == JSON_MODE):
        body["instructions"] = "\n\n".join(text_of_parts(message["content"]) for message in instructing)
    else:
        following = request.messages
    body["input"] = [item for message in following for item in _items(message)]
    return body


def responses_reply(body: Any, _request: Request, *, latency_seconds: float, requested_at: datetime) -> Reply:
    """The reply in the output items.

    Raises:
        AttemptFailure: The body says that it failed, or holds neither an item nor a sign that anything was billed.
    """
    if not isinstance(body, Mapping):
        raise TransientFailure(f"expected a JSON object, got {type(body).__name__}", kind="invalid_json")
    status, error = body.get("status"), body.get("error")
    items = [item for item in body.get("output") or () if isinstance(item, Mapping)]
    usage = usage_of(body.get("usage"))
    refusal = _refusal(items) or _policy(error)
    if error and refusal is None:
        raise _failure(error)
    if status in UNDER_WAY:
        raise RequestFailed(f"expected a whole reply, got one that is {status}; leave out `background`", "unfinished")
    if not items and refusal is None and not usage.tells_tokens:
        raise TransientFailure("expected output items in the reply, got none", kind="empty_choice")
    details = body.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    finish_reason = reason or (status if isinstance(status, str) else None)
    return whole_reply(
        body,
        output=_said(items),
        finish_reason=finish_reason,
        usage=usage,
        latency_seconds=latency_seconds,
        requested_at=requested_at,
        refusal=refusal,
        reasoning=_thoughts(items),
        tool_calls=_calls(items),
        logprobs=[entry for part in _parts(items, "output_text") for entry in part.get("logprobs") or ()] or None,
    )


RESPONSES = ApiForm(path="/responses", body=responses_body, reply=responses_reply, whole=response_of)


def _items(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The input items that a chat message becomes."""
    role, content = message["role"], message["content"]
    if role == "tool":
        call_id = message.get("tool_call_id")
        yield {"type": "function_call_output", "call_id": call_id, "output": text_of_parts(content)}
        return
    if role == "assistant" or isinstance(content, str):
        said = text_of_parts(content)
        if said or not message.get("tool_calls"):
            yield {"role": role, "content": said}
    else:
        yield {"role": role, "content": [_part(part) for part in parts_of_content(content)]}
    for call in tool_calls_of(message):
        yield {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}


def _part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    return {"type": "input_image", "image_url": part.url, "detail": part.detail or "auto"}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool; a function follows its schema strictly only where that is asked for, as in chat completions."""
    return {"strict": False, **_flat(tool, "function")} if "function" in tool else dict(tool)


def _flat(given: Mapping[str, Any], inner: str) -> dict[str, Any]:
    """What chat completions nest under the name of its type.

    >>> _flat({"type": "function", "function": {"name": "weather"}}, "function")
    {'type': 'function', 'name': 'weather'}
    """
    if not isinstance(given.get(inner), Mapping):
        return dict(given)
    return {**{name: value for name, value in given.items() if name != inner}, **given[inner]}


def _parts(items: list[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    """Parts of one type in the messages; of commentary only where there is nothing else."""
    messages = [item for item in items if item.get("type") == "message"]
    final = [message for message in messages if message.get("phase") != "commentary"]
    parts = (part for message in final or messages for part in message.get("content") or ())
    return [part for part in parts if isinstance(part, Mapping) and part.get("type") == kind]


def _said(items: list[Mapping[str, Any]]) -> str | None:
    texts = [part["text"] for part in _parts(items, "output_text") if isinstance(part.get("text"), str)]
    return "".join(texts) if texts else None


def _refusal(items: list[Mapping[str, Any]]) -> str | None:
    texts = [str(part.get("refusal")) for part in _parts(items, "refusal")]
    return "".join(texts) if texts else None


def _thoughts(items: list[Mapping[str, Any]]) -> str | None:
    """What is told of thoughts: summaries, or the whole where a model's maker publishes it."""
    told = [
        part["text"]
        for item in items
        if item.get("type") == "reasoning"
        for part in item.get("content") or item.get("summary") or ()
        if isinstance(part, Mapping) and isinstance(part.get("text"), str)
    ]
    return "\n\n".join(told) or None


def _calls(items: list[Mapping[str, Any]]) -> str | None:
    """The functions that are called, as chat completions write them; what the provider runs itself is no call."""
    calls = [
        {
            "id": item.get("call_id"),
            "type": "function",
            "function": {"name": item.get("name"), "arguments": item.get("arguments", item.get("input"))},
        }
        for item in items
        if item.get("type") in ("function_call", "custom_tool_call")
    ]
    return json_cell(calls) if calls else None


def _policy(error: Any) -> str | None:
    """What an error says that is a refusal; null for other errors."""
    code, message = error_of(error)
    return (message or code) if "policy" in code or any(word in code for word in REFUSED_CODES) else None


def _failure(error: Any) -> AttemptFailure:
    """What a reply that failed means: its status was 200."""
    code, message = error_of(error)
    said = f"the reply failed: {message or code}"
    match code:
        case "rate_limit_exceeded":
            return RateLimited(said)
        case "server_error" | "vector_store_timeout" | "":
            return TransientFailure(said, kind=code or "error_in_body")
        case _:
            return RequestFailed(said, kind=code, of_endpoint=True)
