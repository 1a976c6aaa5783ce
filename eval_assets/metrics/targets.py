"""The one way from the targets of an example to the texts that are acceptable.

A text is acceptable as it stands, a number or boolean in each of its usual spellings; a list means any of its items.
Null, empty and blank texts and NaN are no targets. An object, or a list in a list, has no text that it should be: only
metrics that say so compare with it.
"""

import json
import math
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from eval_assets.requests.absence import are_absent, has_text, is_absent

_LONGEST_PLAIN = 40
"""Most characters of a number that is also spelled without an exponent."""


class Targets(NamedTuple):
    """What an output may be.

    Args:
        texts: Acceptable texts, none of them blank.
        values: Acceptable objects and lists, which are no texts.
    """

    texts: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()


_NO_TARGETS = Targets()


def acceptable(value: Any) -> Targets:
    """List what counts as the target.

    Args:
        value: The targets of an example: null, a text, number, boolean or object, or a list of acceptable ones.

    >>> acceptable(["December 1972", 1972.0, None, ""]).texts
    ('December 1972', '1972', '1972.0')
    >>> acceptable(True).texts, acceptable({"city": "Paris"}).values
    (('true', 'True'), ({'city': 'Paris'},))
    """
    if isinstance(value, str):
        return Targets((value,)) if has_text(value) else _NO_TARGETS
    items = [item for item in (value if isinstance(value, list) else [value]) if not is_absent(item)]
    texts = dict.fromkeys(text for item in items for text in _texts(item))
    return Targets(tuple(texts), tuple(item for item in items if isinstance(item, dict | list)))


def number_texts(number: float) -> tuple[str, ...]:
    """Spell a number as people do: a whole one with and without `.0`, a tiny or huge one also without exponent.

    >>> number_texts(5), number_texts(1e-05), number_texts(float("nan"))
    (('5', '5.0'), ('0.00001', '1e-05'), ())
    """
    if isinstance(number, float) and not math.isfinite(number):
        return ()
    if number == int(number):
        digits = str(Decimal(int(number)))
        spelled = [digits, f"{digits}.0"] if isinstance(number, int) or len(digits) <= _LONGEST_PLAIN else []
    else:
        plain = format(Decimal(repr(number)), "f")
        spelled = [plain] if len(plain) <= _LONGEST_PLAIN else []
    return tuple(dict.fromkeys([*spelled, *([repr(number)] if isinstance(number, float) else [])]))


def _texts(item: Any) -> tuple[str, ...]:
    if isinstance(item, str):
        return (item,)
    if isinstance(item, bool):
        return ("true", "True") if item else ("false", "False")
    return number_texts(item) if isinstance(item, int | float) else ()


def names_none(text: str | None, example: str | None) -> bool:
    """Tell whether a row of `predictions` has no target that an output could be compared with.

    >>> names_none("[]", '{"targets": []}'), names_none("[]", '{"targets": "[]"}'), names_none("  ", None)
    (True, False, True)
    """
    return are_absent(target_value(text, example))


def target_value(text: str | None, example: str | None) -> Any:
    """Give the targets of a row of `predictions` the type they have in the dataset.

    Args:
        text: The column `targets`: a text as it stands, anything else as JSON.
        example: The column `example`, JSON of all columns; null where the table keeps none.

    >>> target_value("5.0", '{"targets": 5.0}'), target_value("5.0", '{"targets": "5.0"}'), target_value("5.0", None)
    (5.0, '5.0', '5.0')
    """
    if text is None or text[:1] not in _BEGINNINGS:
        return text
    return json.loads(example).get("targets", text) if example else text


def is_one_ascii_text() -> pl.Expr:
    """Whether `targets` shows by itself that it is one acceptable text, and of ASCII signs: most are.

    >>> targets = pl.Series("targets", ["Paris", "5", '["Paris"]', "Zürich", " ", None])
    >>> targets.to_frame().select(is_one_ascii_text()).to_series().to_list()
    [True, False, False, False, False, False]
    """
    text = pl.col("targets")
    begins_as_text = text.str.contains(r"^[A-Za-z]") & ~text.str.slice(0, 1).is_in(sorted(_BEGINNINGS))
    return (begins_as_text & (text.str.len_bytes() == text.str.len_chars())).fill_null(value=False)


NO_TARGETS = "no targets"
"""Within the reason of a score that is skipped because its example has nothing to compare with."""

_BEGINNINGS = frozenset("[{-0123456789tfnNI")
"""How the JSON of what is no text begins; empty texts are not among them."""
