"""Keeping secrets off screens. Files name the variables that hold them; this catches those written in by mistake."""

import re
from typing import Any

SECRET_NAME = re.compile(
    r"(^|[-_.])(api[-_]?key|subscription[-_]?key|access[-_]?key|key|token|secret|password|passwd|pwd|auth|authorization|"
    r"credentials?|signature|sig)$",
    re.IGNORECASE,
)
CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")
USER_OF_URL = re.compile(r"(?<=://)[^/@]+@")


def names_a_secret(name: str) -> bool:
    """Whether what has this name is a secret.

    >>> [name for name in ("api-key", "apiKey", "x-key", "sig", "api-version", "max_tokens") if names_a_secret(name)]
    ['api-key', 'apiKey', 'x-key', 'sig']
    """
    return bool(SECRET_NAME.search(CAMEL_CASE.sub("_", name)))


def without_secrets(value: Any) -> Any:
    """A JSON value without user names in URLs and without texts under names like `api-key`.

    >>> without_secrets({"base_url": "https://me:pw@host/v1", "query": {"api-key": "abc"}, "api_key_env": "KEY"})
    {'base_url': 'https://***@host/v1', 'query': {'api-key': '***'}, 'api_key_env': 'KEY'}
    """
    if isinstance(value, dict):
        return {
            name: "***" if isinstance(item, str) and names_a_secret(name) else without_secrets(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return USER_OF_URL.sub("***@", value) if isinstance(value, str) else value
