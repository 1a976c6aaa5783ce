"""A column that holds the turns of a conversation, and the messages they become. Rendering texts is in `rendering`."""

from collections.abc import Mapping, Sequence
from typing import Any

from eval_assets.requests.exchange import Message
from eval_assets.requests.tool_calls import call_in

TURN_ROLES = ("system", "developer", "user", "assistant", "tool")
PART_TYPES = ("text", "image_url")
REMEDY = "change the row, or write `{{ … | tojson }}` to send the list as text"


def turns_of(messages: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    """The turns to send for a list of messages: fields that say nothing to a model (`id`, `refusal`) are left out.

    Raises:
        ValueError: A message has another role, says nothing, or holds what is neither text, an image nor a call.

    >>> turns_of([{"role": "user", "content": "Why?"}])
    ({'role': 'user', 'content': 'Why?'},)
    """
    turns = []
    for number, message in enumerate(messages, start=1):
        fault = _fault(message)
        if fault is not None:
            raise ValueError(f"{fault}, got {dict(message)!r:.120} as message {number}; {REMEDY}")
        turns.append(_turn(message))
    return tuple(turns)


def _turn(message: Mapping[str, Any]) -> Message:
    content = message.get("content")
    turn = Message(role=message["role"], content=list(map(_stated, content)) if isinstance(content, list) else content)
    if message.get("tool_calls"):
        turn["tool_calls"] = list(map(_stated, message["tool_calls"]))
    if message["role"] == "tool":
        turn["tool_call_id"] = message["tool_call_id"]
        if message.get("name"):
            turn["name"] = message["name"]
    return turn


def _stated(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields without those that are null, as Parquet has all of any in each."""
    return {name: value for name, value in fields.items() if value is not None}


def _fault(message: Mapping[str, Any]) -> str | None:
    """What is wrong with a message; null if it can be sent."""
    role, content, calls = message["role"], message.get("content"), message.get("tool_calls")
    fault: str | None = None
    if role not in TURN_ROLES:
        fault = f"expected messages of {', '.join(TURN_ROLES)}"
    elif message.get("function_call") is not None:
        fault = "expected calls as `tool_calls`, not as `function_call`"
    elif calls and (role != "assistant" or not _are_calls(calls)):
        fault = "expected `tool_calls` of the assistant, a list with `id` and `function: {name, arguments}` each"
    elif (role == "tool") != isinstance(message.get("tool_call_id"), str):
        fault = "expected the `tool_call_id` that a tool answers, with messages of tools alone"
    elif isinstance(content, list) and content:
        fault = next(filter(None, map(_part_fault, content)), None)
    elif not isinstance(content, str) and not (content is None and calls):
        fault = f"expected content that is text or a list of parts ({', '.join(PART_TYPES)})"
    return fault


def _are_calls(calls: Any) -> bool:
    return isinstance(calls, list) and all(
        isinstance(call, Mapping)
        and isinstance(call.get("id"), str)
        and isinstance(call.get("function"), Mapping)
        and call_in(call).name is not None
        for call in calls
    )


def _part_fault(part: Any) -> str | None:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "text" and isinstance(part.get("text"), str):
        return None
    image = part.get("image_url") if kind == "image_url" else None
    if isinstance(image, Mapping) and isinstance(image.get("url"), str):
        return None
    return "expected parts `{type: text, text: …}` or `{type: image_url, image_url: {url: …}}`"
