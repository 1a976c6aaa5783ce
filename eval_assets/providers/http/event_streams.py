"""Streams of server-sent events: when the first token came, and the one body that their chunks amount to.

What the body means is read in `openai_replies`, as that of a reply which came at once.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from eval_assets.providers.failures import TransientFailure
from eval_assets.providers.http.bodies import json_of

DONE = b"[DONE]"
LONGEST_LINE = 2**20
NAMES = ("id", "type", "role", "name")
"""Texts of a delta that come whole; all others come in pieces."""


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
    whole: dict[str, Any] = {}
    choice: dict[str, Any] = {"index": 0}
    message: dict[str, Any] = {}
    is_ended = False
    for chunk in _chunks(content):
        if chunk is None:
            is_ended = True
            break
        if chunk.get("error"):
            return chunk
        whole |= {name: value for name, value in chunk.items() if value is not None and name != "choices"}
        for part in _own_choices(chunk):
            _add(message, part.get("delta") or part.get("message") or {})
            _add_logprobs(choice, part.get("logprobs"))
            further = {name: value for name, value in part.items() if name not in ("delta", "message", "logprobs")}
            choice |= {name: value for name, value in further.items() if value is not None}
            is_ended = is_ended or part.get("finish_reason") is not None
    if not is_ended:
        raise TransientFailure("the stream ended before the reply did", kind="stream_broken")
    return {**whole, "choices": [{**choice, "message": message}] if message or len(choice) > 1 else []}


def _chunks(content: bytes) -> Iterator[dict[str, Any] | None]:
    """The JSON objects of a stream, and null for the mark of its end."""
    for line in content.replace(b"\r", b"\n").split(b"\n"):
        data = _data_of(line)
        if not data:
            continue
        if data == DONE:
            yield None
            return
        try:
            chunk = json_of(data)
        except ValueError as error:
            said = data[:80].decode(errors="replace")
            raise TransientFailure(
                f"expected chunks of JSON in the stream, got {said!r}", kind="stream_broken"
            ) from error
        if isinstance(chunk, dict):
            yield chunk


def _data_of(line: bytes) -> bytes:
    """What a line of a stream holds; empty for comments, names of events and the like."""
    return line[5:].strip() if line.startswith(b"data:") else b""


def _own_choices(chunk: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The pieces of the first choice, the only one that is asked for."""
    choices = chunk.get("choices")
    found = choices if isinstance(choices, list) else []
    return [choice for choice in found if isinstance(choice, Mapping) and choice.get("index") in (0, None)]


def _says_something(line: bytes) -> bool:
    """Whether a line of a stream holds text, a thought or a part of a call."""
    data = _data_of(line)
    if not data or data == DONE:
        return False
    try:
        chunk = json_of(data)
    except ValueError:
        return False
    return isinstance(chunk, dict) and any(
        value for choice in _own_choices(chunk) for name, value in (choice.get("delta") or {}).items() if name != "role"
    )


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
