"""Text, thoughts and calls of a chat message, whatever shape they come in."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eval_assets.errors import ConfigError
from eval_assets.requests.canonical_json import json_text
from eval_assets.requests.foreign_values import whole_characters
from eval_assets.requests.tool_calls import calls_in

THOUGHT_FIELDS = ("reasoning_content", "reasoning", "reasoning_text", "thinking", "reasoning_details")
"""Where servers put what a model thought, apart from its answer; the first that holds text counts."""

THOUGHT_PARTS = ("reasoning", "thinking", "redacted_thinking", "reasoning_content", "thought")
CALL_PARTS = ("tool_use", "tool_call", "function_call")
LARGEST_READ = 10**300
TEXT_FIELDS = ("text", "content", "thinking", "reasoning", "reasoning_text", "reasoning_content", "summary")


def text_of(content: Any) -> str | None:
    """What a message says; null if it says nothing. Parts that think or call are left out; other values become JSON.

    >>> text_of([{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Pa"}, "ris"])
    'Paris'
    >>> text_of({"city": "Paris"}), text_of(None)
    ('{"city":"Paris"}', None)
    """
    match content:
        case None | str():
            return content
        case list():
            parts = [_text_of_part(part) for part in content]
            said = [part for part in parts if part is not None]
            return "".join(said) if said else None
        case Mapping() if "type" in content or "text" in content:
            return _text_of_part(content)
        case _:
            return json_cell(content)


def thoughts_of(message: Mapping[str, Any]) -> str | None:
    """What the model thought, from a field of its own or from parts of the content; null if it isn't told.

    >>> thoughts_of({"content": "Paris", "reasoning_content": "Let me think."})
    'Let me think.'
    """
    for field in THOUGHT_FIELDS:
        thought = "\n".join(_texts_in(message.get(field)))
        if thought.strip():
            return thought
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    thought = "\n".join(text for part in parts if _type_of(part) in THOUGHT_PARTS for text in _texts_in(part))
    return thought if thought.strip() else None


def calls_of(message: Mapping[str, Any]) -> str | None:
    """The tools a message calls, as JSON of the list that came; null if it calls none.

    >>> calls_of({"function_call": {"name": "weather", "arguments": "{}"}})
    '[{"type":"function","function":{"name":"weather","arguments":"{}"}}]'
    >>> calls_of({"tool_calls": []})
    """
    calls = message.get("tool_calls")
    if isinstance(calls, list) and calls:
        return json_cell(calls)
    if isinstance(message.get("function_call"), Mapping):
        return json_cell([{"type": "function", "function": message["function_call"]}])
    content = message.get("content")
    parts = [part for part in content if _type_of(part) in CALL_PARTS] if isinstance(content, list) else []
    return json_cell(parts) if parts else None


def calls_of_all(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """The tools that all messages of the assistant call, in their order; null if they call none.

    >>> calls_of_all([{"role": "assistant", "tool_calls": [{"name": "a"}]}, {"role": "tool", "content": "1"}])
    '[{"name":"a"}]'
    """
    lists = [calls_of(message) for message in messages if message["role"] == "assistant"]
    calls = [call for written in lists if written is not None for call in json.loads(written)]
    return json_cell(calls) if calls else None


def called_functions(calls: str) -> list[dict[str, Any]]:
    """Name and arguments of each call, without the ids that differ from reply to reply.

    >>> called_functions('[{"id": "c1", "function": {"name": "weather", "arguments": "[1]"}}]')
    [{'name': 'weather', 'arguments': [1]}]
    """
    return [{"name": call.name, "arguments": call.arguments} for call in calls_in(calls)]


def json_cell(value: Any) -> str:
    """Compact JSON in the order of the keys, for every reader: what no reader takes for a number becomes null.

    >>> json_cell({"b": float("nan"), "a": "é"})
    '{"b":null,"a":"é"}'

    Raises:
        ConfigError: The value has no JSON form.
    """
    try:
        readable = _readable(value)
    except RecursionError as error:
        raise ConfigError("expected values nested a few levels deep, got hundreds of levels") from error
    return whole_characters(json_text(readable, compact=True))


def _text_of_part(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping) or _type_of(part) in (*THOUGHT_PARTS, *CALL_PARTS):
        return None
    text = part.get("text")
    return text if isinstance(text, str) else None


def _type_of(part: Any) -> str | None:
    found = part.get("type") if isinstance(part, Mapping) else None
    return found if isinstance(found, str) else None


def _texts_in(value: Any) -> Iterator[str]:
    """Every text below the fields that hold text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts_in(item)
    elif isinstance(value, Mapping):
        for field in TEXT_FIELDS:
            yield from _texts_in(value.get(field))


def _readable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return None if isinstance(value, int) and abs(value) > LARGEST_READ else value
