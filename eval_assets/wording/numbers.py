"""Numbers as a person writes them: scores, money, durations, shares, counts. Unknown is `-`."""

from decimal import Decimal
from math import floor, isfinite, log10

ABSENT = "-"
ZERO = 1e-9  # whatever is smaller is left over from rounding

_CENT = 0.01
_TOO_LONG = 1e15  # to write out, as are the zeros of what is below 1 / 1e15
_CHOSEN_DIGITS = 12  # more come of arithmetic
_WHOLE = 10  # from here on a speed needs no decimals
_MINUTE, _HOUR = 60, 3600
_SECONDS_UP_TO = 600


def number_text(
    value: float | None, *, within: tuple[float | None, float | None] | None = None, sign: bool = False
) -> str:
    """Write a number: three digits that matter, or as many as its interval allows, and no exponent where a person
    would write none.

    Args:
        value: A score, mean or difference; null is unknown.
        within: Ends of its interval: digits that it leaves in doubt are left out, and neighbours line up.
        sign: Whether a plus is written.

    >>> [number_text(value) for value in (0.85, 0.0236, 1234.5, 0.00001234, -7.6e-13, 1e200, None)]
    ['0.85', '0.0236', '1,234', '0.0000123', '0', '1.0e200', '-']
    >>> number_text(0.3041, within=(0.209, 0.398)), number_text(0.9, within=(0.897, 0.903)), number_text(0.2, sign=True)
    ('0.30', '0.900', '+0.2')
    """
    if value is None or not isfinite(value):
        return ABSENT
    decimals = None if within is None else _decimals_within(value, *within)
    if decimals is None or abs(value) >= _TOO_LONG:
        return _brief(value, sign=sign)
    shown = 0.0 if abs(value) < ZERO else value
    text = f"{shown:{'+' if sign and shown else ''},.{decimals}f}"
    return text if float(text.replace(",", "")) or not shown else significant_text(value, 1, sign=sign)


def _brief(value: float, *, sign: bool) -> str:
    if abs(value) < ZERO:
        return "+0" if sign else "0"
    if abs(value) >= _TOO_LONG:
        return significant_text(value, 2, sign=sign)
    text = f"{value:{'+' if sign else ''}.3g}"
    if abs(value) >= 1:
        return significant_text(value, 3, sign=sign) if "e" in text or abs(value) >= 1000 else text  # noqa: PLR2004
    return significant_text(value, 3, sign=sign).rstrip("0") if "e" in text else text


def _decimals_within(value: float, low: float | None, high: float | None) -> int | None:
    """Decimals that an interval allows, two digits of its width, at most three of the number; null without a width."""
    if low is None or high is None or not ZERO < high - low < _TOO_LONG:
        return None
    of_width = 1 - floor(log10(high - low))
    largest = max(abs(value), abs(low), abs(high))
    return max(0, min(of_width, 2 - floor(log10(largest))))


def significant_text(value: float, digits: int, *, sign: bool = False) -> str:
    """Write a number with so many digits that matter, without an exponent below 10^15 and never a whole digit less.

    >>> [significant_text(value, 2) for value in (140.2, 99.6, 0.123, 0.0000123, 0.0)]
    ['140', '100', '0.12', '0.000012', '0']
    """
    plus = "+" if sign else ""
    if not isfinite(value):
        return ABSENT
    if value == 0:
        return f"{0:{plus}d}"
    if not 1 / _TOO_LONG < abs(value) < _TOO_LONG:
        return f"{value:{plus}.1e}".replace("e+", "e")
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - floor(log10(abs(rounded))))
    return f"{value:{plus},.{decimals}f}"


def plain_number(value: float) -> str:
    """Write a number that somebody chose, such as a threshold, as they would have: all its digits, no exponent.

    >>> [plain_number(value) for value in (0.05, 5.0, 0.00001, 2500.0, 1234560.5, 0.1 + 0.2)]
    ['0.05', '5', '0.00001', '2,500', '1,234,560.5', '0.3']
    """
    if not isfinite(value) or (value and not 1 / _TOO_LONG < abs(value) < _TOO_LONG):
        return significant_text(value, 2)
    if value == int(value):
        return f"{int(value):,}"
    chosen = Decimal(repr(float(value)))
    return f"{chosen if len(chosen.as_tuple().digits) <= _CHOSEN_DIGITS else Decimal(f'{value:.6g}'):,f}"


def interval_text(low: float | None, high: float | None) -> str:
    """Write an interval; `-` where there is none.

    >>> interval_text(0.38, 0.4449), interval_text(0.2, 0.2)
    ('[0.380, 0.445]', '[0.2, 0.2]')
    """
    if low is None or high is None:
        return ABSENT
    return f"[{number_text(low, within=(low, high))}, {number_text(high, within=(low, high))}]"


