"""Who answered, as the provider reports it: names change there without a change of any file."""

from collections.abc import Mapping
from typing import Any

ANSWERER = ("answered_by", "system_fingerprint", "service_tier")
"""The model as the provider calls it, the state of its servers, and the class of service."""

LONGEST = 200


def answerer_of(told: Any) -> dict[str, Any]:
    """What an object tells of who answered, by name."""
    return {name: getattr(told, name) for name in ANSWERER}


def answerer_in(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row tells of who answered, which rows of earlier releases don't."""
    return {name: row.get(name) for name in ANSWERER}


def answerer_told(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the body of a reply tells of who answered.

    >>> answerer_told({"model": "gpt-4o-2024-08-06", "usage": {"service_tier": "priority"}, "system_fingerprint": 7})
    {'answered_by': 'gpt-4o-2024-08-06', 'system_fingerprint': None, 'service_tier': 'priority'}
    """
    usage = body.get("usage")
    tier = body.get("service_tier") or (usage.get("service_tier") if isinstance(usage, Mapping) else None)
    told = (body.get("model"), body.get("system_fingerprint"), tier)
    texts = (value[:LONGEST] if isinstance(value, str) and value.strip() else None for value in told)
    return dict(zip(ANSWERER, texts, strict=True))
