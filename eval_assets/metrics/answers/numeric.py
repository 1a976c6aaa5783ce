"""Answers that are numbers: the last of each text, exactly or within a tolerance. Reading is in `stated_numbers`."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from eval_assets.metrics.answers.stated_numbers import Quantity, last_quantity
from eval_assets.metrics.definition import Metric, Parameter, Score
from eval_assets.metrics.prediction_rows import Rows


def numeric_match(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float | Score]:
    """Compare the last number of the output with the last number of a target.

    Returns:
        1 if they differ by at most `tolerance`, or by at most `relative_tolerance` times the target, else 0; times of
        day have to be equal. An output without a number, or with one that can't be read, is wrong and says so; a row
        whose targets have none that can be read is skipped.
    """
    absolute, relative = (Fraction(str(parameters[name])) for name in ("tolerance", "relative_tolerance"))
    mark = parameters["decimal_mark"]
    scores = list[float | Score]()
    for output, targets in zip(rows.outputs, rows.targets, strict=True):
        found = [last_quantity(target, mark) for target in targets]
        wanted = [quantity for quantity in found if quantity and quantity.value is not None]
        if not wanted:
            unread = next((quantity for quantity in found if quantity), None)
            reason = (
                f"expected one number in the targets, got {_shown(unread)}" if unread else "no number in the targets"
            )
            scores.append(Score(None, outcome="skipped", reason=reason))
            continue
        given = last_quantity(output, mark)
        if given is not None and given.value is None:
            scores.append(Score(0.0, reason=f"expected one number at the end of the output, got {_shown(given)}"))
            continue
        scores.append(
            float(given is not None and any(_is_close(given, number, absolute, relative) for number in wanted))
        )
    return scores


def _is_close(given: Quantity, wanted: Quantity, absolute: Fraction, relative: Fraction) -> bool:
    if given.value is None or wanted.value is None or given.is_time != wanted.is_time:
        return False
    if wanted.is_time:
        return given.value == wanted.value
    return abs(given.value - wanted.value) <= max(absolute, relative * abs(wanted.value))


def _shown(quantity: Quantity) -> str:
    return repr(quantity.text if len(quantity.text) <= _SHOWN else f"{quantity.text[:_SHOWN]}…")


_SHOWN = 80
_TOLERANCE = Parameter(0, (int, float), minimum=0)


METRICS = (
    Metric(
        "numeric_match",
        numeric_match,
        version="v2",
        is_binary=True,
        parameters={
            "tolerance": _TOLERANCE,
            "relative_tolerance": _TOLERANCE,
            "decimal_mark": Parameter(".", (str,), (".", ",")),
        },
    ),
)
