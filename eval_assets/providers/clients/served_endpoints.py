"""Where a served model is asked, in one spelling, and the secrets that let requests in. Who sends is in the clients."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from eval_assets.config.model import Model, ModelFile
from eval_assets.config.served import AWS_KEY_ID
from eval_assets.errors import ConfigError, MissingKeyError

DEFAULT_PORTS = {"http": 80, "https": 443}


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


def secret_of(model: Model, name: str, environment: Mapping[str, str]) -> str:
    """What a variable holds that a model file names.

    Raises:
        MissingKeyError: It isn't set.
    """
    value = environment.get(name, "").strip()
    if not value:
        raise MissingKeyError(
            f"model {model.name!r} needs the environment variable {name}, which is not set; nothing was sent"
        )
    return value


def secrets_named(file: ModelFile, key_name: str | None) -> str:
    """What a model's secrets are had from, by name, its key first, if it has one."""
    named = sorted({**file.headers_env, **file.query_env}.items())
    signing = None if file.aws_region is None else AWS_KEY_ID
    ways = (key_name, file.token_command, file.token_function, signing)
    return " ".join(part for part in (*ways, *map("=".join, named)) if part)
