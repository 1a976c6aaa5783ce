"""Streams of server-sent events: the JSON objects they hold, and when the first token came.

What the objects amount to is in `apis.streams`, API by API; what that means is read like a reply which came at once.
"""

import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from eval_assets.providers.failures import TransientFailure
from eval_assets.providers.http.bodies import json_of

DONE = b"[DONE]"
LONGEST_LINE = 2**20
ENDED: Mapping[str, Any] = MappingProxyType({})
"""Stands for the mark of an end; nothing else is it."""


class FirstToken:
    """Watches the bytes of a body as they come, until an event says something.

    Attributes:
        at: When that was, by `time.perf_counter`; null as long as nothing was said.
    """

    def __init__(self) -> None:
        """Nothing came yet."""
        self.at: float | None = None
        self._rest = b""

    def see(self, piece: bytes) -> None:
        """Take the next bytes."""
        if self.at is not None:
            return
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if any(map(_says_something, lines)):
            self.at = time.perf_counter()
        if self.at is not None or len(self._rest) > LONGEST_LINE:  # no stream, or one whose lines are no tokens
            self._rest = b""


def events_in(content: bytes) -> Iterator[Mapping[str, Any]]:
    """The JSON objects of a stream, and `ENDED` for the mark of its end where it has one.

    Raises:
        TransientFailure: It holds what is no JSON.
    """
    for line in content.replace(b"\r", b"\n").split(b"\n"):
        data = _data_of(line)
        if not data:
            continue
        if data == DONE:
            yield ENDED
            return
        try:
            event = json_of(data)
        except ValueError as error:
            said = data[:80].decode(errors="replace")
            raise TransientFailure(
                f"expected chunks of JSON in the stream, got {said!r}", kind="stream_broken"
            ) from error
        if isinstance(event, dict):
            yield event


def own_choices(chunk: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The pieces of the first choice in a chunk of a completion, the only one that is asked for."""
    choices = chunk.get("choices")
    found = choices if isinstance(choices, list) else []
    return [choice for choice in found if isinstance(choice, Mapping) and choice.get("index") in (0, None)]


def _data_of(line: bytes) -> bytes:
    """What a line of a stream holds; empty for comments, names of events and the like."""
    return line[5:].strip() if line.startswith(b"data:") else b""


def _says_something(line: bytes) -> bool:
    """Whether a line of a stream holds text, a thought or a part of a call."""
    data = _data_of(line)
    if not data or data == DONE:
        return False
    try:
        event = json_of(data)
    except ValueError:
        return False
    return isinstance(event, dict) and any(_pieces(event))


def _pieces(event: Mapping[str, Any]) -> Iterator[Any]:
    """What an event adds to a reply, in the Responses API, in Anthropic's, and in completions."""
    match event:
        case {"delta": str(piece)}:
            yield piece
        case {"type": "content_block_delta", "delta": dict(delta)}:
            yield from (piece for name, piece in delta.items() if name not in ("type", "signature"))
        case _:
            for choice in own_choices(event):
                yield choice.get("text")
                delta = choice.get("delta") or choice.get("message") or {}
                yield from (piece for name, piece in delta.items() if name != "role")
