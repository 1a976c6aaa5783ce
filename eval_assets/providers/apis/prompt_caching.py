"""What requests begin with in common, and is long enough for a provider's prompt cache to keep."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

LEAST_CHARACTERS = 4_096
"""About 1,024 tokens, the least that the caches of OpenAI and of most of Anthropic's models keep."""


def long_beginning(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Text of all messages but the last, which holds what differs; null where it is too short to be cached."""
    text = "\n".join(f"{message['role']}: {message['content']}" for message in messages[:-1])
    return text if len(text) >= LEAST_CHARACTERS else None


def cache_key(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """A name for the beginning that requests share, by which a provider sends them where it is cached.

    >>> cache_key(({"role": "system", "content": "Short."}, {"role": "user", "content": "Hi"}))
    """
    beginning = long_beginning(messages)
    if beginning is None:
        return None
    digest = hashlib.sha256(beginning[:LEAST_CHARACTERS].encode(errors="surrogatepass")).hexdigest()
    return f"eval-assets-{digest[:16]}"