def money_text(dollars: float | None) -> str:
    """Write an amount with the digits that matter; `-` where no price is known.

    >>> [money_text(value) for value in (0.0, 0.0000042, 0.5, 12.345, None)]
    ['$0', '$0.0000042', '$0.50', '$12.35', '-']
    """
    if dollars is None or not isfinite(dollars):
        return ABSENT
    if abs(dollars) < ZERO:
        return "$0"
    minus, amount = "-" if dollars < 0 else "", abs(dollars)
    return f"{minus}${amount:,.2f}" if _CENT <= amount < _TOO_LONG else f"{minus}${significant_text(amount, 2)}"


def seconds_text(seconds: float | None) -> str:
    """Write a duration.

    >>> [seconds_text(value) for value in (0.0004, 0.14, 12.3, 431.0, 9000.0, None)]
    ['0.4 ms', '140 ms', '12.3 s', '431 s', '2 h 30 min', '-']
    """
    if seconds is None or not isfinite(1000 * seconds):
        return ABSENT
    if seconds >= _SECONDS_UP_TO:
        minutes = round(seconds / _MINUTE)
        return f"{minutes} min" if seconds < _HOUR else f"{minutes // _MINUTE:,} h {minutes % _MINUTE} min"
    return _in_unit(seconds, *_unit_of(seconds), digits=3)


def latency_text(*seconds: float | None) -> str:
    """Write durations that belong together, in the unit of the longest.

    >>> latency_text(0.14, 0.2), latency_text(0.25, 1.0, 12.34), latency_text(0.0004, 0.0009), latency_text(None, None)
    ('140/200 ms', '0.25/1/12 s', '0.4/0.9 ms', '-')
    """
    known = [value for value in seconds if value is not None and isfinite(1000 * value)]
    if not known:
        return ABSENT
    factor, unit = _unit_of(max(known))
    written = (ABSENT if value not in known else _in_unit(value, factor, "", digits=2) for value in seconds)
    return f"{'/'.join(written)} {unit}"


def share_text(share: float | None) -> str:
    """Write a share in percent; nothing but none is 0 %, nothing but all is 100 %.

    >>> [share_text(share) for share in (1 / 3, 0.0, 1.0, 0.004, 0.9996, 0.00001, None)]
    ['33 %', '0 %', '100 %', '0.4 %', '>99.9 %', '<0.1 %', '-']
    """
    if share is None or not isfinite(100 * share):
        return ABSENT
    for decimals in (0, 1):
        text = f"{100 * share:.{decimals}f}"
        if float(text) not in (0, 100) or abs(share - float(text) / 100) < ZERO:
            return f"{text.removeprefix('-') if float(text) == 0 else text} %"
    return "<0.1 %" if share < 0.5 else ">99.9 %"  # noqa: PLR2004 - whichever end is near


def shares_text(low: float | None, high: float | None) -> str:
    """Write an interval of shares; `-` where there is none.

    >>> shares_text(0.25, 0.5)
    '[25 %, 50 %]'
    """
    return ABSENT if low is None or high is None else f"[{share_text(low)}, {share_text(high)}]"


def points_text(difference: float | None, *, unit: str = " points", sign: bool = True) -> str:
    """Write a difference of shares in points of 0.01; one that is there is never written as zero.

    >>> points_text(0.125), points_text(-0.0004), points_text(-7.6e-13), points_text(0.05, sign=False)
    ('+12.5 points', '-0.04 points', '0.0 points', '5.0 points')
    """
    if difference is None or not isfinite(100 * difference):
        return ABSENT
    if abs(difference) < ZERO:
        return f"0.0{unit}"
    text = f"{100 * difference:{'+' if sign else ''},.1f}"
    return f"{text if float(text.replace(',', '')) else significant_text(100 * difference, 1, sign=sign)}{unit}"


def confidence_text(confidence: float) -> str:
    """Write a confidence as it was chosen.

    >>> confidence_text(0.95), confidence_text(0.999)
    ('95%', '99.9%')
    """
    return f"{plain_number(100 * confidence)}%"


def speed_text(per_second: float | None) -> str:
    """Write tokens per second.

    >>> [speed_text(value) for value in (1234.4, 12.34, 0.5, None)]
    ['1,234', '12', '0.5', '-']
    """
    if per_second is None or not isfinite(per_second):
        return ABSENT
    return f"{per_second:,.0f}" if _WHOLE <= per_second < _TOO_LONG else significant_text(per_second, 1)


def bytes_text(n_bytes: int) -> str:
    """A size in the largest decimal unit that leaves a whole number before the point.

    >>> bytes_text(0), bytes_text(999), bytes_text(1_500), bytes_text(2_340_000_000)
    ('0 B', '999 B', '1.5 kB', '2.3 GB')
    """
    size, units = float(n_bytes), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:  # noqa: PLR2004  decimal units
        size, units = size / 1000, units[1:]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def count_text(count: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun.

    >>> count_text(1, "example"), count_text(1200, "reply", "replies"), count_text(0, "row")
    ('1 example', '1,200 replies', '0 rows')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def _unit_of(longest: float) -> tuple[int, str]:
    return (1, "s") if longest >= 1 else (1000, "ms")


def _in_unit(seconds: float, factor: int, unit: str, *, digits: int) -> str:
    text = significant_text(factor * seconds, digits)
    shortest = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{shortest} {unit}".rstrip()
