"""What the events of a stream amount to in each API: the body that would have come at once.

What the body means is read where such bodies are. An error that comes amid a stream is the body then.
"""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from eval_assets.providers.failures import TransientFailure
from eval_assets.providers.http.event_streams import ENDED, events_in, own_choices

USAGE_OF_A_STREAM = "stream_options"
STREAM: Mapping[str, Any] = MappingProxyType({"stream": True})
STREAM_WITH_USAGE: Mapping[str, Any] = MappingProxyType({**STREAM, USAGE_OF_A_STREAM: {"include_usage": True}})
"""What asks for a reply piece by piece; where its usage comes only if asked for, with that."""

NAMES = ("id", "type", "role", "name")
"""Texts of a delta that come whole; all others come in pieces."""

LAST_OF_A_RESPONSE = ("response.completed", "response.incomplete", "response.failed")


def completion_of(content: bytes) -> dict[str, Any]:
    """The body of a chat completion that the chunks of a stream amount to; that of an error where one came.

    Args:
        content: All that was sent, up to the end of the connection.

    Raises:
        TransientFailure: The stream ended before its end, or holds what is no chunk.

    >>> chunk = b'data: {"choices": [{"index": 0, "delta": {"content": "Pa"}, "finish_reason": "stop"}]}'
    >>> completion_of(chunk)["choices"][0]["message"]
    {'content': 'Pa'}
    """
    return completion_of_chunks(events_in(content))


def completion_of_chunks(chunks: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """As `completion_of`, from the chunks themselves."""
    whole: dict[str, Any] = {}
    choice: dict[str, Any] = {"index": 0}
    message: dict[str, Any] = {}
    is_ended = False
    for chunk in chunks:
        if chunk is ENDED:
            is_ended = True
            break
        if chunk.get("error"):
            return dict(chunk)
        whole |= {name: value for name, value in chunk.items() if value is not None and name != "choices"}
        for part in own_choices(chunk):
            _add(message, part.get("delta") or part.get("message") or {})
            _add_logprobs(choice, part.get("logprobs"))
            further = {name: value for name, value in part.items() if name not in ("delta", "message", "logprobs")}
            choice |= {name: value for name, value in further.items() if value is not None}
            is_ended = is_ended or part.get("finish_reason") is not None
    if not is_ended:
        raise _broken()
    if isinstance(calls := message.get("tool_calls"), list):
        message["tool_calls"] = [_without_index(call) for call in calls]
    return {**whole, "choices": [{**choice, "message": message}] if message or len(choice) > 1 else []}


def response_of(content: bytes) -> dict[str, Any]:
    """The response in the last event of a stream of the Responses API; that of an error where one came.

    Args:
        content: All that was sent, up to the end of the connection.

    Raises:
        TransientFailure: The stream ended before its end, or holds what is no event.

    >>> response_of(b'data: {"type": "error", "code": "server_error", "message": "oops"}')
    {'error': {'code': 'server_error', 'message': 'oops', 'param': None}}
    """
    items: list[Any] = []
    for event in events_in(content):
        match event:
            case {"error": dict() as error}:
                return {"error": error}
            case {"type": "error"}:
                return {"error": {name: event.get(name) for name in ("code", "message", "param")}}
            case {"type": "response.output_item.done", "item": item}:
                items.append(item)
            case {"type": str(kind), "response": dict() as response} if kind in LAST_OF_A_RESPONSE:
                return {**response, "output": response.get("output") or items}
    raise _broken()


def message_of(content: bytes) -> dict[str, Any]:
    """The message that the events of a stream of Anthropic's API amount to; that of an error where one came.

    Args:
        content: All that was sent, up to the end of the connection.

    Raises:
        TransientFailure: The stream ended before its end, or holds what is no event.
    """
    message: dict[str, Any] = {}
    blocks: dict[Any, dict[str, Any]] = {}
    is_ended = False
    for event in events_in(content):
        match event:
            case {"error": dict()}:
                return dict(event)
            case {"type": "message_start", "message": dict(started)}:
                message = dict(started)
            case {"type": "content_block_start", "content_block": dict(block)}:
                blocks[event.get("index")] = dict(block)
            case {"type": "content_block_delta", "delta": dict(delta)}:
                _add_to_block(blocks.setdefault(event.get("index"), {}), delta)
            case {"type": "message_delta", "delta": dict(delta)}:
                message |= _told(delta)
                # Counts are of all that came; those that aren't repeated stand as they stood.
                message["usage"] = {**(message.get("usage") or {}), **_told(event.get("usage"))}
                is_ended = is_ended or delta.get("stop_reason") is not None
            case {"type": "message_stop"}:
                is_ended = True
    if not is_ended:
        raise _broken()
    return {**message, "content": [_whole_block(block) for block in blocks.values()]}


def _broken() -> TransientFailure:
    return TransientFailure("the stream ended before the reply did", kind="stream_broken")


def _told(given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None} if isinstance(given, Mapping) else {}


def _without_index(call: Any) -> Any:
    """A call as it would have come whole: its place in the list is how its pieces were told apart."""
    return {name: value for name, value in call.items() if name != "index"} if isinstance(call, dict) else call


def _add_to_block(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a piece of text, of a thought, or of the JSON that a tool is called with."""
    for name in ("text", "thinking", "partial_json"):
        if isinstance(piece := delta.get(name), str):
            block[name] = f"{block.get(name) or ''}{piece}"


def _whole_block(block: Mapping[str, Any]) -> dict[str, Any]:
    """A block whose pieces have all come; the input of a call that was cut stays text."""
    whole = dict(block)
    if given := whole.pop("partial_json", None):
        try:
            whole["input"] = json.loads(given)
        except ValueError:
            whole["input"] = given
    return whole


def _add(whole: dict[str, Any], delta: Any) -> None:
    """Add the pieces of a delta: texts are joined, lists by the index of their items, mappings field by field."""
    for name, piece in delta.items() if isinstance(delta, Mapping) else ():
        known = whole.get(name)
        match piece:
            case None:
                continue
            case str() if isinstance(known, str) and name not in NAMES:
                whole[name] = known + piece
            case list():
                whole[name] = _added_items(known if isinstance(known, list) else [], piece)
            case dict():
                whole[name] = dict(known) if isinstance(known, dict) else {}
                _add(whole[name], piece)
            case _:
                whole[name] = piece


def _added_items(known: list[Any], pieces: list[Any]) -> list[Any]:
    items = list(known)
    places = {item["index"]: place for place, item in enumerate(items) if _is_indexed(item)}
    for piece in pieces:
        place = places.get(piece["index"]) if _is_indexed(piece) else None
        if place is None:
            items.append(piece)
        else:
            items[place] = dict(items[place])
            _add(items[place], piece)
    return items


def _is_indexed(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("index"), int)


def _add_logprobs(choice: dict[str, Any], logprobs: Any) -> None:
    tokens = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if isinstance(tokens, list):
        known = choice.setdefault("logprobs", {"content": []})
        known["content"] = [*known["content"], *tokens]
