"""Conversations: lists of messages as OpenAI and MLflow write them, and how people and judges read them.

Which messages may be sent is in `prompts.turns`, the calls in them in `tool_calls`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from eval_assets.requests.exchange import Message
from eval_assets.requests.tool_calls import call_in, call_text, is_of_calls

SAYS = ("content", "tool_calls")
"""One of these makes a mapping with a role a message."""
LONGEST_ADDRESS = 80


def is_message_list(value: Any) -> bool:
    """Whether a value is a list of messages.

    >>> is_message_list([{"role": "user", "content": "Why?"}]), is_message_list([]), is_message_list(["Why?"])
    (True, False, False)
    """
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(item, Mapping) and isinstance(item.get("role"), str) and any(name in item for name in SAYS)
            for item in value
        )
    )


def conversation_in(value: Any) -> list[Mapping[str, Any]] | None:
    """The messages of a value that is a conversation: their list, or the object `{"messages": [...]}`; else null.

    >>> conversation_in({"messages": [{"role": "user", "content": "Why?"}]})
    [{'role': 'user', 'content': 'Why?'}]
    >>> conversation_in({"messages": [], "question": "Why?"})
    """
    if value is None or isinstance(value, str):
        return None
    if isinstance(value, Mapping) and set(value) == {"messages"}:
        value = value["messages"]
    return value if is_message_list(value) else None


def content_text(content: Any) -> str:
    """What a message says, its parts in a row; images by their address.

    >>> content_text([{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": "cat.png"}}])
    'Look: [image cat.png]'
    """
    if content is None:
        return ""
    if not isinstance(content, list):
        return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return " ".join(filter(None, map(_part_text, content)))


def message_text(message: Message | Mapping[str, Any]) -> str:
    """All that a message holds, its calls included: what its length is told from."""
    if isinstance(message["content"], str) and "tool_calls" not in message:
        return message["content"]
    return "\n".join([*filter(None, [content_text(message["content"])]), *_calls_of(message)])


def images_in(messages: Iterable[Mapping[str, Any] | Message]) -> Iterator[dict[str, Any]]:
    """The `image_url` of each image in a conversation.

    >>> look = [{"type": "image_url", "image_url": {"url": "cat.png"}}, {"type": "text", "text": "?"}]
    >>> list(images_in([{"role": "user", "content": look}]))
    [{'url': 'cat.png'}]
    """
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if isinstance(part, Mapping) and isinstance(image := part.get("image_url"), dict):
                yield image


def last_answer(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """The last text of the assistant; null if it says nothing.

    >>> last_answer([{"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Bye."}])
    'Hi.'
    """
    said = (content_text(message.get("content")) for message in reversed(messages) if message["role"] == "assistant")
    return next((text for text in said if text.strip()), None)


def conversation_text(messages: Sequence[Mapping[str, Any]]) -> str:
    r"""A conversation as people and judges read it. What is said is indented, so that no text can pass for a turn.

    >>> calls = [{"id": "c1", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}]
    >>> print(conversation_text([
    ...     {"role": "user", "content": "Rain in Oslo?\nassistant: No."},
    ...     {"role": "assistant", "content": None, "tool_calls": calls},
    ...     {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ... ]))
    user: Rain in Oslo?
      assistant: No.
    assistant calls: weather(city="Oslo")
    tool weather: sunny
    """
    lines: list[str] = []
    for who, said in turns_in(messages):
        first, *more = said.splitlines() or [""]
        lines += [f"{who}: {first}".rstrip(), *(f"  {line}" for line in more)]
    return "\n".join(lines)


def turns_in(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Who speaks, and what is said: a tool goes by its name, a call stands apart from what is said beside it.

    >>> list(turns_in([{"role": "assistant", "content": "Hm.", "tool_calls": [{"name": "weather", "args": {}}]}]))
    [('assistant', 'Hm.'), ('assistant calls', 'weather()')]
    """
    names: dict[str, str] = {}
    for message in messages:
        role, calls = message["role"], _list_of(message.get("tool_calls"))
        for call in calls:
            if isinstance(call, Mapping) and isinstance(call.get("id"), str):
                names[call["id"]] = call_in(call).name or ""
        tool = (message.get("name") or names.get(str(message.get("tool_call_id")))) if role == "tool" else None
        text = content_text(message.get("content"))
        if text or not calls:
            yield f"{role} {tool}" if tool else role, text
        yield from ((f"{role} calls", call_text(call_in(call))) for call in calls)


def readable(text: str | None) -> str | None:
    """A table cell as people read it: one that holds a conversation as such, any other as it stands.

    >>> readable('[{"role": "user", "content": "Why?"}]'), readable("[1]"), readable(None)
    ('user: Why?', '[1]', None)
    """
    if text is None or text[:1] not in ("[", "{") or '"role"' not in text:
        return text
    try:
        messages = conversation_in(json.loads(text))
    except (ValueError, RecursionError):
        return text
    return text if messages is None else conversation_text(messages)


def answer_in(prediction: Mapping[str, Any]) -> str | None:
    """A whole reply as people and judges read it: the conversation it is, or its text and calls; null for nothing.

    Args:
        prediction: A row of `predictions`.

    >>> print(answer_in({"output": "One moment.", "tool_calls": '[{"name": "weather", "args": {}}]'}))
    assistant: One moment.
    assistant calls: weather()
    >>> answer_in({"output": "Paris"})
    'Paris'
    """
    output, calls, trajectory = (prediction.get(name) for name in ("output", "tool_calls", "trajectory"))
    if trajectory is not None:
        return conversation_text(json.loads(trajectory))
    if calls is None or (output is not None and is_of_calls(output)):
        return output
    return conversation_text([{"role": "assistant", "content": output, "tool_calls": json.loads(calls)}])


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        return str(part)
    if isinstance(part.get("text"), str):
        return str(part["text"])
    if isinstance(address := part.get("image_url"), Mapping):
        url = str(address.get("url", ""))
        shown = url if len(url) <= LONGEST_ADDRESS else f"{url[:LONGEST_ADDRESS]}…"
        return f"[image {shown}]"
    return f"[{part.get('type', 'part')}]"


def _calls_of(message: Message | Mapping[str, Any]) -> list[str]:
    return [call_text(call_in(call)) for call in _list_of(message.get("tool_calls"))]


def _list_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
