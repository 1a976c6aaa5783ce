"""Assertions of promptfoo, `{type: contains, value: Paris}`, as expectations of ours; what takes more is refused."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

TYPE = "type"
NOT_PREFIX = "not-"
KNOWN_FIELDS = ("type", "value", "threshold", "weight", "metric")

_Form = Callable[[Any], dict[str, Any]]

SIMPLE: Mapping[str, _Form] = MappingProxyType(
    {
        "equals": lambda value: {"equals": value},
        "contains": lambda value: {"contains": value, "case_sensitive": True},
        "icontains": lambda value: {"contains": value},
        "contains-any": lambda value: {"contains": value, "case_sensitive": True},
        "icontains-any": lambda value: {"contains": value},
        "contains-all": lambda value: {"contains_all": value, "case_sensitive": True},
        "icontains-all": lambda value: {"contains_all": value},
        "starts-with": lambda value: {"matches": f"^{re.escape(str(value))}"},
        "regex": lambda value: {"matches": value},
        "is-json": lambda value: {"is_json": True} if value is None else {"json_schema": value},
        "is-refusal": lambda _: {"refuses": True},
    }
)
"""Type → our form."""

ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "javascript": "write a metric function in Python",
        "python": "name the function as a metric",
        "webhook": "write a metric function in Python",
        "latency": "gate on the metric `latency`",
        "cost": "gate on the cost of a candidate",
        "similar": "use the metric `embedding_similarity`",
        "rouge-n": "use {rougeL: …, min: …}, or the metrics `rouge1` and `rouge2`",
        "bleu": "use the metric `bleu`",
        "levenshtein": "use the metric `levenshtein_similarity`",
        "contains-json": "use `matches`, or `is_json` for outputs that are nothing else",
    }
)
"""Type that has no form of ours → what to do instead."""


def form_of_assertion(assertion: Mapping[str, Any]) -> dict[str, Any]:
    """The form of ours that says the same.

    Raises:
        ValueError: None does.

    >>> form_of_assertion({"type": "not-icontains", "value": "sorry"})
    {'not': {'contains': 'sorry'}}
    """
    kind = str(assertion[TYPE])
    if unknown := sorted(set(assertion) - set(KNOWN_FIELDS)):
        raise ValueError(f"an assertion of type {kind!r} has the field {unknown[0]!r}, which is not read here")
    plain = kind.removeprefix(NOT_PREFIX)
    if plain not in SIMPLE:
        instead = ELSEWHERE.get(plain, "ask a judge for what a model has to tell")
        raise ValueError(f"assertions of type {kind!r} are not read here: {instead}; read are {', '.join(SIMPLE)}")
    if assertion.get("threshold") is not None or assertion.get("weight", 1) != 1:
        raise ValueError(f"an assertion of type {kind!r} holds or not: leave out `threshold` and `weight`")
    form = SIMPLE[plain](assertion.get("value"))
    return {"not": form} if kind.startswith(NOT_PREFIX) else form
