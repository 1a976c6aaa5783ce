"""Reading the `usage` of a reply: one meaning for counts that providers nest, name and add up differently."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from eval_assets.providers.replies.content import json_cell
from eval_assets.requests.foreign_values import whole_number
from eval_assets.requests.used_tokens import UsedTokens

# Spellings: OpenAI's chat and responses, Anthropic, Bedrock, Gemini, LangChain.
PROMPT = ("prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount")
COMPLETION = ("completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount")
TOTAL = ("total_tokens", "totalTokens", "totalTokenCount")
CACHED = (
    "cache_read_input_tokens", "cacheReadInputTokens", "cachedContentTokenCount", "prompt_cache_hit_tokens",
    "cached_tokens", "num_cached_tokens", "cache_read",
)  # fmt: skip
WRITTEN = (
    "cache_creation_input_tokens", "cacheWriteInputTokens", "cache_write_tokens", "cache_creation_tokens",
    "cache_creation",
)  # fmt: skip
REASONING = ("reasoning_tokens", "thoughtsTokenCount", "thinking_tokens", "reasoning")
PROMPT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
COMPLETION_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")
AUDIO = ("audio_tokens", "audio")
BESIDE = ("cache_read_input_tokens", "cache_creation_input_tokens", "cacheReadInputTokens", "cacheWriteInputTokens")
"""Anthropic's and Bedrock's names: there the prompt is counted without what a cache gave or took."""

LONGEST_USAGE = 20_000
"""Characters that are kept of what a provider said about a reply."""

PLAIN = frozenset(("prompt_tokens", "completion_tokens", "total_tokens"))


class Usage(NamedTuple):
    """Tokens of one reply, and all that the provider said about it as JSON."""

    counts: UsedTokens
    detail: str | None

    @property
    def tells_tokens(self) -> bool:
        """Whether any were counted: then the reply was billed."""
        return bool(self.counts.prompt_tokens or self.counts.completion_tokens)


def usage_of(usage: Any) -> Usage:
    """Read the `usage` of a reply, of any shape.

    >>> usage_of({"input_tokens": "7", "output_tokens": 3.0}).detail
    '{"input_tokens":"7","output_tokens":3.0}'
    >>> usage_of("free of charge").detail
    """
    if not isinstance(usage, Mapping) or not usage:
        return Usage(UsedTokens(), None)
    detail = json_cell(usage)
    return Usage(counts_of(usage), detail if len(detail) <= LONGEST_USAGE else None)


def counts_of(usage: Mapping[str, Any]) -> UsedTokens:
    """Read a usage of any shape.

    >>> counts_of({"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 64}})
    ... # doctest: +ELLIPSIS
    UsedTokens(prompt_tokens=100, completion_tokens=9, cached_tokens=64, ...)
    >>> counts_of({"input_tokens": 36, "output_tokens": 9, "cache_read_input_tokens": 64})  # doctest: +ELLIPSIS
    UsedTokens(prompt_tokens=100, completion_tokens=9, cached_tokens=64, ...)
    """
    prompt, completion = _first(usage, PROMPT), _first(usage, COMPLETION)
    total = _first(usage, TOTAL)
    if usage.keys() <= PLAIN and total == (prompt or 0) + (completion or 0):  # most servers, and nothing else to read
        return UsedTokens(prompt, completion)
    of_prompt, of_completion = _details(usage, PROMPT_DETAILS), _details(usage, COMPLETION_DETAILS)
    cached = _told(_first(of_prompt, CACHED), _first(usage, CACHED))
    written = _told(_first(of_prompt, WRITTEN), _first(usage, WRITTEN))
    reasoning = _told(_first(of_completion, REASONING), _first(usage, REASONING))
    cache = (cached or 0) + (written or 0)
    if prompt is not None and _is_cache_beside(usage, prompt, completion, cache, total):
        prompt = whole_number(prompt + cache)
    if completion is not None and reasoning and _are_thoughts_beside(usage, prompt, completion, reasoning, total):
        completion = whole_number(completion + reasoning)
    elif reasoning is None and not cache and (untold := _untold(prompt, completion, total)):
        reasoning, completion = untold, whole_number((completion or 0) + untold)
    return UsedTokens(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=reasoning,
        audio_prompt_tokens=_first(of_prompt, AUDIO),
        image_prompt_tokens=_told(_first(of_prompt, ("image_tokens",)), _of_modality(usage, "IMAGE")),
        audio_completion_tokens=_first(of_completion, AUDIO),
    )


def _is_cache_beside(
    usage: Mapping[str, Any], prompt: int, completion: int | None, cache: int, total: int | None
) -> bool:
    """Whether what was cached is counted beside the prompt, and not within it."""
    if not cache:
        return False
    if cache > prompt:  # it can't be within
        return True
    if total is not None and completion is not None and total in (prompt + completion, prompt + completion + cache):
        return total == prompt + completion + cache
    return not any(name in usage for name in ("prompt_tokens", "promptTokenCount")) and any(
        name in usage for name in BESIDE
    )


def _are_thoughts_beside(
    usage: Mapping[str, Any], prompt: int | None, completion: int, reasoning: int, total: int | None
) -> bool:
    """Whether thoughts are counted beside what was generated, as the total or the name tells."""
    if total:
        return total == (prompt or 0) + completion + reasoning
    return reasoning > completion or "thoughtsTokenCount" in usage


def _untold(prompt: int | None, completion: int | None, total: int | None) -> int:
    """Tokens in the total alone: Gemini, behind OpenAI's names, counts thoughts only there."""
    if prompt is None or completion is None or total is None:
        return 0
    return max(0, total - prompt - completion)


def _of_modality(usage: Mapping[str, Any], modality: str) -> int | None:
    """Gemini's own way to tell what a prompt was made of: a list, an entry for each kind."""
    entries = usage.get("promptTokensDetails")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get("modality") == modality:
            return whole_number(entry.get("tokenCount"))
    return None


def _details(usage: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, Any]:
    for name in names:
        if isinstance(usage.get(name), Mapping):
            details: Mapping[str, Any] = usage[name]
            return details
    return {}


def _told(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)


def _first(usage: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        if name in usage and (count := whole_number(usage[name])) is not None:
            return count
    return None
