"""Keeping secrets off screens. Files name the variables that hold them; this catches those written in by mistake."""

import re
from collections.abc import Iterator
from typing import Any

from eval_assets.config.problems import Location

CONFIDENTIAL = "api[-_]?key|key|token|secret|password|passwd|passphrase|credentials?"
SECRET_NAME = re.compile(
    rf"(^|[-_.])({CONFIDENTIAL}|subscription[-_]?key|access[-_]?key|pwd|auth|authorization|signature|sig)$",
    re.IGNORECASE,
)
SECRET_VARIABLE = re.compile(rf"(?:^|_)(?:{CONFIDENTIAL})(?:_|$)", re.IGNORECASE)
"""Names of variables of the environment: `PWD` and `SSH_AUTH_SOCK` are paths, `OPENAI_API_KEY_2` is a key."""
OF_AN_ACCOUNT = re.compile(
    r"(^|[-_.])(api[-_]?key|access[-_]?key|access[-_]?token|auth[-_]?token|bearer[-_]?token|client[-_]?secret|password|"
    r"passwd|secret|authorization)$",
    re.IGNORECASE,
)
WRITTEN_KEY = re.compile(
    r"\b(sk|pk|rk|xai|pplx)-[\w-]{16,}|\b(gsk|hf|ghp|xox[bp])[_-]\w{16,}|\bdapi[0-9a-f]{32}|\bAIza[\w-]{35}|\bAKIA[A-Z0-9]{16}"
    r"|^(Bearer|Basic) +\S|://[^/\s:@]*:[^/\s@]+@"
    r"|\bhooks\.slack\.com/\w+/\S|\bdiscord(?:app)?\.com/api/webhooks/\S|\bwebhook\.office\.com/\S"
)
"""Keys by how their providers spell them, URLs with a password, and those to which anybody may post."""
CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")
USER_IN_URL = re.compile(r"(?<=://)[^/\s@]+@")
HIDDEN = "***"
"""What stands for a secret where it would be shown."""


def names_a_secret(name: str) -> bool:
    """Whether what has this name is a secret.

    >>> [name for name in ("api-key", "apiKey", "x-key", "sig", "api-version", "max_tokens") if names_a_secret(name)]
    ['api-key', 'apiKey', 'x-key', 'sig']
    """
    return bool(SECRET_NAME.search(CAMEL_CASE.sub("_", name)))


def written_secrets(value: Any, place: Location = ()) -> Iterator[Location]:
    """Where a secret is written out: under a name that only secrets have, or a text that is one by its form.

    >>> list(written_secrets({"k": 5, "key": "question", "extra": [{"api_key": "abc"}, "sk-0123456789abcdef"]}))
    [('extra', 0, 'api_key'), ('extra', 1)]
    """
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str) and OF_AN_ACCOUNT.search(CAMEL_CASE.sub("_", str(name))):
                yield (*place, name)
            else:
                yield from written_secrets(item, (*place, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from written_secrets(item, (*place, index))
    elif isinstance(value, str) and WRITTEN_KEY.search(value):
        yield place


def without_secrets(value: Any) -> Any:
    """A JSON value without user names in URLs and without texts under names like `api-key`.

    >>> without_secrets({"base_url": "https://me:pw@host/v1", "query": {"api-key": "abc"}, "api_key_env": "KEY"})
    {'base_url': 'https://***@host/v1', 'query': {'api-key': '***'}, 'api_key_env': 'KEY'}
    """
    if isinstance(value, dict):
        return {
            name: HIDDEN if isinstance(item, str) and names_a_secret(name) else without_secrets(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return USER_IN_URL.sub(f"{HIDDEN}@", value) if isinstance(value, str) else value
