"""Numbers that forms hold."""

import math
from collections.abc import Mapping

from eval_assets.errors import ViewError


def number_in_form(fields: Mapping[str, str], name: str, *, whole: bool = True) -> float | None:
    """The number in a field; null where it is empty.

    Raises:
        ViewError: It is none, or below 0, or not a whole one.

    >>> number_in_form({"first": " 5 "}, "first"), number_in_form({}, "first")
    (5.0, None)
    """
    said = fields.get(name, "").strip()
    if not said:
        return None
    try:
        value = float(said)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0 and (value.is_integer() or not whole)):
        raise ViewError(f"{name}: expected a number from 0, got {said!r:.80}")
    return value
