"""Short answers compared as wholes: equal, equal after normalisation, contained, matched by a pattern."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from eval_assets.metrics.answers.json_structure import strict_json
from eval_assets.metrics.answers.patterns import PatternTimeoutError, compiled, is_found
from eval_assets.metrics.definition import REQUIRED, Metric, Parameter, Score
from eval_assets.metrics.overlap.token_f1 import ANSWER_TOKENIZER, ANSWER_TOKENIZERS, ANSWER_VERSIONS
from eval_assets.metrics.prediction_rows import Rows


def exact_match(rows: Rows, _: Mapping[str, Any]) -> Sequence[float | Score]:
    """Compare texts as they are: 1 if the output equals a target, case, space and punctuation included.

    Where a target is an object, or a list in a list, an output that is the same JSON value equals it.
    """
    return [
        _json_score(output, targets.values)
        if targets.values and output not in targets.texts
        else float(output in targets.texts)
        for output, targets in zip(rows.outputs, rows.acceptable, strict=True)
    ]


def _json_score(output: str, values: Sequence[Any]) -> float | Score:
    try:
        given = strict_json(output)
        return float(any(is_same_json(given, value) for value in values))
    except ValueError:
        return 0.0
    except RecursionError:
        return Score(None, outcome="error", reason="the output and its target are nested too deeply to compare")


def is_same_json(one: Any, other: Any) -> bool:
    """Compare JSON values; unlike for `==`, true is not 1.

    >>> is_same_json({"n": [1]}, {"n": [1.0]}), is_same_json(True, 1)
    (True, False)
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same_json(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def normalized_exact_match(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float]:
    """Compare the normalised words of both texts in order: 1 if they equal those of a target.

    SQuAD's exact match with `tokenizer: squad`.
    """
    tokens = ANSWER_TOKENIZERS[parameters["tokenizer"]]
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


def regex_match(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float | Score]:
    """Match the output against `pattern`: 1 if it is found, or with `full` if it matches the whole output.

    A row for which the pattern takes longer than a second is an error.
    """
    pattern = compiled(parameters["pattern"], ignore_case=parameters["ignore_case"])
    scores = list[float | Score]()
    for output in rows.outputs:
        try:
            scores.append(float(is_found(pattern, output, full=parameters["full"])))
        except PatternTimeoutError as error:
            scores.append(Score(None, outcome="error", reason=str(error)))
    return scores


def check_pattern(parameters: Mapping[str, Any]) -> None:
    """Refuse a `pattern` that is no regular expression."""
    compiled(parameters["pattern"])


_FLAG = Parameter(False, (bool,))


METRICS = (
    Metric("exact_match", exact_match, is_binary=True, takes_values=True),
    Metric(
        "normalized_exact_match",
        normalized_exact_match,
        version=ANSWER_VERSIONS["words"],
        tokenizer_versions=ANSWER_VERSIONS,
        is_binary=True,
        parameters={"tokenizer": ANSWER_TOKENIZER},
    ),
    Metric("contains", contains, is_binary=True, parameters={"case_sensitive": _FLAG}),
    Metric(
        "regex_match",
        regex_match,
        needs=("output",),
        is_binary=True,
        parameters={"pattern": Parameter(REQUIRED, (str,)), "full": _FLAG, "ignore_case": _FLAG},
        libraries=("regex",),
        check=check_pattern,
    ),
)
