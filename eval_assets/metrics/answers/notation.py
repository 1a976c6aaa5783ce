r"""How numbers are written: digits, signs and fractions of any script and of LaTeX, brought to one notation.

What they stand for is in `stated_numbers`.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache

SCALES = {
    **dict.fromkeys(("hundred",), 10**2),
    **dict.fromkeys(("dozen",), 12),
    **dict.fromkeys(("k", "thousand", "tausend", "mille", "mila", "duizend", "tusen", "ribu", "nghìn", "ngàn"), 10**3),
    **dict.fromkeys(("тысяча", "тысячи", "тысяч", "тыс", "tysiąc", "tysiące", "tysięcy", "tys"), 10**3),
    **dict.fromkeys(("हज़ार", "हजार", "ألف", "آلاف"), 10**3),
    **dict.fromkeys(("lakh", "lakhs", "लाख"), 10**5),
    **dict.fromkeys(("million", "millions", "millionen", "millón", "millones", "mio", "mn", "mln"), 10**6),
    **dict.fromkeys(("milhão", "milhões", "milione", "milioni", "milion", "miliony", "milionów"), 10**6),
    **dict.fromkeys(("miljoen", "miljon", "miljoner", "milyon", "juta", "triệu"), 10**6),
    **dict.fromkeys(("миллион", "миллиона", "миллионов", "млн", "مليون", "ملايين"), 10**6),
    **dict.fromkeys(("crore", "crores", "करोड़"), 10**7),
    **dict.fromkeys(("billion", "billions", "bn", "milliarde", "milliarden", "milliard", "milliards", "mrd"), 10**9),
    **dict.fromkeys(("miliardo", "miliardi", "miliard", "miliardy", "miliardów", "mld", "miliar"), 10**9),
    **dict.fromkeys(("miljard", "miljarder", "milyar", "bilhão", "bilhões", "tỷ"), 10**9),
    **dict.fromkeys(("миллиард", "миллиарда", "миллиардов", "млрд", "مليار", "अरब"), 10**9),
    **dict.fromkeys(("trillion", "trillions", "триллион", "триллиона", "триллионов", "трлн"), 10**12),
}
"""Words after a number that multiply it; none that multiply otherwise in another language, such as `mil`."""

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
    (re.compile(r"\{([,.])\}"), r"\1"),
    (re.compile(r"\\[,;: ]"), " "),
    (re.compile(r"\\([%$#&])"), r"\1"),
    (re.compile(r"\^\{\s*(-?\d+)\s*\}"), r"^\1"),
)
_UNITS_OF_ONE_QUANTITY = (
    (
        r"years?|yrs?",
        r"months?|mos?",
        r"weeks?|wks?",
        r"days?|d",
        r"hours?|hrs?|h",
        r"minutes?|mins?|m",
        r"seconds?|secs?|s",
    ),
    (r"Jahre?n?", r"Monate?n?", r"Wochen?", r"Tage?n?", r"Stunden?|Std\.?", r"Minuten?|Min\.?", r"Sekunden?|Sek\.?"),
    (r"miles?|mi", r"yards?|yd", r"feet|foot|ft", r"inches|inch|in"),
    (r"km", r"m", r"cm", r"mm"),
    (r"stones?|st", r"pounds?|lbs?", r"ounces?|oz"),
    (r"kg", r"g", r"mg"),
    (r"dollars?|euros?|pounds?", r"cents?|pence"),
    (r"°|degrees?", r"minutes?|′|'", r"seconds?|″|\""),
)
"""Units that stand beside each other in one quantity, as in `2 h 30 min`, the largest first."""

_COMPOUND = "|".join(
    rf"(?:{larger})(?![^\W\d_])(?=(?:,? and|,| und)? *\d[\d.]* *(?:{'|'.join(units[place:])})(?![^\W\d_]))"
    for units in _UNITS_OF_ONE_QUANTITY
    for place, larger in enumerate(units[:-1], 1)
)
_Replacement = str | Callable[[re.Match[str]], str]
_TWO_NUMBERS = re.compile(r"\d\D+\d")
_BETWEEN_TWO: tuple[tuple[re.Pattern[str], _Replacement], ...] = (
    (re.compile(r"(?<![^\W_])(?<![.,/'])(\d{1,3}(?: \d{3})+)(?![\d/])"), lambda found: found[1].replace(" ", GROUP)),
    (re.compile(r"(?<![\d.,/])(\d+) +(\d+/\d+)(?![\d/])"), rf"\1{AND}\2"),
    (re.compile(r"(?<=\d) (?:plus|minus|times|divided by) (?=[-+]?\d)", re.IGNORECASE), "+"),  # whichever: not added up
    (re.compile(rf"(?<=\d) *({_COMPOUND})(?:,? and|,| und)? *", re.IGNORECASE), r"\1+"),  # not added up either
    (re.compile(r"(?<=\d) out of (?=\d)", re.IGNORECASE), "/"),
    (
        re.compile(
            r"\bbetween (\S{0,40}\d) and (?=\S?\d)|(?<!from )(?<![^\s(])(\$?\d\S{0,40}) to (?=\S?\d)", re.IGNORECASE
        ),
        r"\1\2±",
    ),
    (re.compile(r"(?<=\d)[ \t]*(?:[x×](?=[ \t]*\d)|(\+/-|[*/^·÷±+-]))[ \t]*(?=\d)"), lambda found: found[1] or "×"),
)
_TOGETHER: tuple[tuple[re.Pattern[str], _Replacement], ...] = (
    (re.compile(r"\b(?:minus|negative) (?=[$\d])", re.IGNORECASE), "-"),
    (
        re.compile(rf"(\d)((?:(?: +|-)(?:{SCALE})(?!\w))+)", re.IGNORECASE),
        lambda found: found[1] + re.sub("[ -]", "", found[2]),
    ),
    (re.compile(r"(\$[-+]?[\d.,]*\d) (?=[mbt]\b)"), r"\1"),
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
    for pattern, together in (*_BETWEEN_TWO, *_TOGETHER) if _TWO_NUMBERS.search(line) else _TOGETHER:
        line = pattern.sub(together, line)
    return line


def _in_ascii(text: str) -> str:
    if text.isascii():
        return text
    text = re.sub(r"[^\x00-\x7f]+", lambda found: "".join(map(_ascii_of, found[0])), text)
    text = re.sub(r"(?<![^\s(=$])([-+]) (?=\d+/\d+ )", r"\1", text)  # of a fraction in one sign
    return re.sub(r"(?<=\^)([-+]?\d*)((?:\^\d)+)", lambda found: found[1] + found[2].replace("^", ""), text)


_ASCII = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"),
    **dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " "),
    **dict.fromkeys("\u2044\u2215", "/"),
    **dict.fromkeys("\u2715\u2a2f", "×"),
    **dict.fromkeys("\uff0c\u060c", ", "),
    "\u22c5": "·",
    "\u2019": "'",
    **dict.fromkeys("\u200b\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\ufeff\u061c", ""),
    "\u03bc": "µ",
}


_MARKS = {"<super>": "^", "<sub>": "_"}


@cache
def _ascii_of(sign: str) -> str:
    """A character as it is written in ASCII, if it belongs to numbers; any other as it stands."""
    kind = unicodedata.category(sign)
    folded = unicodedata.normalize("NFKC", sign).replace("\u2212", "-").replace("\u2044", "/")
    raised = unicodedata.decomposition(sign).partition(" ")[0] if folded in set("0123456789+-") else ""
    if sign in _ASCII:
        written = _ASCII[sign]
    elif kind in {"Nd", "Sc"}:
        written = str(unicodedata.decimal(sign)) if kind == "Nd" else "$"
    elif raised in _MARKS:
        written = _MARKS[raised] + folded
    elif kind == "No":  # a fraction, or a number in a circle
        written = f" {folded} "
    else:
        written = folded if "\uff01" <= sign <= "\uff5e" else sign
    return written
