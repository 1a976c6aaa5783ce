"""Who answers, told from a model file: the part of a request key that all requests of a model share."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from eval_assets.config.model import Model
from eval_assets.errors import ConfigError
from eval_assets.requests.canonical_json import canonical_json
from eval_assets.requests.keys import ModelIdentity

OPENAI_URL = "https://api.openai.com/v1"
DEFAULT_PORTS = {"http": 80, "https": 443}


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
