"""Anthropic's Messages API, as it is and as Google Cloud serves it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from eval_assets.providers.apis.api_form import ApiForm, nested
from eval_assets.providers.apis.message_parts import (
    SYSTEM_ROLES,
    Image,
    Text,
    parts_of_content,
    split_messages,
    text_of_parts,
    tool_calls_of,
)
from eval_assets.providers.apis.streams import message_of
from eval_assets.providers.dialects.families import FORCED_TOOL, is_asked_to_think
from eval_assets.providers.dispatch.costs import ASSUMED_MAX_TOKENS
from eval_assets.providers.failures import RequestFailed, TransientFailure
from eval_assets.providers.http.statuses import error_of
from eval_assets.providers.replies.content import json_cell, text_of, thoughts_of
from eval_assets.providers.replies.endings import ending_of
from eval_assets.providers.replies.reading import FILTERED
from eval_assets.providers.replies.token_usage import usage_of
from eval_assets.providers.replies.whole_reply import whole_reply
from eval_assets.requests.exchange import Reply, Request

VERSION_ON_VERTEX = "vertex-2023-10-16"
VERSION_ON_BEDROCK = "bedrock-2023-05-31"
CHOICES = {"auto": {"type": "auto"}, "required": {"type": "any"}, "none": {"type": "none"}}
WHOLE = "end_turn"


def messages_body(model_id: str, request: Request, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request.

    `cache_control` among the parameters marks the end of what stays the same, which is all but the last message.

    Raises:
        RequestFailed: The API has no words for it: JSON mode, instructions amid a conversation.
    """
    body = {**nested(sent), "model": model_id}
    body["max_tokens"] = body.get("max_tokens") or ASSUMED_MAX_TOKENS  # required, and what budgets go by
    mark, forced = body.pop("cache_control", None), body.pop(FORCED_TOOL, None)
    if (given := body.get("output_config", {}).get("format")) is not None:
        body["output_config"]["format"] = {"type": "json_schema", "schema": _schema(given)["schema"]}
    if isinstance(body.get("stop_sequences"), str):
        body["stop_sequences"] = [body["stop_sequences"]]
    if "tools" in body:
        body["tools"] = [_tool(tool) for tool in body["tools"]]
    if "tool_choice" in body:
        body["tool_choice"] = _choice(body["tool_choice"])
    if forced is not None:
        body |= _forced(forced, body)
    instructing, following = split_messages(request.messages)
    system, messages = [_block(text_of_parts(message["content"])) for message in instructing], list(_turns(following))
    if not messages:
        system, messages = [], [{"role": "user", "content": system}]
    if mark is not None:
        beginnings = [blocks for blocks in (system, *(turn["content"] for turn in messages[:-1])) if blocks]
        if beginnings:
            beginnings[-1][-1]["cache_control"] = mark
    if system:
        body["system"] = system
    return {**body, "messages": messages}


