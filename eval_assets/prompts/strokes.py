"""What a single operator, method or filter of a template would make, known before it is made."""

import re
from collections.abc import Mapping, Sequence, Sized
from typing import Any

MAX_LENGTH = 1_000_000
"""Characters or items that one of them may make out of little."""
MAX_RESULT = 10_000_000
"""Characters that one may make out of long texts."""
MAX_BITS = 100_000
MAX_WIDTH = 1_000
"""Indentation, width or items of a batch that a filter is asked for."""
WIDE = re.compile(r"\d{6}")
WIDTH = re.compile(r"%[^a-zA-Z%]*(\d{6}|\*)")
BOUNDED_FILTERS = ("center", "indent", "batch", "slice", "tojson", "replace", "join", "format")
PADDING = ("center", "ljust", "rjust", "zfill", "expandtabs")


def refuse_huge_operator(operator: str, left: Any, right: Any) -> None:
    """Refuse an operator that would make a huge text, list or number.

    Raises:
        OverflowError: It would.

    >>> refuse_huge_operator("*", 3, 4)
    >>> refuse_huge_operator("*", "ab", 10**9)
    Traceback (most recent call last):
    OverflowError: 'ab' * 1000000000 is too large
    """
    if _is_huge(operator, left, right):
        raise OverflowError(f"{left!r:.40} {operator} {right!r:.40} is too large")


def refuse_huge_call(called: Any, arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Refuse a method of a text that would make a huge one.

    Raises:
        OverflowError: It would.

    >>> refuse_huge_call("a".center, [10**9], {})
    Traceback (most recent call last):
    OverflowError: 'a'.center(…) is too large
    """
    text, name = getattr(called, "__self__", None), getattr(called, "__name__", "")
    called_of = getattr(called, "__wrapped__", None)  # `format` comes wrapped by the sandbox
    if called_of is not None and isinstance(getattr(called_of, "__self__", None), str):
        text = called_of.__self__
    if not isinstance(text, str):
        return
    values = [*arguments, *named.values()]
    if name in PADDING:
        n = text.count("\t") if name == "expandtabs" else 1
        is_huge = any(isinstance(value, int) and value * n > MAX_LENGTH for value in values)
    elif name in ("format", "format_map"):
        # A width stands after the colon, as digits or as a field of its own.
        is_huge = any(WIDE.search(spec) or "{" in spec for spec in re.findall(r":([^}]*)", text))
    else:
        is_huge = _replaced_or_joined(name, text, values) > MAX_RESULT
    if is_huge:
        raise OverflowError(f"{text!r:.40}.{name}(…) is too large")


def refuse_huge_filter(name: str, arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Refuse a filter that would make a huge text or list; arguments as jinja hands them over, its own first.

    Raises:
        OverflowError: It would.
    """
    values = [*arguments, *named.values()]
    if name == "replace":
        texts = [value for value in values if isinstance(value, str)]
        is_huge = _replaced_or_joined(name, texts[0] if texts else "", texts[1:]) > MAX_RESULT
    elif name == "join":
        lists, texts = [v for v in values if isinstance(v, list | tuple)], [v for v in values if isinstance(v, str)]
        is_huge = bool(lists and texts) and len(lists[0]) * len(texts[-1]) > MAX_RESULT
    elif name == "format":
        is_huge = any(isinstance(value, str) and WIDTH.search(value) for value in values)
    else:
        is_huge = any(isinstance(value, int) and value > MAX_WIDTH for value in values)
    if is_huge:
        raise OverflowError(f"what the filter {name!r} would make is too large")


def _replaced_or_joined(name: str, text: str, values: Sequence[Any]) -> int:
    """Characters that `replace` and `join` of a text make; 0 for other methods."""
    if name == "replace" and len(values) > 1 and isinstance(values[0], str) and isinstance(values[1], str):
        return len(text) + text.count(values[0]) * len(values[1])
    if name == "join" and values and isinstance(values[0], Sized):
        return len(text) * len(values[0])
    return 0


def _is_huge(operator: str, left: Any, right: Any) -> bool:
    """Whether an operator would make a huge text, list or number.

    >>> _is_huge("*", "ab", 10**9), _is_huge("**", 10, 10**6), _is_huge("*", 3, 4), _is_huge("+", "a", "b")
    (True, True, False, False)
    """
    if operator == "+":
        return isinstance(left, Sized) and isinstance(right, Sized) and len(left) + len(right) > MAX_RESULT
    if operator == "%":
        return isinstance(left, str) and bool(WIDTH.search(left))
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
        return bits > MAX_BITS
    if isinstance(left, Sized) and isinstance(right, int):
        return len(left) * right > MAX_LENGTH
    return isinstance(left, int) and isinstance(right, Sized) and len(right) * left > MAX_LENGTH
