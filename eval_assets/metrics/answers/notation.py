r"""How numbers are written: digits, signs and fractions of any script and of LaTeX, brought to one notation.

What they stand for is in `numbers`.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache

SCALES = {
    **dict.fromkeys(("hundred",), 10**2),
    **dict.fromkeys(("dozen",), 12),
    **dict.fromkeys(("k", "thousand", "tausend"), 10**3),
    **dict.fromkeys(("lakh", "lakhs"), 10**5),
    **dict.fromkeys(("million", "millions", "millionen", "millones", "mio", "mn"), 10**6),
    **dict.fromkeys(("crore", "crores"), 10**7),
    **dict.fromkeys(("billion", "billions", "bn", "milliarde", "milliarden", "milliards", "mrd"), 10**9),
    **dict.fromkeys(("trillion", "trillions"), 10**12),
}
"""Words after a number that multiply it."""

SCALE = "|".join(sorted(SCALES, key=len, reverse=True))
"""Pattern of such a word."""

GROUP, AND = "\u066c", "&"
"""What stands for the space inside `1 234`, and inside `1 1/2`."""

_LATEX = (
    (re.compile(r"\\(?:text|textbf|mathrm|mathbf|operatorname)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"(?<=\w)\s*(?=\\[dt]?frac)"), " "),
    (re.compile(r"\\[dt]?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}"), r"\1/\2"),
    (re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)"), r"\1/\2"),
    (re.compile(r"\\[dt]?frac(?:\s*\{(?:[^{}]|\{[^{}]*\})*\}){2}"), " √1 "),  # of more than numbers: not to be read
    (re.compile(r"\\sqrt\s*(?:\[\d+\])?\s*\{?"), "√"),
    (re.compile(r"\\(?:times|cdot)\b\s*"), "×"),
    (re.compile(r"\\pi\b"), "π"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[,;: ]"), " "),
    (re.compile(r"\\([%$#&])"), r"\1"),
    (re.compile(r"\^\{\s*(-?\d+)\s*\}"), r"^\1"),
)
_Replacement = str | Callable[[re.Match[str]], str]
_TOGETHER: tuple[tuple[re.Pattern[str], _Replacement], ...] = (
    (re.compile(r"(?<![^\W_])(?<![.,/'])(\d{1,3}(?: \d{3})+)(?![\d/])"), lambda found: found[1].replace(" ", GROUP)),
    (re.compile(r"(?<![\d.,/])(\d+) +(\d+/\d+)(?![\d/])"), rf"\1{AND}\2"),
    (re.compile(r"(?<=\d) (?:plus|minus|times|divided by) (?=[-+]?\d)", re.IGNORECASE), "+"),  # whichever: not added up
    (re.compile(r"\b(?:minus|negative) (?=[$\d])", re.IGNORECASE), "-"),
    (re.compile(r"(?<=\d)[ \t]*(?:[x×](?=[ \t]*\d)|([*/^·÷+-]))[ \t]*(?=\d)"), lambda found: found[1] or "×"),
    (re.compile(rf"(\d)((?: (?:{SCALE})\b)+)", re.IGNORECASE), lambda found: found[1] + found[2].replace(" ", "")),
    (re.compile(r"(?<=\d) (?=[MB]\b)"), ""),
    (re.compile(r"(?<=\d) (?=[ap]\.?m\b)", re.IGNORECASE), ""),
    (re.compile(r"(=[ \t]*[-+])[ \t]+(?=[$\d])"), r"\1"),
    (re.compile(r"\$[ \t]+(?=[-+]?\d)"), "$"),
)


def in_one_notation(line: str) -> str:
    r"""Write the numbers of a line with ASCII digits and signs, `$` for each currency, and no space inside them.

    >>> in_one_notation("٣٫٥ or €\u00a05"), in_one_notation(r"\frac{1}{2} x² = − 2½"), in_one_notation("5 million")
    ('3٫5 or $5', '1/2 x^2 = -2&1/2 ', '5million')
    """
    line = _in_ascii(line)
    for pattern, replacement in _LATEX if "\\" in line or "{" in line else ():
        line = pattern.sub(replacement, line)
    for pattern, together in _TOGETHER:
        line = pattern.sub(together, line)
    return line


def _in_ascii(text: str) -> str:
    if text.isascii():
        return text
    text = re.sub(r"[^\x00-\x7f]+", lambda found: "".join(map(_ascii_of, found[0])), text)
    return re.sub(r"(?<=\^)([-+]?\d*)((?:\^\d)+)", lambda found: found[1] + found[2].replace("^", ""), text)


_ASCII = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"),
    **dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " "),
    **dict.fromkeys("\u2044\u2215", "/"),
    **dict.fromkeys("\u2715\u2a2f", "×"),
    **dict.fromkeys("\uff0c\u060c", ", "),
    "\u22c5": "·",
    "\u2019": "'",
    "\u03bc": "µ",
}


@cache
def _ascii_of(sign: str) -> str:
    """A character as it is written in ASCII, if it belongs to numbers; any other as it stands."""
    kind = unicodedata.category(sign)
    folded = unicodedata.normalize("NFKC", sign).replace("\u2212", "-").replace("\u2044", "/")
    is_power = unicodedata.decomposition(sign).startswith("<super>") and folded in "0123456789+-"
    if sign in _ASCII:
        written = _ASCII[sign]
    elif kind in {"Nd", "Sc"}:
        written = str(unicodedata.decimal(sign)) if kind == "Nd" else "$"
    elif is_power:
        written = f"^{folded}"
    elif kind == "No":  # a fraction, or a number in a circle
        written = f" {folded} "
    else:
        written = folded if "\uff01" <= sign <= "\uff5e" else sign
    return written
