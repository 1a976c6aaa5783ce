"""What counts as nothing: the one rule by which metrics, judges and `check` say that a row has no target."""

import math
from typing import Any


def has_text(text: str) -> bool:
    r"""Tell a text from a blank one, of spaces and invisible signs alone.

    >>> has_text("."), has_text(" \n\u200b")
    (True, False)
    """
    return text[:1].isalnum() or any(sign.isprintable() and not sign.isspace() for sign in text)


def is_absent(item: Any) -> bool:
    """Tell whether a value says nothing: null, a blank text, a number that is none.

    >>> [is_absent(item) for item in (None, " ", float("nan"), 0, False, {})]
    [True, True, True, False, False, False]
    """
    if isinstance(item, str):
        return not has_text(item)
    return item is None or (isinstance(item, float) and not math.isfinite(item))


def are_absent(targets: Any) -> bool:
    """Tell whether there is nothing that an output could be compared with: no value, or a list without any.

    >>> are_absent(["", None]), are_absent([]), are_absent(["", "Paris"]), are_absent({})
    (True, True, False, False)
    """
    return all(map(is_absent, targets)) if isinstance(targets, list) else is_absent(targets)
