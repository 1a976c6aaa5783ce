"""What makes two requests the same: their canonical form and its hash, the request key.

Timeouts, retries, concurrency, prices, secrets and headers don't change an answer and are not part of it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from eval_assets.config.model import Model
from eval_assets.errors import ConfigError
from eval_assets.providers.requests import Request
from eval_assets.requests.canonical_json import canonical_json

KEY_SCHEMA = "1"
"""Version of the canonical form. Stored replies of another version are refused, never silently paid again."""

OPENAI_URL = "https://api.openai.com/v1"
SHOWN_THE_EXAMPLE = frozenset({"callable", "recorded"})
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Who answers: the part of a request key that one model shares over all its requests.

    Args:
        provider: A provider name of the model file.
        endpoint: Normalised address, or where and how a local provider finds its replies.
        model_id: The id as the provider knows it.
        implementation: Hash of the code or file that answers, for providers whose answers change with it.
    """

    provider: str
    endpoint: str
    model_id: str
    implementation: str | None = None


def identity_of(model: Model, implementation: str | None = None) -> ModelIdentity:
    """The identity of a model file. Only what the file says counts, never the environment.

    Args:
        model: A model of `data/models`.
        implementation: Hash of a callable's source, of a file of recorded predictions, or of local weights.
    """
    file = model.file
    match file.provider:
        case "openai":
            return ModelIdentity(
                "openai", endpoint_of(file.base_url or OPENAI_URL, file.query), str(file.model), implementation
            )
        case "callable":
            return ModelIdentity("callable", "local", str(file.callable), implementation)
        case "recorded":
            return ModelIdentity("recorded", canonical_json(file.columns.model_dump()), str(file.file), implementation)
        case _:
            model_id = str(file.model) if file.gguf_file is None else f"{file.model}#{file.gguf_file}"
            return ModelIdentity(file.provider, "local", model_id, implementation)


def endpoint_of(base_url: str, query: Mapping[str, str] | None = None) -> str:
    """One spelling for one address: lower-case host, no default port, no final slash, sorted query.

    >>> endpoint_of("HTTPS://Api.Example.com:443/v1/", {"api-version": "2"})
    'https://api.example.com/v1?api-version=2'
    """
    parts = urlsplit(base_url)
    if parts.scheme.lower() not in DEFAULT_PORTS or not parts.hostname:
        raise ConfigError(f"expected a base_url that begins with http:// or https://, got {base_url!r}")
    scheme = parts.scheme.lower()
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, DEFAULT_PORTS[scheme]) else f":{parts.port}"
    asked = "&".join(part for part in (parts.query, urlencode(sorted((query or {}).items()))) if part)
    return f"{scheme}://{host}{port}{parts.path.rstrip('/')}{'?' if asked else ''}{asked}"


def canonical_request(identity: ModelIdentity, request: Request) -> str:
    """The request as canonical JSON: equal text if and only if the same answer is deserved.

    Raises:
        ConfigError: A parameter or column has no JSON form, is NaN or infinite, or text can't be encoded.
    """
    content: dict[str, Any] = {
        "schema": KEY_SCHEMA,
        "provider": identity.provider,
        "endpoint": identity.endpoint,
        "model": identity.model_id,
        "parameters": request.parameters,
        "messages": request.messages,
    }
    if identity.implementation is not None:
        content["implementation"] = identity.implementation
    if request.response_format is not None:
        content["response_format"] = request.response_format
    if request.sample_index:
        content["sample_index"] = request.sample_index
    if identity.provider in SHOWN_THE_EXAMPLE:
        content["columns"] = request.columns
    return canonical_json(content)


def request_key(identity: ModelIdentity, request: Request) -> str:
    """SHA-256, in hexadecimal, of the canonical request; raises as `canonical_request` does."""
    return key_of(canonical_request(identity, request))


def key_of(canonical: str) -> str:
    """The key of a canonical request that is already at hand.

    >>> key_of("{}")[:8]
    '44136fa3'
    """
    return hashlib.sha256(canonical.encode()).hexdigest()
