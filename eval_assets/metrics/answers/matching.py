"""Short answers compared as wholes: equal, equal after normalisation, contained, matched by a pattern."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from eval_assets.errors import MetricError
from eval_assets.metrics.definition import REQUIRED, Metric, Parameter
from eval_assets.metrics.overlap.token_f1 import SQUAD_TOKENIZERS
from eval_assets.metrics.rows import Rows


def exact_match(rows: Rows, _: Mapping[str, Any]) -> Sequence[float]:
    """Compare texts as they are: 1 if the output equals a target, case, space and punctuation included."""
    return [float(output in targets) for output, targets in zip(rows.outputs, rows.targets, strict=True)]


def normalized_exact_match(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float]:
    """Compare the normalised words of both texts in order: SQuAD's exact match, 1 if they equal those of a target."""
    tokens = SQUAD_TOKENIZERS[parameters["tokenizer"]]
    return [
        float(any(tokens(target) == words for target in targets))
        for words, targets in zip(map(tokens, rows.outputs), rows.targets, strict=True)
    ]


def contains(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float]:
    """Look for a target inside the output: 1 if one is there, whatever its case unless `case_sensitive`.

    Composed and decomposed letters are equal (NFC).
    """

    def folded(text: str) -> str:
        text = text if text.isascii() else unicodedata.normalize("NFC", text)
        return text if parameters["case_sensitive"] else text.casefold()

    return [
        float(any(folded(target) in output for target in targets))
        for output, targets in zip(map(folded, rows.outputs), rows.targets, strict=True)
    ]


def regex_match(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float]:
    """Match the output against `pattern`: 1 if it is found, or with `full` if it matches the whole output."""
    pattern = compiled(parameters["pattern"], ignore_case=parameters["ignore_case"])
    found = pattern.fullmatch if parameters["full"] else pattern.search
    return [float(found(output) is not None) for output in rows.outputs]


def check_pattern(parameters: Mapping[str, Any]) -> None:
    """Refuse a `pattern` that is no regular expression."""
    compiled(parameters["pattern"])


@cache
def compiled(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Compile a pattern of the user.

    Raises:
        MetricError: It is no regular expression.

    >>> compiled("^yes", ignore_case=True).search("Yes.") is None
    False
    """
    try:
        return re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        raise MetricError(f"expected a regular expression as `pattern`, got {pattern!r}: {error}") from error


_FLAG = Parameter(False, (bool,))

EXACT_MATCH = Metric("exact_match", exact_match, is_binary=True)
NORMALIZED_EXACT_MATCH = Metric(
    "normalized_exact_match",
    normalized_exact_match,
    is_binary=True,
    parameters={"tokenizer": Parameter("squad", (str,), tuple(SQUAD_TOKENIZERS))},
)
CONTAINS = Metric("contains", contains, is_binary=True, parameters={"case_sensitive": _FLAG})
REGEX_MATCH = Metric(
    "regex_match",
    regex_match,
    needs=("output",),
    is_binary=True,
    parameters={"pattern": Parameter(REQUIRED, (str,)), "full": _FLAG, "ignore_case": _FLAG},
    check=check_pattern,
)
