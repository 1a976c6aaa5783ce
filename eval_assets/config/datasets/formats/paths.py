"""Fields of a row by name, or by a path of dots into nested objects and lists."""

import re
from collections.abc import Mapping
from typing import Any

INDEX = re.compile(r"[0-9]{1,9}")


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """The value in a row under a column name, or under a path of dots into nested objects and lists; null if absent.

    >>> value_at({"gpt.score": 1, "gpt": {"answers": ["Paris"]}}, "gpt.answers.0")
    'Paris'
    >>> value_at({"gpt.score": 1, "gpt": {"answers": ["Paris"]}}, "gpt.score")
    1
    """
    if path in row:
        return row[path]
    value: Any = row
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and INDEX.fullmatch(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def without(row: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The row without the field at a path of dots; what has nothing else goes with it, a list always.

    >>> without({"id": 1, "expectations": {"facts": ["a"], "answer": "b"}}, "expectations.answer")
    {'id': 1, 'expectations': {'facts': ['a']}}
    >>> without({"id": 1, "expectations": {"answer": "b"}}, "expectations.answer")
    {'id': 1}
    """
    if path in row or "." not in path:
        return {name: value for name, value in row.items() if name != path}
    head, _, rest = path.partition(".")
    inner = row.get(head)
    if not isinstance(inner, Mapping | list):
        return dict(row)
    remaining = without(inner, rest) if isinstance(inner, Mapping) else None
    return {name: remaining if name == head else value for name, value in row.items() if name != head or remaining}
