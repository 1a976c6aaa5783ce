"""Calls of metric functions of the user. How they are found and hashed is in `source`.

Arguments are filled by name: `output` (or `predictions`), `targets`, `context`, `inputs`, any column of
`predictions` or of the example, the score of another metric by its label (`.` and `-` written `_`), and the
parameters of the evaluation file. An argument annotated `pl.Series` gets its whole column, and the function then
returns one value a row, which may depend on that row alone: columns come in batches of any size. A function annotated
to return `bool`, a list of them or a pair with a reason scores 0 or 1; a `range` is declared by the evaluation file.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.errors import ConfigError, MetricError
from eval_assets.metrics.custom.source import code_sha256_of
from eval_assets.metrics.definition import CustomFunction, Score, ScoreOutcome, texts_of
from eval_assets.metrics.prediction_rows import Rows
from eval_assets.user_code.naming import load_named
from eval_assets.wording.numbers import plain_number

ROW_ERRORS = (Exception, SystemExit)
"""What a metric function may raise about one row: it is code of the user, and costs that row alone."""


def score_function(
    rows: Rows,
    parameters: Mapping[str, Any],
    *,
    measure: CustomFunction,
    depends_on: Mapping[str, str],
    score_range: tuple[float, float] | None = None,
) -> Sequence[float | Score]:
    """Call a metric function on every row, or once for all of them when it takes columns.

    A row where an argument without default has no value is skipped, one where the function raises is an error. Values
    may be a number, a boolean, a label, a pair (score, reason), or a mapping with `score`, `label` and `reason`; None
    means unscored. A score outside the declared range is an error of its row.

    Raises:
        MetricError: The function can't be loaded, returns something else, or not one value a row.
    """
    function = measure.function or load_function(measure.path, measure.code_sha256, measure.project_dir)
    columns = {name: rows.value(depends_on.get(name, name)) for name in measure.arguments}
    scores: list[float | Score] = [0.0] * len(rows)
    complete = list[int]()
    for row in range(len(rows)):
        absent = [name for name in measure.arguments if columns[name][row] is None and name not in measure.optional]
        if absent:
            scores[row] = Score(None, outcome="skipped", reason=_absence(measure, absent, rows, row, depends_on))
        else:
            complete.append(row)
    if measure.vectorized:
        series = {
            name: pl.Series(name, [column[row] for row in complete], strict=False) for name, column in columns.items()
        }
        try:
            values = list(function(**series, **parameters)) if complete else []
        except ROW_ERRORS as error:
            raise MetricError(f"{measure.path!r} failed on whole columns: {said_by(error)}") from error
        if len(values) != len(complete):
            raise MetricError(
                f"expected {measure.path!r} to return {len(complete)} values, one a row, got {len(values)}"
            )
        for row, value in zip(complete, values, strict=True):
            scores[row] = _within(score_range, as_score(value, measure.path), measure)
        return scores
    for row in complete:
        given = {name: column[row] for name, column in columns.items() if column[row] is not None}
        try:
            value = function(**given, **parameters)
        except ROW_ERRORS as error:
            scores[row] = Score(None, outcome="error", reason=said_by(error))
        else:
            scores[row] = _within(score_range, as_score(value, measure.path), measure)
    return scores


def said_by(error: BaseException) -> str:
    """Type and message of an exception of user code.

    >>> said_by(KeyError("city")), said_by(RuntimeError())
    ("KeyError: 'city'", 'RuntimeError')
    """
    try:
        said = str(error)
    except Exception:  # noqa: BLE001  its `__str__` is user code, too
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def load_function(path: str, code_sha256: str = "", project_dir: Path | None = None) -> Any:
    """Import a metric function, with its helpers, as their files stand now.

    Args:
        path: `module:function`.
        code_sha256: Hash of its code when its metric was resolved, under which scores are kept; empty for any code.
        project_dir: The folder that holds `data/`, whose modules may be named.

    Raises:
        MetricError: The import fails, the module lacks the function or may not be named, or the code is another one.
    """
    try:
        function = load_named(path, project_dir)
    except (ImportError, AttributeError, ConfigError) as error:
        raise MetricError(
            f"expected to import the metric function {path!r}: {type(error).__name__}: {error}"
        ) from error
    if code_sha256 and code_sha256_of(path, project_dir) != code_sha256:
        raise MetricError(
            f"expected the code of {path!r}, and of what it uses, as it was when the metrics of the evaluation were "
            "read; it was edited meanwhile, and its scores would be kept as those of the former code: run again"
        )
    return function


def as_score(value: Any, path: str) -> Score:
    """Read what a metric function returned.

    >>> as_score((True, "found in the first line"), "mine:found")
    Score(score=1.0, label=None, outcome='ok', reason='found in the first line')
    """
    label, reason = None, None
    if isinstance(value, Mapping):
        extra = set(value) - {"score", "label", "reason"}
        if extra:
            raise MetricError(f"expected {path!r} to return `score`, `label` and `reason`, got also {texts_of(extra)}")
        value, label, reason = value.get("score"), value.get("label"), value.get("reason")
    elif isinstance(value, tuple) and len(value) == 2:  # noqa: PLR2004
        value, reason = value
    if isinstance(value, str):
        value, label = None, value
    if value is None:
        outcome: ScoreOutcome = "ok" if label is not None else "skipped"
        return Score(None, label, outcome, reason if label is not None else reason or f"{path} gave no score")
    if hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, int | float):
        raise MetricError(
            f"expected {path!r} to return a number, boolean, label, (score, reason) or mapping, got {value!r}"
        )
    try:
        return Score(float(value), label, "ok", reason)
    except OverflowError:
        return Score(None, label, "error", "expected a finite score, got a whole number beyond all floats")


def _within(score_range: tuple[float, float] | None, score: Score, function: CustomFunction) -> Score:
    """The score as it is, or an error where it is none that the metric declares."""
    if score_range is None or score.score is None:
        return score
    if function.returns_boolean:
        expected = "true or false, as the function is annotated"
        declared = score.score in (0, 1)
    else:
        low, high = score_range
        expected = f"a score in the declared range, {plain_number(low)} to {plain_number(high)}"
        declared = low <= score.score <= high
    return (
        score
        if declared
        else Score(None, score.label, "error", f"expected {expected}, got {plain_number(score.score)}")
    )


def _absence(
    function: CustomFunction, absent: Sequence[str], rows: Rows, row: int, depends_on: Mapping[str, str]
) -> str:
    if absent[0] in depends_on:
        return f"metric {depends_on[absent[0]]!r} has no score"
    if absent[0] in rows.frame.columns:
        return f"no {absent[0]}"
    return (
        f"argument {absent[0]!r} of {function.path} has no value; "
        f"the example has {texts_of(rows.example(row))}, the prediction {texts_of(rows.frame.columns)}"
    )
