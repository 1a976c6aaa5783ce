"""What a reply used, in whole numbers or null: whatever a provider writes, nothing else is hashed, priced or stored."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from eval_assets.providers.replies.content import json_cell
from eval_assets.requests.foreign_values import whole_number

LONGEST_USAGE = 20_000
PROMPT_NAMES = ("prompt_tokens", "input_tokens")
COMPLETION_NAMES = ("completion_tokens", "output_tokens")


class Usage(NamedTuple):
    """Tokens of one reply, and all that the provider said about it as JSON (cached tokens, reasoning tokens)."""

    prompt_tokens: int | None
    completion_tokens: int | None
    detail: str | None


def usage_of(usage: Any) -> Usage:
    """Read the `usage` of a reply, of any shape.

    >>> usage_of({"input_tokens": "7", "output_tokens": 3.0})
    Usage(prompt_tokens=7, completion_tokens=3, detail='{"input_tokens":"7","output_tokens":3.0}')
    >>> usage_of("free of charge")
    Usage(prompt_tokens=None, completion_tokens=None, detail=None)
    """
    if not isinstance(usage, Mapping) or not usage:
        return Usage(None, None, None)
    detail = json_cell(usage)
    return Usage(
        _first(usage, PROMPT_NAMES), _first(usage, COMPLETION_NAMES), detail if len(detail) <= LONGEST_USAGE else None
    )


def _first(usage: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    found = (whole_number(usage.get(name)) for name in names)
    return next((count for count in found if count is not None), None)
