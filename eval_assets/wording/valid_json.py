"""JSON for programs that read our output: always valid, whatever a number or a text is."""

import json
from collections.abc import Mapping, Sequence
from math import isfinite, isnan
from typing import Any

from eval_assets.wording.foreign_text import visible_text


def valid_json(value: Any) -> str:
    r"""Write a value as JSON; a number that JSON has no way to write is null, half a surrogate pair an escape.

    >>> print(valid_json({"mean": float("inf"), "output": "\ud83d"}))
    {
      "mean": null,
      "output": "\ud83d"
    }
    """
    finite, _ = finite_values(value)
    return visible_text(json.dumps(finite, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def finite_values(value: Any, path: str = "") -> tuple[Any, dict[str, str]]:
    """Replace every number that is not finite by null.

    Returns:
        The value, and where a number was replaced → what it was.

    >>> finite_values({"means": [1.0, float("nan")]})
    ({'means': [1.0, None]}, {'means[1]': 'not a number'})
    """
    if isinstance(value, float) and not isfinite(value):
        return None, {path: "not a number" if isnan(value) else "too large for a number"}
    replaced: dict[str, str] = {}

    def within(item: Any, place: str) -> Any:
        finite, found = finite_values(item, place)
        replaced.update(found)
        return finite

    if isinstance(value, Mapping):
        return {name: within(item, f"{path}.{name}" if path else str(name)) for name, item in value.items()}, replaced
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [within(item, f"{path}[{index}]") for index, item in enumerate(value)], replaced
    return value, {}
