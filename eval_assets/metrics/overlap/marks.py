"""Marks that a tokenizer would erase and that change what a text means: signs, decimal marks, `C++`, the letter A.

They become letters before a text is split, so that every tokenizer keeps them where they stand.
"""

import re
from fractions import Fraction

from eval_assets.metrics.answers.numerals import numeral

_LETTERS = dict(zip("-./:,^'%+<=>#", "𐘀𐘁𐘂𐘃𐘄𐘅𐘆𐘇𐘈𐘉𐘊𐘋𐘌", strict=True))
"""Each mark → a letter of Linear A, which no answer is written in."""
_NAME = "𐘍"
"""Such a letter, which makes a name of what looks like an article."""

_DASH = re.compile(r"[\u2010-\u2013\u2212](?=[.,$€£¥]?\d)")
_NUMERAL = re.compile(r"\d(?<![\w.,]\d)\d*(?:[.,'’]\d+)+(?![.,'’]?\w)")
_MAY_HAVE_MARKS = re.compile(r"[-+<=>#\u2010-\u2013\u2212]|[./:,^'’]\d")
# Both patterns begin with the characters they are about, which are found fast; what has to stand before follows.
_NO_ARTICLE = re.compile(r"[aAtT](?<!\w[aAtT])(?:(?<=[aA])[nN]?|(?<=[tT])[hH][eE])(?=[^\w\s]*$|[^\w\s]+\s)")  # A, B
_MEANT = re.compile(
    r"[-./:,^'+<=>#\u2212](?:"
    r"(?<=\d[-./:,^'])(?=\d)"  # between two digits
    r"|(?<=-)(?<![\w)\]%-]-)(?=[$€£¥]?[.,]?\d)"  # the sign of a number
    r"|(?<=[.,])(?<![\w.,][.,])(?=\d)"  # a decimal mark without a digit before it
    r"|(?<=\d[eE]-)(?=\d)"  # the sign of an exponent
    r"|(?<=\w\+)\+*|(?<=\w \+)(?=[ ])"  # C++, a + b, but no sign and no bullet
    r"|(?<=\w[<=>])[<=>]?(?=[\w-])|(?<=\w [<=>])[<=>]?(?= ?[\w-])"
    r"|(?<=[<>])(?<!\S[<>])=?(?=[$€£¥]?-?[.,]?\d)"  # more or less than a number
    r"|(?<=[^\W\d_]\#)\#*"  # C#
    r"|(?<=\b[^\W\d_][-\u2212])(?![\w-])|(?<=\b[^\W\d_]{2}[-\u2212])(?![\w-])"  # the grade A-, the ion Cl-
    r")"
)


def with_marks_kept(text: str) -> str:
    """Write the marks of a text that mean something as letters; groups of thousands are closed up.

    >>> with_marks_kept("1,234 or 1,5?") == "1234 or 1" + _LETTERS["."] + "5?"
    True
    """
    if _MAY_HAVE_MARKS.search(text):
        text = _NUMERAL.sub(_spelled, _DASH.sub("-", text))
        text = _MEANT.sub(lambda found: "".join(map(_letter, found[0])), text)
    return _NO_ARTICLE.sub(rf"\g<0>{_NAME}", text)


def _letter(mark: str) -> str:
    return _LETTERS["-" if mark == "−" else mark]


def _spelled(found: re.Match[str]) -> str:
    """Write a numeral with a point for its decimal mark and without groups; one that can't be read as it stands."""
    value = numeral(found[0])
    if value is None:
        return found[0]
    n_decimals = len(re.split(r"[.,]", found[0])[-1]) if not _is_whole(found[0], value) else 0
    digits = re.sub(r"\D", "", found[0])
    return f"{digits[:-n_decimals]}.{digits[-n_decimals:]}" if n_decimals else digits


def _is_whole(text: str, value: Fraction) -> bool:
    """Whether all marks of a numeral group thousands."""
    return value == int(re.sub(r"\D", "", text))
