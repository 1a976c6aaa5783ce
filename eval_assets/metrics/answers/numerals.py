"""Digits with marks between them to a number. Which digits of a text are one is in `stated_numbers`."""

import re
from fractions import Fraction
from functools import cache

MOST_DIGITS = 1000
"""Of a number, and the highest power of ten: beyond, no answer is meant, and arithmetic would take its time."""

NUMERAL = r"(?:\d+(?:[.,'_\u066b\u066c]\d+)*|[.,\u066b]\d+)"
"""Pattern of digits and marks, whether or not they make a number."""

_GROUPS = r"[1-9]\d{0,2}(?:%s\d{3})+"
_INDIAN_GROUPS = r"[1-9]\d?(?:,\d{2})+,\d{3}"
_ARABIC_DECIMAL_MARK = "\u066b"


def numeral(text: str, decimal_mark: str = ".") -> Fraction | None:
    """Read digits with their marks: `1,234.5`, `1.234,5`, `12,34,567`, `1'234`.

    Args:
        text: Digits and marks alone.
        decimal_mark: `.` or `,`: decides between two readings.

    Returns:
        The number; None where the marks stand for none, as in `1,2,3` or `1.2.3`.

    >>> [str(numeral(text)) for text in ("1,234", "1.234,5", "1,5", "1.234.567", "1,2,3")]
    ['1234', '2469/2', '3/2', '1234567', 'None']
    >>> str(numeral("1.234", decimal_mark=","))
    '1234'
    """
    if len(text) > MOST_DIGITS:
        return None
    found = {mark: value for mark in f".,{_ARABIC_DECIMAL_MARK}" if (value := _with_mark(text, mark)) is not None}
    return next(iter(found.values())) if len(set(found.values())) == 1 else found.get(decimal_mark)


def power(base: Fraction, exponent: str) -> Fraction | None:
    """Raise a number to a power that is written in digits; None where the result would be too long or is none.

    >>> str(power(Fraction(10), "-3")), power(Fraction(10), "999999999"), power(Fraction(0), "-1")
    ('1/1000', None, None)
    """
    digits = len(str(max(base.numerator, base.denominator)))
    if len(exponent) > len(str(MOST_DIGITS)) + 1 or abs(int(exponent)) * digits > 2 * MOST_DIGITS:
        return None
    return base ** int(exponent) if base or int(exponent) >= 0 else None


def _with_mark(text: str, mark: str) -> Fraction | None:
    """Read digits whose decimal mark is this one; None if they can't be."""
    whole, found, decimals = text.partition(mark)
    group_marks = "".join(sorted(set(whole) - set("0123456789")))
    if found and not decimals.isdecimal():
        return None
    if group_marks and not any(pattern.fullmatch(whole) for pattern in _group_patterns(group_marks, mark)):
        return None
    digits = "".join(filter(str.isdecimal, whole))
    return Fraction(int(digits + decimals), 10 ** len(decimals)) if digits or decimals else None


@cache
def _group_patterns(group_marks: str, decimal_mark: str) -> tuple[re.Pattern[str], ...]:
    """How a whole number may be grouped by a mark; not at all by the decimal mark or by two different ones."""
    if len(group_marks) != 1 or group_marks in {decimal_mark, _ARABIC_DECIMAL_MARK}:
        return ()
    patterns = [_GROUPS % re.escape(group_marks), *([_INDIAN_GROUPS] if group_marks == "," else [])]
    return tuple(map(re.compile, patterns))
