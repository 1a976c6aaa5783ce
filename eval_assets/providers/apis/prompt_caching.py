"""Prompt caches of providers, used on purpose: what requests begin with in common, and how that is pointed out."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

LEAST_CHARACTERS = 4_096
"""About 1,024 tokens, the least that the caches of OpenAI and of most of Anthropic's models keep."""

Pointing = Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]]
"""From the messages of a request to the parameters that point out what of them is worth caching."""


def pointing_to_nothing(_messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Leave caching to the provider."""
    return {}


def pointing_by_key(messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """A name for the beginning that requests share, by which a provider sends them where it is cached.

    >>> pointing_by_key(({"role": "system", "content": "Short."}, {"role": "user", "content": "Hi"}))
    {}
    """
    digest = _digest(messages)
    return {} if digest is None else {"prompt_cache_key": f"eval-assets-{digest}"}


class PointingByMark:
    """Marks the end of a beginning, from the second request with it on: to write what nobody reads would cost more."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """The mark, if these messages begin as earlier ones did."""
        digest = _digest(messages, whole=True)
        if digest is None or digest in self._seen:
            return {} if digest is None else {"cache_control": {"type": "ephemeral"}}
        self._seen.add(digest)
        return {}


def _digest(messages: Sequence[Mapping[str, Any]], *, whole: bool = False) -> str | None:
    """Hash of all messages but the last, which holds what differs, or of as much as is cached at least.

    Null where they are too short to be cached.
    """
    text = "\n".join(f"{message['role']}: {message['content']}" for message in messages[:-1])
    if len(text) < LEAST_CHARACTERS:
        return None
    said = text if whole else text[:LEAST_CHARACTERS]
    return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()[:16]
