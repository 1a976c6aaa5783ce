"""Parts of messages in the shape of chat completions, taken apart for the APIs that have shapes of their own."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from eval_assets.providers.failures import RequestFailed

DATA_URL = re.compile(r"data:(?P<media_type>[\w.+-]+/[\w.+-]+);base64,(?P<data>.*)", re.DOTALL)
SYSTEM_ROLES = ("system", "developer")


class SplitMessages(NamedTuple):
    """The messages that instruct a model, at the very start, and all that follow."""

    instructing: Sequence[Mapping[str, Any]]
    following: Sequence[Mapping[str, Any]]


class Text(NamedTuple):
    """Text of a message."""

    text: str


class Image(NamedTuple):
    """An image, by the address or the data URL it has; `detail` is how closely it is looked at."""

    url: str
    detail: str | None

    @property
    def data(self) -> re.Match[str] | None:
        """Its media type and base64 data; null where it lies at an address."""
        return DATA_URL.fullmatch(self.url)


class EarlierCall(NamedTuple):
    """A call that an earlier message of the conversation makes; arguments as the JSON text they came as."""

    call_id: str
    name: str
    arguments: str


def split_messages(messages: Sequence[Mapping[str, Any]]) -> SplitMessages:
    """Part the instructions at the start from the conversation."""
    first = next((at for at, message in enumerate(messages) if message["role"] not in SYSTEM_ROLES), len(messages))
    return SplitMessages(messages[:first], messages[first:])


def parts_of_content(content: Any) -> Iterator[Text | Image]:
    """What a message holds.

    Raises:
        RequestFailed: A part is neither text nor an image.

    >>> list(parts_of_content("Hi"))
    [Text(text='Hi')]
    """
    for part in content if isinstance(content, list | tuple) else [content]:
        match part:
            case None:
                continue
            case str():
                yield Text(part)
            case {"type": "text", "text": str(text)}:
                yield Text(text)
            case {"type": "image_url", "image_url": {"url": str(url), "detail": str(detail)}}:
                yield Image(url, detail)
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                yield Image(url, None)
            case {"type": "image_url", "image_url": str(url)}:
                yield Image(url, None)
            case _:
                kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
                raise RequestFailed(
                    f"expected parts of type text or image_url in a message, got {kind!r}", "unsendable"
                )


def text_of_parts(content: Any) -> str:
    """The text of a message that may hold nothing else.

    Raises:
        RequestFailed: It holds an image.
    """
    parts = list(parts_of_content(content))
    if any(isinstance(part, Image) for part in parts):
        raise RequestFailed("expected text alone in messages that aren't the user's, got an image", "unsendable")
    return "".join(part.text for part in parts if isinstance(part, Text))


def tool_calls_of(message: Mapping[str, Any]) -> Iterator[EarlierCall]:
    """The calls that a message of the conversation makes.

    >>> called = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}
    >>> list(tool_calls_of({"role": "assistant", "content": None, "tool_calls": [called]}))
    [EarlierCall(call_id='c1', name='weather', arguments='{"city": "Oslo"}')]
    """
    for call in message.get("tool_calls") or ():
        function = call.get("function", call)
        arguments = function.get("arguments", {})
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        yield EarlierCall(str(call.get("id")), str(function.get("name")), text)
