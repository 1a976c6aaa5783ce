"""What makes two requests the same: their canonical form and its hash, the request key.

Timeouts, retries, concurrency, prices, secrets and headers don't change an answer and are not part of it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from eval_assets.requests.canonical_json import canonical_json, canonical_messages
from eval_assets.requests.exchange import Request

KEY_SCHEMA = "1"
"""Version of the canonical form. Stored replies of another version are refused, never silently paid again."""

SLUG_LENGTH = 48


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Who answers: the part of a request key that one model shares over all its requests.

    Args:
        provider: A provider name of the model file.
        endpoint: Normalised address, or where and how a local provider finds its replies.
        model_id: The id as the provider knows it.
        implementation: Hash of the code or file that answers, for providers whose answers change with it.
        is_shown_the_example: It answers to the example's columns too, which are then part of the key.
    """

    provider: str
    endpoint: str
    model_id: str
    implementation: str | None = None
    is_shown_the_example: bool = False


def canonical_request(identity: ModelIdentity, request: Request) -> str:
    """The request as canonical JSON: equal text if and only if the same answer is deserved.

    Raises:
        ConfigError: A parameter or column has no JSON form, is NaN or infinite, or text can't be encoded.
    """
    content: dict[str, Any] = {"parameters": request.parameters}
    if request.response_format is not None:
        content["response_format"] = request.response_format
    if request.tools:
        content["tools"] = request.tools
    if request.sample_index:
        content["sample_index"] = request.sample_index
    if identity.is_shown_the_example:
        content["columns"] = request.columns
    fields = {**_fields_of(identity), **{name: canonical_json(value) for name, value in content.items()}}
    fields["messages"] = canonical_messages(request.messages)
    return "{" + ",".join([f'"{name}":{value}' for name, value in sorted(fields.items())]) + "}"


def request_of(canonical: str) -> Request:
    """The request that a canonical form was made of, for providers that aren't shown the example.

    >>> asked = Request(({"role": "user", "content": "Why?"},), {"seed": 1}, tools=({"type": "function"},))
    >>> request_of(canonical_request(ModelIdentity("openai", "https://example.org", "m"), asked)) == asked
    True
    """
    held = json.loads(canonical)
    return Request(
        messages=tuple(held["messages"]),
        parameters=held["parameters"],
        response_format=held.get("response_format"),
        sample_index=held.get("sample_index", 0),
        tools=tuple(held.get("tools", ())),
    )


@lru_cache(maxsize=1024)
def _fields_of(identity: ModelIdentity) -> Mapping[str, str]:
    """What all requests to a model share, as canonical JSON."""
    content = {
        "schema": KEY_SCHEMA,
        "provider": identity.provider,
        "endpoint": identity.endpoint,
        "model": identity.model_id,
    }
    if identity.implementation is not None:
        content["implementation"] = identity.implementation
    return {name: canonical_json(value) for name, value in content.items()}


def request_key(identity: ModelIdentity, request: Request) -> str:
    """SHA-256, in hexadecimal, of the canonical request; raises as `canonical_request` does."""
    return key_of(canonical_request(identity, request))


def key_of(canonical: str) -> str:
    """The key of a canonical request that is already at hand.

    >>> key_of("{}")[:8]
    '44136fa3'
    """
    return hashlib.sha256(canonical.encode()).hexdigest()


def lane_of(identity: ModelIdentity) -> str:
    """Name of the lane, where replies of one model at one provider are stored, and which one run at a time may write.

    Readable words come first, then eight hexadecimal digits that make it unique. The implementation is left out: an
    edited callable keeps its lane and changes its keys.

    >>> lane_of(ModelIdentity("openai", "https://api.openai.com/v1", "gpt-4o-mini"))
    'openai-api.openai.com-gpt-4o-mini-277dd624'
    """
    host = identity.endpoint.split("://")[1].split("/")[0].split("?")[0] if "://" in identity.endpoint else ""
    words = "-".join(part for part in (identity.provider, host, identity.model_id) if part)
    slug = re.sub(r"[^a-z0-9._]+", "-", words.lower()).strip("-.")[:SLUG_LENGTH].strip("-.")
    unique = f"{identity.provider}\0{identity.endpoint}\0{identity.model_id}"
    return f"{slug}-{hashlib.sha256(unique.encode()).hexdigest()[:8]}"


def aside_of(lane: str) -> str:
    """Name of the lane beside another one, where replies wait that nobody has decided to use.

    >>> aside_of("openai-api.openai.com-gpt-4o-mini-277dd624")
    'openai-api.openai.com-gpt-4o-mini-277dd624-again'
    """
    return f"{lane}-again"
