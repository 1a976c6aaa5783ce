"""Secrets kept out of texts that become messages: of failures, and so of logs, tables and reports.

Only such texts are redacted. What a model replied is never touched, whatever it contains.
"""

import html
import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from eval_assets.config.files.secrets import HIDDEN, SECRET_VARIABLE, USER_IN_URL

CONTROL = {"\n": "n", "\r": "r", "\t": "t"}

SHORTEST_SECRET = 8
"""Shorter values (`ok`, `7`, `ollama`) are words of ordinary messages, and no secrets that anything depends on."""


def redacted(text: str, secrets: Iterable[str] = (), environment: Mapping[str, str] = os.environ) -> str:
    """Hide secrets in a text, also percent-encoded or escaped as in JSON, Python or HTML.

    Args:
        text: Of a message.
        secrets: Values that were sent: keys and values of headers.
        environment: Variables named like a secret (`…_KEY`, `…_TOKEN`, …) count too.

    >>> redacted("key 'pa55 w/rd' is wrong: ?key=pa55%20w%2Frd, user ok", ["pa55 w/rd", "ok"], {})
    "key '***' is wrong: ?key=***, user ok"
    """
    named = (value for name, value in environment.items() if SECRET_VARIABLE.search(name))
    pattern = _pattern(frozenset((*secrets, *named)))
    text = USER_IN_URL.sub(f"{HIDDEN}@", text)
    return text if pattern is None else pattern.sub(HIDDEN, text)


def redacted_texts(value: Any, secrets: Iterable[str]) -> Any:
    """The same JSON value with every text in it redacted; names of fields stay, they are the protocol's."""
    match value:
        case str():
            return redacted(value, secrets)
        case list():
            return [redacted_texts(item, secrets) for item in value]
        case Mapping():
            return {key: redacted_texts(item, secrets) for key, item in value.items()}
        case _:
            return value


@lru_cache(maxsize=64)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    # Of `Bearer abc…` the second word alone is the secret, too.
    parts = {part for secret in secrets for part in (secret.strip(), *secret.split()) if len(part) >= SHORTEST_SECRET}
    longest_first = sorted(parts, key=lambda part: (-len(part), part))
    return (
        re.compile("|".join("".join(map(_spelled, part)) for part in longest_first), re.IGNORECASE) if parts else None
    )


def _spelled(character: str) -> str:
    """A pattern for the ways a character is written inside a URL, JSON, Python or HTML."""
    if character.isascii() and character.isalnum():
        return character
    percent = "".join(f"%{byte:02x}" for byte in character.encode(errors="replace"))
    ways = [html.escape(character), percent, character, *(["+"] if character == " " else [])]
    escaped = [rf"\\+{re.escape(name)}" for name in (f"u{ord(character):04x}", f"x{ord(character):02x}")]
    if character in CONTROL:
        escaped.append(rf"\\+{CONTROL[character]}")
    # Any number of backslashes: JSON inside JSON inside Python has many.
    return rf"(?:\\*(?:{'|'.join(map(re.escape, ways))})|{'|'.join(escaped)})"
