r"""The one reader of numbers in texts: what stands for exactly one number is read, anything else is told apart from it.

Read are signs, thousands groups, decimal points and commas, fractions (`3/4`, `1 1/2`, `\frac{3}{4}`), powers
(`1e3`, `1.5×10^5`), scales (`5 million`, `3k`, `2万`), times of day, digits of any script. Currency, percent signs and
units don't matter. Digits inside a word (`H2O`, `km2`, `COVID-19`) are no number. Ranges, dates, versions, ratios,
roots and sums that nobody added up stand for no single number and are not guessed at.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from eval_assets.metrics.answers.notation import AND, GROUP, SCALE, SCALES, in_one_notation
from eval_assets.metrics.answers.numerals import MOST_DIGITS, NUMERAL, numeral, power


class Quantity(NamedTuple):
    """What the last number of a text is.

    Args:
        value: The number, or the seconds since midnight of a time; None where the text stands for no single number.
        text: How it is written.
        is_time: It is a time of day.
    """

    value: Fraction | None
    text: str
    is_time: bool = False


_UNSPACED_SCALES = {"百": 10**2, "千": 10**3, "万": 10**4, "萬": 10**4, "億": 10**8, "亿": 10**8, "兆": 10**12}
_UNSPACED_SCALES |= {"천": 10**3, "만": 10**4, "억": 10**8, "조": 10**12}
_MONEY_SCALES = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_CURRENCY_CODE = re.compile(
    r".*?\b(?:USD|EUR|GBP|JPY|CHF|INR|CNY|RMB|AUD|CAD|NZD|SGD|HKD|SEK|NOK|DKK|PLN|CZK|HUF|TRY|BRL|MXN|ZAR|KRW|RUB|IDR"
    r"|US|CA|AU|Rs|Rp|RM|Fr|kr)\.?"
)
_COUNTRY = re.compile(r".*?\b[A-Z]{1,3}")
"""What stands before the `$` of `A$5`."""

_APART = re.compile(
    r"[\s=<>()\[\]{}\"“”„«»「」『』;|!?—…、。]|(?<=[^\d\s])[:,]|(?<!\d):|[:,](?!\d)|(?<=[^\W\d_])\.(?=\d)"
)
_START = re.compile(r"(?P<sign>[-+]?)(?P<money>\$?)(?P<sign_after>[-+]?)(?=[.,\u066b]?\d)")
_TIME = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?(?:([ap])\.?m\b\.?)?", re.IGNORECASE)
_TIME_WITH_POINT = re.compile(r"(\d{1,2})\.([0-5]\d)()([ap])\.?m\b\.?", re.IGNORECASE)
_HOUR = re.compile(r"(\d{1,2})()()([ap])\.?m\b\.?", re.IGNORECASE)
_FRACTION = re.compile(rf"(?:(\d+){AND})?(\d+)/(\d+)")
_POWER = re.compile(rf"(?:({NUMERAL})[×*·])?({NUMERAL})(?:\^|\*\*)([-+]?\d+)")
_PLAIN = re.compile(rf"({NUMERAL})(?:[eE]([-+]?\d+)(?!\d))?")
_SCALE_WORD = re.compile(rf"(?:{SCALE})(?=(?:{SCALE})*(?![^\W\d_]))", re.IGNORECASE)
_UNIT_WITH_DIGIT = re.compile(r"\s*(?:[kcdmµ]?m|ft|in|yd|mi|sec|s)\^?-?[23](?!\d)")
_NO_NUMBER_AFTER = re.compile(r"π|√|pi\b")


def last_quantity(text: str, decimal_mark: str = ".") -> Quantity | None:
    r"""Read the last number of a text, where chains of thought and `#### 18` have their answer.

    Args:
        text: Any text.
        decimal_mark: `.` or `,`: decides where a number has two readings, such as `1,234` and `1.234`.

    Returns:
        The number, with value None where what stands last can't be read as one; None when there is no number at all.

    >>> [str(last_quantity(text).value) for text in ("So 5 * 3 = 15.\n#### 1,234.50", "A: -$18.", "1 1/2 cups", "1,5")]
    ['2469/2', '-18', '3/2', '3/2']
    >>> last_quantity("from 10 to 12, that is 10-12"), last_quantity("5 km2").value, last_quantity("H2O")
    (Quantity(value=None, text='10-12', is_time=False), Fraction(5, 1), None)
    """
    for line in reversed(text.split("\n")):
        written = in_one_notation(line) if re.search(r"[^\x00-/:-\x7f]|\d", line) else ""
        for piece in reversed(_APART.split(written)):
            found = _read(piece, decimal_mark) if re.search(r"\d", piece) else None
            if found:
                return found
    return None


def _read(piece: str, decimal_mark: str) -> Quantity | None:
    """Read a piece of text that has digits and no space; None where the digits belong to a word."""
    first = re.search(r"[-+]?\$?[-+]?[.,\u066b]?\d", piece)
    start = first and _START.match(piece, first.start())
    if not start:
        return None
    written = piece.strip("*_`~'.,:#").replace(AND, " ").replace(GROUP, " ")
    before = piece[: start.start()]
    has_code = (_COUNTRY if start["money"] else _CURRENCY_CODE).fullmatch(before) is not None
    if before and not has_code and _belongs_to_a_word(before):
        return None
    at = start.end() + (before.endswith(".") and piece[start.end()] == ".")  # an ellipsis is no decimal point
    number = None if not has_code and _is_operand_after(before) else _value(piece, at, decimal_mark)
    scale = number and _scale_after(piece[number[1] :], is_money=has_code or bool(start["money"]))
    if not number or scale is None:
        return Quantity(None, written)
    value = -number[0] if (start["sign"] + start["sign_after"]).count("-") == 1 else number[0]
    return Quantity(value * scale, written, is_time=number[2])


def _belongs_to_a_word(before: str) -> bool:
    return _is_cased(before[-1]) or (before[-1] in "_-^" and _is_cased(before[-2:-1]))


def _is_operand_after(before: str) -> bool:
    """Whether what stands before a number does something to it, so that the number alone says nothing."""
    return before == "^" or before[-1:] in set("/√±≤≥≠×÷·") or (before[-1:] == "*" and before[:-1].strip("*") != "")


def _value(piece: str, at: int, decimal_mark: str) -> tuple[Fraction, int, bool] | None:
    """The number that begins at a place, without sign and scale; where it ends; whether it is a time."""
    for pattern, reader in _READERS:
        found = pattern.match(piece, at)
        if found:
            value = reader(found, decimal_mark)
            return None if value is None else (value, found.end(), reader is _time)
    return None


def _time(found: re.Match[str], _: str) -> Fraction:
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[:3])
    if found[4]:
        hours = hours % 12 + (12 if found[4] in "pP" else 0)
    return Fraction(3600 * hours + 60 * minutes + seconds)


def _fraction(found: re.Match[str], _: str) -> Fraction | None:
    if len(found[0]) > MOST_DIGITS:
        return None
    whole, above, below = (int(part or 0) for part in found.groups())
    return whole + Fraction(above, below) if below else None


def _power(found: re.Match[str], decimal_mark: str) -> Fraction | None:
    factor = numeral(found[1], decimal_mark) if found[1] else Fraction(1)
    base = numeral(found[2], decimal_mark)
    raised = None if base is None else power(base, found[3])
    return None if factor is None or raised is None else factor * raised


def _plain(found: re.Match[str], decimal_mark: str) -> Fraction | None:
    value, raised = numeral(found[1], decimal_mark), power(Fraction(10), found[2] or "0")
    return None if value is None or raised is None else value * raised


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], Fraction | None]], ...] = (
    (_TIME, _time),
    (_TIME_WITH_POINT, _time),
    (_HOUR, _time),
    (_FRACTION, _fraction),
    (_POWER, _power),
    (_PLAIN, _plain),
)


def _scale_after(rest: str, *, is_money: bool) -> int | None:
    """By what a number is multiplied by what follows it; None where what follows makes it no single number."""
    factor = 1
    while (found := _SCALE_WORD.match(rest)) and found[0] != "K":
        factor *= SCALES[found[0].lower()]
        rest = rest[found.end() :]
    while rest[:1] in _UNSPACED_SCALES:
        factor *= _UNSPACED_SCALES[rest[0]]
        rest = rest[1:]
    scale = rest[:1].upper() if is_money else rest[:1]
    if scale in _MONEY_SCALES and not rest[1:2].isalnum():
        if not is_money:
            return None  # five million, or five of a unit
        factor *= _MONEY_SCALES[scale]
        rest = rest[1:]
    if found := _UNIT_WITH_DIGIT.match(rest):
        rest = rest[found.end() :]
    return None if re.search(r"\d", rest) or _NO_NUMBER_AFTER.match(rest) else factor


def _is_cased(sign: str) -> bool:
    """Whether a character is of a script that has spaces between words and digits inside: Latin, Greek, Cyrillic."""
    return sign.lower() != sign.upper()
