"""What a reply used, in whole numbers or null: whatever a provider writes, nothing else is hashed, priced or stored."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

from eval_assets.providers.replies.content import json_cell

LARGEST = 2**63 - 1
"""What a column of whole numbers holds."""

LONGEST_USAGE = 20_000
PROMPT_NAMES = ("prompt_tokens", "input_tokens")
COMPLETION_NAMES = ("completion_tokens", "output_tokens")


class Usage(NamedTuple):
    """Tokens of one reply, and all that the provider said about it as JSON (cached tokens, reasoning tokens)."""

    prompt_tokens: int | None
    completion_tokens: int | None
    detail: str | None


def whole_number(value: Any) -> int | None:
    """A count as a whole number; null for what is none: fractions, NaN, negative or enormous numbers, other texts.

    >>> [whole_number(value) for value in (10, 10.0, "12", 2.25, "a dozen", -1, float("nan"), 2**63, True, [3])]
    [10, 10, 12, None, None, None, None, None, None, None]
    """
    if isinstance(value, str):
        digits = re.fullmatch(r"\s*(\d{1,19})(?:\.0*)?\s*", value, re.ASCII)
        value = int(digits[1]) if digits else None
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    number: Any = value  # numpy's numbers are real ones and have no `__trunc__`
    try:
        whole = int(number)
    except (OverflowError, ValueError):  # infinite, or no number
        return None
    return whole if whole == value and 0 <= whole <= LARGEST else None


def finite_number(value: float | str | None) -> float | None:
    """A measurement, or a text that is one, as of a header; null where it is no finite number.

    >>> finite_number(0.5), finite_number("1.5"), finite_number("1e999"), finite_number("soon")
    (0.5, 1.5, None, None)
    """
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


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
