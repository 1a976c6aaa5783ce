"""One written value, read on a scale: digits of any script, "4/5", labels; `lines` and `objects` know where to look."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from eval_assets.config.scales import Scale
from eval_assets.judges.replies.verdict_words import CJK_NUMERALS, OR, OUT_OF, UNITS

PUNCTUATION = str.maketrans(
    {
        "：": ":", "．": ".", "／": "/", "＝": "=", "，": ",", "٫": ".", "−": "-", "（": "(", "）": ")", "。": ".",
        "＊": "*",        "\u00a0": " ", "\u202f": " ", "\u3000": " ", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'",
    }
)  # fmt: skip
NUMBER = r"[-+]?\d+(?:[.,]\d+)?"
VALUE = re.compile(
    rf"(?P<number>{NUMBER})(?:\s*(?:{UNITS}))?(?:\s*(?:{OUT_OF})\s*(?P<top>\d+)(?![\d.,]*\d))?(?:\s*(?:{UNITS}))?(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
ANOTHER = re.compile(rf"\s*(?:{OR})\s*[-+]?\d", re.IGNORECASE)
REASON_WORDS = r"\s+(?:because|since|weil|parce|porque)\b"
ENDS = re.compile(rf"\s*(?:$|[.,;:!)(\[\]\"'|–—…-])|{REASON_WORDS}", re.IGNORECASE)
LABEL_ENDS = re.compile(rf"\s*(?:$|[.,;:!)(\[\]\"'|–—…]|-+(?=\s|$))|{REASON_WORDS}", re.IGNORECASE)
CLOSERS = " .!,;\"'|)"
THOUSANDS = re.compile(r"\d+,\d{3}$")
SEPARATORS = " \t.,;:!|–—-)\"'"
IN_BRACKETS = re.compile(r"\((.*)\)\.?\Z", re.DOTALL)
WRAPPED = re.compile(r"\A(?:\$*\\boxed\{(.*)\}\$*|\[\[(.*)\]\]|\[(.*)\]|\"(.*)\"|'(.*)')\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StatedVerdict:
    """A place in a reply that states a verdict.

    Args:
        value: A number or a label of the scale; null if there is a problem.
        problem: What is wrong with the value.
        is_final: The reply announces it as its final verdict.
        method: Whether it stood in a JSON object or on a line of text.
        justification: The reason given beside it.
    """

    value: float | str | None
    problem: str | None
    is_final: bool
    method: Literal["json", "text"]
    justification: str | None = None


class Read(NamedTuple):
    """A value that a text begins with, and what follows it."""

    value: float | str
    rest: str = ""

    @property
    def reason(self) -> str | None:
        """What follows as a reason for the value; null if it has no words.

        >>> Read(4.0, " - one detail is missing.").reason, Read(4.0, ".").reason
        ('one detail is missing.', None)
        """
        said = self.rest.lstrip(SEPARATORS).rstrip()
        bracketed = IN_BRACKETS.fullmatch(said)
        said = bracketed[1] if bracketed and "(" not in bracketed[1] else said
        return said if re.search(r"[^\W\d_]", said) else None


def plain_text(text: str) -> str:
    """The text with ASCII digits and punctuation and without invisible characters.

    >>> plain_text("评分：４\u200b")
    '评分:4'
    """
    if text.isascii():
        return text
    kept = (char for char in text.translate(PUNCTUATION) if unicodedata.category(char) != "Cf")
    return "".join(str(unicodedata.decimal(char, char)) for char in kept)


def value_on(scale: Scale, value: Any) -> float | str:
    """A value of a JSON reply, as a number or a label of the scale.

    Raises:
        ValueError: It is not on the scale; the message says what was expected.

    >>> from eval_assets.config.scales import IntegerScale
    >>> value_on(IntegerScale(), "4/5")
    4.0
    """
    if isinstance(value, str):
        read = read_value(plain_text(value).strip(), scale, alone=True)
        found = None if read is None else read.value
    else:
        found = scale.value_in(value)
    if found is None:
        raise ValueError(f"expected {scale.wanted}, got {_brief(value)}")
    return found


def read_value(text: str, scale: Scale, *, alone: bool = False) -> Read | None:
    """The value that a text begins with.

    Args:
        text: Plain text, as `plain_text` returns it.
        scale: What the value is measured on.
        alone: Nothing but punctuation may follow the value.

    Returns:
        A number or a label of the scale, with what follows it; null if the text doesn't begin with something like a
        value.

    Raises:
        ValueError: It begins with a value that is off the scale, or with more than one.
    """
    text = text.strip()
    while (inner := WRAPPED.match(text)) is not None:
        text = next(group for group in inner.groups() if group is not None).strip()
    if scale.label_scores:
        return _read_label(text, scale, alone=alone)
    return _read_number(CJK_NUMERALS.get(text[:1], text[:1]) + text[1:], scale, alone=alone)


def _read_number(text: str, scale: Scale, *, alone: bool) -> Read | None:
    found = VALUE.match(text)
    if found is None:
        return None
    number, top, rest = found["number"], found["top"], found["rest"]
    low, high = scale.bounds
    if ANOTHER.match(rest):
        raise ValueError(f"expected one verdict, got {text[:80]!r}")
    if rest.startswith("%"):
        if high != 100:  # noqa: PLR2004  percents are scores only where 100 is the best one
            raise ValueError(f"expected {scale.wanted}, got the percentage {number}%")
        rest = rest[1:]
    if not ENDS.match(rest) or (alone and rest.strip(CLOSERS)):
        return None
    if top is not None and float(top) != high:
        raise ValueError(f"expected {scale.wanted}, got {number} out of {top}")
    if THOUSANDS.search(number):
        raise ValueError(f"expected {scale.wanted}, got {number!r}, which may mean two numbers")
    score = scale.score_of(float(number.replace(",", ".")))
    if top is not None and low not in (0, 1):
        raise ValueError(f"expected {scale.wanted}, got {number} out of {top}")
    return Read(score, rest)


def _read_label(text: str, scale: Scale, *, alone: bool) -> Read | None:
    said = _folded(text)
    spoken = {**{_folded(label): label for label in scale.label_scores}, **scale.other_words}
    for words in sorted(spoken, key=len, reverse=True):
        if not said.startswith(words):
            continue
        rest = said[len(words) :]
        another = re.match(rf"\s*(?:{OR}|\|)\s*(?:{'|'.join(map(re.escape, spoken))})\b", rest)
        if another and spoken[words] != spoken.get(another.group().lstrip(" -–—~/,|")):
            raise ValueError(f"expected one verdict, got {text[:80]!r}")
        as_written = re.match(r"[\s_-]+".join(map(re.escape, words.split(" "))), text, re.IGNORECASE)
        rest = text[as_written.end() :] if as_written else rest
        after_dash = re.fullmatch(rf"\s*[–—-]+\s*({'|'.join(map(re.escape, spoken))})\W*", rest.casefold())
        if after_dash and spoken[words] != spoken[after_dash[1]]:
            raise ValueError(f"expected one verdict, got {text[:80]!r}")
        if LABEL_ENDS.match(rest) and not (alone and rest.strip(CLOSERS)):
            return Read(spoken[words], rest)
    return None


def _folded(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", plain_text(text)).strip().casefold()


def _brief(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"a {type(value).__name__}"
    return repr(value[:80] if isinstance(value, str) else value)
