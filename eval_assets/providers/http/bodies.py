"""From the bytes of a body to its JSON value or its text. What the value means is read in `openai_replies`."""

import html
import json
import re
from typing import Any

import pydantic_core

from eval_assets.requests.foreign_values import finite_number, whole_characters

BEYOND_FLOATS = re.compile(rb"[0-9][eE]\+?[0-9]{3}")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
LONGEST_PAGE = 16 * 2**10


def json_of(content: bytes) -> Any:
    r"""The JSON value in a body, read as generously as it can be without guessing: a reply was paid for.

    Half a surrogate pair and bytes that are no UTF-8 become U+FFFD, numbers that are none (`NaN`, `1e999`) null; a byte
    order mark and bare control characters are passed over. Of two equal names the last counts.

    Raises:
        ValueError: It is no JSON, or too deeply nested.

    >>> json_of(b'{"text": "half \\ud83d", "whole": "\\ud83d\\ude00", "score": NaN}')
    {'text': 'half �', 'whole': '😀', 'score': None}
    """
    if not BEYOND_FLOATS.search(content):
        try:
            return pydantic_core.from_json(content, allow_inf_nan=False)
        except ValueError:
            pass
    text = content.decode(json.detect_encoding(content), errors="replace")
    try:
        value = json.loads(
            text, strict=False, parse_float=finite_number, parse_int=_whole, parse_constant=lambda _: None
        )
        return _encodable(value)
    except RecursionError as error:
        raise ValueError("too deeply nested") from error


def page_text(content: bytes) -> str:
    """What an error body that is no JSON says: of a web page the text without tags, spaces joined.

    >>> page_text(b"<html><style>p {}</style><body><h1>502 Bad Gateway</h1><p>nginx</p></body></html>")
    '502 Bad Gateway nginx'
    """
    text = content[:LONGEST_PAGE].decode(errors="replace")
    if is_page(content):
        text = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", " ", text)
        text = html.unescape(text)
    return " ".join(text.split())


def is_page(content: bytes) -> bool:
    """Whether a body is a web page or other markup."""
    return content[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def is_event_stream(content: bytes) -> bool:
    """Whether a body is a stream of events, which is sent by those who stream though they weren't asked to."""
    return re.match(rb"\s*(data|event|id|retry|):", content[:64]) is not None


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:  # more than 4,300 digits
        return None


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return whole_characters(value)
        case list():
            return [_encodable(item) for item in value]
        case dict():
            return {_encodable(name): _encodable(item) for name, item in value.items()}
        case _:
            return value
