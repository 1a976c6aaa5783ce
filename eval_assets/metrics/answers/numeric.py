"""Answers that are numbers: the last number of a text, compared exactly or within a tolerance."""

import re
import unicodedata
from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from eval_assets.metrics.definition import Metric, Parameter, Score
from eval_assets.metrics.rows import Rows

_NUMBER = re.compile(r"[-+]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?")
_SIGNS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u066b": ".", "\u066c": ","})  # minus, en dash, Arabic marks


def last_number(text: str) -> Decimal | None:
    r"""Read the last number of a text, where chains of thought and `#### 18` have their answer.

    Commas group digits; currency, units and a closing period don't matter; digits of any script count. A dash right
    after a word or digit is no sign: `2-3` ends in 3.

    Returns:
        The number, None when there is none.

    >>> last_number("So 5 * 3 = 15.\n#### 1,234.50"), last_number("A: $-18."), last_number("none")
    (Decimal('1234.50'), Decimal('-18'), None)
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_SIGNS))
    numbers = deque(_NUMBER.finditer(text), maxlen=1)
    if not numbers:
        return None
    found = numbers[0]
    number = Decimal(found.group().replace(",", ""))
    before = text[found.start() - 1 : found.start()]
    is_sign = found.group()[0] != "-" or not before.isalnum()
    return number if is_sign else -number


def numeric_match(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float | Score]:
    """Compare the last number of the output with the last number of a target.

    Returns:
        1 if they differ by at most `tolerance`, or by at most `relative_tolerance` times the target, else 0; an output
        without a number is wrong, a row whose targets have none is skipped.
    """
    absolute, relative = (Decimal(str(parameters[name])) for name in ("tolerance", "relative_tolerance"))
    scores = list[float | Score]()
    for output, targets in zip(rows.outputs, rows.targets, strict=True):
        wanted = [number for number in map(last_number, targets) if number is not None]
        if not wanted:
            scores.append(Score(None, outcome="skipped", reason="no number in the targets"))
            continue
        given = last_number(output)
        close = (
            given is not None and abs(given - number) <= max(absolute, relative * abs(number)) for number in wanted
        )
        scores.append(float(any(close)))
    return scores


_TOLERANCE = Parameter(0, (int, float), minimum=0)

NUMERIC_MATCH = Metric(
    "numeric_match",
    numeric_match,
    is_binary=True,
    parameters={"tolerance": _TOLERANCE, "relative_tolerance": _TOLERANCE},
)
