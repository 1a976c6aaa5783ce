"""What a reply used, in tokens: the parts that providers charge differently."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any


@dataclass(frozen=True, slots=True)
class UsedTokens:
    """Tokens of one reply; null where its provider doesn't tell.

    Args:
        prompt_tokens: All of the prompt: those read from a cache, those written to one, and audio included.
        completion_tokens: All that was generated: thoughts and audio included.
        cached_tokens: Of the prompt, read from a cache.
        cache_write_tokens: Of the prompt, written to a cache.
        reasoning_tokens: Of what was generated, thoughts.
        audio_prompt_tokens: Of the prompt, audio that wasn't cached.
        image_prompt_tokens: Of the prompt, images that weren't cached.
        audio_completion_tokens: Of what was generated, audio.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_prompt_tokens: int | None = None
    image_prompt_tokens: int | None = None
    audio_completion_tokens: int | None = None


PARTS = (
    "cached_tokens", "cache_write_tokens", "reasoning_tokens", "audio_prompt_tokens", "image_prompt_tokens",
    "audio_completion_tokens",
)  # fmt: skip
"""The counts that say what kind of tokens prompt and completion were."""


_counts_of = attrgetter(*PARTS)


def parts_of(counted: Any) -> dict[str, int | None]:
    """The parts that an object counts, by name."""
    return dict(zip(PARTS, _counts_of(counted), strict=True))


def parts_in(row: Mapping[str, Any]) -> dict[str, int | None]:
    """The parts that a row holds, which rows of earlier releases don't."""
    return {name: row.get(name) for name in PARTS}
