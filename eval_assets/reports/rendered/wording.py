"""How reports write numbers, and how foreign text is made harmless in Markdown. HTML is escaped by its template."""

import json
import re

ABSENT = "-"

_DECIMALS = ((10, 3), (1000, 1))  # below the limit, so many
_CENT = 0.01
_SMALL = 0.001


def number_text(value: float | None) -> str:
    """Write a score so that neighbours line up: three decimals below 10, then fewer, two digits of tiny ones.

    >>> [number_text(value) for value in (0.41234, 0.0, 0.00055, 41.26, 1234.5, None)]
    ['0.412', '0.000', '0.00055', '41.3', '1,234', '-']
    """
    if value is None:
        return ABSENT
    if 0 < abs(value) < _SMALL:
        return f"{value:.2g}"
    decimals = next((digits for limit, digits in _DECIMALS if abs(value) < limit), 0)
    return f"{value:,.{decimals}f}"


def interval_text(low: float | None, high: float | None) -> str:
    """Write an interval; `-` where there is none.

    >>> interval_text(0.38, 0.4449)
    '[0.380, 0.445]'
    """
    return ABSENT if low is None or high is None else f"[{number_text(low)}, {number_text(high)}]"


def money_text(dollars: float | None) -> str:
    """Write an amount with the digits that matter; `-` where no price is known.

    >>> [money_text(value) for value in (0.0, 0.00042, 0.5, 12.345, None)]
    ['$0', '$0.00042', '$0.50', '$12.35', '-']
    """
    if dollars is None:
        return ABSENT
    if dollars == 0:
        return "$0"
    return f"${dollars:,.2f}" if dollars >= _CENT else f"${dollars:.2g}"


def seconds_text(seconds: float | None) -> str:
    """Write a duration.

    >>> [seconds_text(value) for value in (0.0004, 0.25, 12.3, None)]
    ['0.4 ms', '250 ms', '12.3 s', '-']
    """
    if seconds is None:
        return ABSENT
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{1000 * seconds:.3g} ms"


def latency_text(*seconds: float | None) -> str:
    """Write durations that belong together, in the unit of the longest.

    >>> latency_text(0.25, 1.0, 12.34), latency_text(0.0004, 0.0009), latency_text(None, None)
    ('0.25/1/12 s', '0.4/0.9 ms', '-')
    """
    known = [value for value in seconds if value is not None]
    if not known:
        return ABSENT
    factor, unit = (1, "s") if max(known) >= 1 else (1000, "ms")
    return "/".join(ABSENT if value is None else f"{factor * value:.2g}" for value in seconds) + f" {unit}"


def share_text(share: float | None) -> str:
    """Write a share in percent.

    >>> share_text(1 / 3)
    '33 %'
    """
    return ABSENT if share is None else f"{share:.0%}".replace("%", " %")


def markdown_text(text: str) -> str:
    r"""Text that Markdown prints as it stands, in one line: no markup, no table cell ended early, no HTML.

    >>> markdown_text("a|b <i>*c*</i>")
    'a\\|b &lt;i&gt;\\*c\\*&lt;/i&gt;'
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|~])|(?<!\w)(_)|(_)(?!\w)", r"\\\g<0>", " ".join(escaped.split()))


def targets_text(targets: str | None) -> str | None:
    """Write targets for reading: a JSON list of acceptable answers becomes one line.

    >>> targets_text('["bigrams", "word pairs"]')
    'bigrams / word pairs'
    """
    if targets is None or not targets.startswith("["):
        return targets
    try:
        values = json.loads(targets)
    except ValueError:  # a text that happens to begin with a bracket
        return targets
    return " / ".join(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values)


def shortened(text: str | None, length: int) -> str:
    """Text cut to a length, with a sign where something is missing.

    >>> shortened("one two three", 8)
    'one two…'
    """
    joined = " ".join((text or "").split())
    return joined if len(joined) <= length else joined[: length - 1].rstrip() + "…"
