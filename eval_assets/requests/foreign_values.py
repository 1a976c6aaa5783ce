"""What others send, as a column can hold it: a count, a measurement, a text."""

import math
import re
from decimal import Decimal
from numbers import Real
from typing import Any

LARGEST = 2**63 - 1
"""What a column of whole numbers holds."""


def whole_number(value: Any) -> int | None:
    """A count as a whole number; null for what is none: fractions, NaN, negative or enormous numbers, other texts.

    >>> [whole_number(value) for value in (10, 10.0, "12", 2.25, "a dozen", -1, float("nan"), 2**63, True, [3])]
    [10, 10, 12, None, None, None, None, None, None, None]
    """
    if value is None:
        return None
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


def whole_characters(text: str) -> str:
    r"""The text with the replacement character in place of each half of a surrogate pair, such as a cut emoji leaves.

    >>> whole_characters("cut \ud83d"), whole_characters("\ud83d\ude00")
    ('cut �', '😀')
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