def vertex_body(model_id: str, request: Request, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The body as Google Cloud takes it, where the address names the model and the body the version."""
    body = messages_body(model_id, request, sent)
    del body["model"]
    return {"anthropic_version": VERSION_ON_VERTEX, **body}


def bedrock_body(model_id: str, request: Request, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The body as Amazon's InvokeModel takes it, where the address names the model and the body the version."""
    body = messages_body(model_id, request, sent)
    del body["model"]
    return {"anthropic_version": VERSION_ON_BEDROCK, **body}


def messages_reply(body: Any, request: Request, *, latency_seconds: float, requested_at: datetime) -> Reply:
    """The reply in the content blocks; of a tool that had to be called, its input is the answer.

    Raises:
        AttemptFailure: The body holds an error, or neither content nor a sign that anything was billed.
    """
    if not isinstance(body, Mapping):
        raise TransientFailure(f"expected a JSON object, got {type(body).__name__}", kind="invalid_json")
    if body.get("error"):
        code, message = error_of(body)
        is_overload = code == "overloaded_error"
        raise TransientFailure(f"the body holds an error: {message}", "error_in_body", congested=is_overload)
    blocks = [block for block in body.get("content") or () if isinstance(block, Mapping)]
    usage = usage_of(body.get("usage"))
    finish_reason = body.get("stop_reason") if isinstance(body.get("stop_reason"), str) else None
    if not blocks and finish_reason is None and not usage.tells_tokens:
        raise TransientFailure("expected content blocks in the reply, got none", kind="empty_choice")
    answer = _answer_of_tool(blocks, request)
    calls = [] if answer else [block for block in blocks if block.get("type") == "tool_use"]
    if answer and ending_of(finish_reason) == "calls":
        finish_reason = WHOLE  # it was made to call
    return whole_reply(
        body,
        output=answer or text_of(blocks),
        finish_reason=finish_reason,
        usage=usage,
        latency_seconds=latency_seconds,
        requested_at=requested_at,
        refusal=_why_refused(body) if ending_of(finish_reason) == "filtered" else None,
        reasoning=thoughts_of({"content": blocks}),
        tool_calls=json_cell(calls) if calls else None,
    )


FORMATS = ("json_schema",)
MESSAGES = ApiForm(path="/messages", body=messages_body, reply=messages_reply, whole=message_of, formats=FORMATS)
MESSAGES_ON_VERTEX = replace(
    MESSAGES, path="/{model}:rawPredict", body=vertex_body, streamed_path="/{model}:streamRawPredict"
)
MESSAGES_ON_BEDROCK = replace(MESSAGES, path="/model/{model}/invoke", body=bedrock_body)


def _turns(messages: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The turns that chat messages become, each of a list of blocks."""
    for message in messages:
        role, content = message["role"], message["content"]
        if role in SYSTEM_ROLES:
            said = "expected instructions at the start of the messages alone, got some after another message"
            raise RequestFailed(f"{said}; Anthropic's API takes none there", "unsendable")
        if role == "tool":
            result = {
                "type": "tool_result",
                "tool_use_id": message.get("tool_call_id"),
                "content": text_of_parts(content),
            }
            yield {"role": "user", "content": [result]}
            continue
        blocks = [_block(part) for part in parts_of_content(content)]
        blocks += [
            {"type": "tool_use", "id": call.call_id, "name": call.name, "input": _input(call.arguments)}
            for call in tool_calls_of(message)
        ]
        yield {"role": role, "content": blocks}


def _block(part: str | Text | Image) -> dict[str, Any]:
    if not isinstance(part, Image):
        return {"type": "text", "text": part if isinstance(part, str) else part.text}
    if (data := part.data) is not None:
        return {"type": "image", "source": {"type": "base64", **data.groupdict()}}
    return {"type": "image", "source": {"type": "url", "url": part.url}}


def _input(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        raise RequestFailed(f"expected JSON as arguments of a call, got {arguments!r:.80}", "unsendable") from None


def _schema(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Name and schema of a reply format.

    Raises:
        RequestFailed: It is no schema.
    """
    if given.get("type") != "json_schema":
        said = f"expected a json_schema as response_format, got {given.get('type')!r}; Anthropic's API has no JSON mode"
        raise RequestFailed(said, kind="unsendable")
    inner = given.get("json_schema", given)
    return {"name": inner.get("name", "answer"), "schema": inner["schema"]}


def _forced(given: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """A tool whose input has the schema of the reply. One that has to be called and thoughts exclude each other."""
    asked = _schema(given)
    tool = {"name": asked["name"], "description": "Gives the answer.", "input_schema": asked["schema"]}
    choice = {"type": "auto"} if is_asked_to_think(body) else {"type": "tool", "name": asked["name"]}
    return {"tools": [*body.get("tools", ()), tool], "tool_choice": choice}


def _answer_of_tool(blocks: Sequence[Mapping[str, Any]], request: Request) -> str | None:
    """What was answered by calling the tool that stands for the reply format."""
    if request.response_format is None or request.response_format.get("type") != "json_schema":
        return None
    name = _schema(request.response_format)["name"]
    inputs = (block.get("input") for block in blocks if block.get("type") == "tool_use" and block.get("name") == name)
    return next((json_cell(given) for given in inputs), None)


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if not isinstance(function, Mapping):
        return dict(tool)
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    described = {"description": function["description"]} if "description" in function else {}
    return {"name": function.get("name"), **described, "input_schema": schema}


def _choice(choice: Any) -> Any:
    if isinstance(choice, str):
        return CHOICES.get(choice, {"type": choice})
    if isinstance(choice, Mapping) and isinstance(choice.get("function"), Mapping):
        return {"type": "tool", "name": choice["function"].get("name")}
    return choice


def _why_refused(body: Mapping[str, Any]) -> str:
    details = body.get("stop_details")
    told = (details.get("explanation") or details.get("category")) if isinstance(details, Mapping) else None
    return str(told or FILTERED)
