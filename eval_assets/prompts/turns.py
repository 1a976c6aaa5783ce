"""A column that holds the turns of a conversation, and the messages they become. Rendering texts is in `rendering`."""

from collections.abc import Mapping
from typing import Any

from eval_assets.requests.exchange import Message

TURN_ROLES = ("system", "developer", "user", "assistant")
NEEDS_MORE = ("tool_calls", "tool_call_id", "function_call")
"""Fields without which a message isn't what it was; others (`name`, `id`) say nothing to a model and are left out."""


def is_message_list(value: Any) -> bool:
    """Whether a value is a list of messages.

    >>> is_message_list([{"role": "user", "content": "Why?"}]), is_message_list([]), is_message_list(["Why?"])
    (True, False, False)
    """
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Mapping) and {"role", "content"} <= set(item) for item in value)
    )


def turns_of(messages: list[Mapping[str, Any]]) -> tuple[Message, ...]:
    """The turns to send for a list of messages.

    Raises:
        ValueError: A message has another role, no text, or needs more than text.

    >>> turns_of([{"role": "user", "content": "Why?"}])
    ({'role': 'user', 'content': 'Why?'},)
    """
    turns = []
    for number, message in enumerate(messages, start=1):
        extra = [name for name in NEEDS_MORE if message.get(name) is not None]
        if message["role"] not in TURN_ROLES or not isinstance(message["content"], str) or extra:
            got = {name: message[name] for name in ("role", "content", *extra)}
            raise ValueError(
                f"expected messages of {', '.join(TURN_ROLES)} whose content is text, got {got!r:.120} as message "
                f"{number}; change the row, or write `{{{{ … | tojson }}}}` to send the list as text"
            )
        turns.append(Message(role=message["role"], content=message["content"]))
    return tuple(turns)
