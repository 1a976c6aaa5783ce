"""What a status that brings no reply means: the one table. What each failure costs is in `failures`."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from eval_assets.providers.failures import (
    AttemptFailure,
    PartitionFailure,
    RateLimited,
    RequestFailed,
    TransientFailure,
)
from eval_assets.providers.http.headers import retry_after_seconds

NO_MONEY_CODES = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
NO_MONEY = re.compile("credit balance is too low|budget has been exceeded", re.IGNORECASE)
"""How Anthropic and LiteLLM say so, with status 400."""

REPLIED = (200, 201, 203)
TOO_MANY_REQUESTS, UNAUTHORIZED, FORBIDDEN, UNKNOWN = 429, 401, 403, 404
REDIRECTIONS, CLIENT_ERRORS, SERVER_ERRORS = 300, 400, 500
REDIRECTED = range(REDIRECTIONS, CLIENT_ERRORS)
STOPS_THE_CELL: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        401: ("the key was refused", "authentication"),
        402: ("no permission", "permission"),
        403: ("no permission", "permission"),
        404: ("model or endpoint is unknown", "unknown_model"),
        405: ("the endpoint takes no such requests", "http_405"),
        407: ("a proxy wants a password", "http_407"),
        410: ("the endpoint takes no such requests", "http_410"),
        421: ("the endpoint takes no such requests", "http_421"),
        429: ("nothing is left on the account", "insufficient_quota"),
        431: ("the headers are too large", "http_431"),
        501: ("the endpoint takes no such requests", "http_501"),
        505: ("the endpoint speaks another HTTP", "http_505"),
        511: ("the network wants a login", "http_511"),
    }
)
"""Statuses that every further request would get, too: what is wrong, and the kind of failure.

Of 429 only those that say no money is left. Redirections, and statuses below them that bring no reply, stop it as well.
"""

AGAIN = (408, 409, 425)
COSTS_THE_ROW = frozenset(range(CLIENT_ERRORS, SERVER_ERRORS)) - STOPS_THE_CELL.keys()
CONGESTED = (503, 529)
OF_FORMATS = (
    "response_format", "json_schema", "json_object", "json mode", "structured output", "output_config.format", "guided",
    "grammar",
)  # fmt: skip
OF_A_FAULTY_FORMAT = ("invalid schema", "invalid_json_schema", "must contain the word")
"""What is found fault with in a schema, or in messages beside a format, by endpoints that take such."""

PATHS = ("/chat/completions", "/completions", "/responses", "/messages")
"""What is added to a `base_url`, by API."""

LONGEST_KIND = 60


def failure_of(
    status: int, headers: Mapping[str, str], body: Any, model_id: str, url: str | None = None
) -> AttemptFailure:
    """What a status that brings no reply means for the request and for all others.

    Args:
        status: Of the response.
        headers: Of the response.
        body: Its JSON value or its text.
        model_id: As the request named it.
        url: Where the request went, if that is known, without user, query and secrets.
    """
    code, message = error_of(body)
    said = f"HTTP {status}: {message or 'no message'}"
    kind = code if code and not code.isdigit() else f"http_{status}"
    if status in COSTS_THE_ROW and NO_MONEY.search(message):
        return PartitionFailure(f"nothing is left on the account; {said}", kind="insufficient_quota")
    if status == TOO_MANY_REQUESTS and code not in NO_MONEY_CODES:
        return RateLimited(said, retry_after_seconds(headers))
    if status in AGAIN or (status >= SERVER_ERRORS and status not in STOPS_THE_CELL):
        is_congested = status in CONGESTED
        asked = retry_after_seconds(headers) if is_congested else None
        return TransientFailure(said, f"http_{status}", congested=is_congested, retry_after_seconds=asked)
    # A firewall that dislikes one text answers with a page, not as the API.
    if status in COSTS_THE_ROW or (status == FORBIDDEN and isinstance(body, str)):
        return RequestFailed(said, kind=kind, of_endpoint=not speaks_of_formats(said))
    what, slug = STOPS_THE_CELL.get(status, ("this is no reply", f"http_{status}"))
    if status == UNKNOWN:
        what = f"model {model_id!r} or its endpoint is unknown" + ("" if url is None else f" at {url}{_hint(url)}")
    elif status in REDIRECTED:
        what, slug = _redirected(headers, url), "redirected"
    return PartitionFailure(f"{what}; {said}", kind=kind if status == TOO_MANY_REQUESTS else slug)


def speaks_of_formats(message: str) -> bool:
    """Whether an endpoint refuses how it is asked to reply: whoever asked may ask again in another format.

    >>> speaks_of_formats("HTTP 400: This model takes no Response_Format of type json_schema")
    True
    """
    return any(phrase in message.casefold() for phrase in OF_FORMATS)


def takes_no_such_format(message: str) -> bool:
    """Whether an endpoint takes no such format at all, and doesn't just find fault with this one.

    >>> takes_no_such_format("response_format json_schema is not supported")
    True
    >>> takes_no_such_format("Invalid schema for response_format 'answer': schema must have type 'object'")
    False
    """
    said = message.casefold()
    return speaks_of_formats(message) and not any(phrase in said for phrase in OF_A_FAULTY_FORMAT)


def error_of(body: Any) -> tuple[str, str]:
    """Code and message of an error body, whatever its shape; the message names the parameter it is about.

    >>> error_of({"error": {"message": "Unsupported value.", "code": "unsupported_value", "param": "temperature"}})
    ('unsupported_value', "Unsupported value. (parameter 'temperature')")
    """
    if isinstance(body, list) and body:
        body = body[0]
    error = (body.get("error") or body) if isinstance(body, Mapping) else body
    if not isinstance(error, Mapping):
        return "", str(error or "")
    inner = error.get("innererror")
    inner_code = inner.get("code") if isinstance(inner, Mapping) else None
    code = error.get("code") or inner_code or error.get("error_code") or error.get("type") or ""
    message = str(error.get("message") or error.get("detail") or "")
    parameter = error.get("param")
    if isinstance(parameter, str) and parameter and parameter not in message:
        message = f"{message} (parameter {parameter!r})"
    return re.sub(r"[^a-z0-9_]+", "_", str(code).lower())[:LONGEST_KIND], message


def _hint(url: str) -> str:
    """What is probably wrong with an address at which there is nothing."""
    path = urlsplit(url).path
    if twice := next((added for added in PATHS if path.count(added) > 1), None):
        return f" (`base_url` ends before `{twice}`, which is added to it)"
    if not re.search(r"/v\d", path) and "/openai" not in path:
        return " (the `base_url` of most endpoints ends in `/v1`)"
    return ""


def _redirected(headers: Mapping[str, str], url: str | None) -> str:
    location = headers.get("location")
    try:
        target = address_of(urljoin(url or "", location)) if location else "no address"
        target = next((target.removesuffix(added) for added in PATHS if target.endswith(added)), target)
    except ValueError:  # no address at all
        target = "an address that can't be read"
    return (
        f"{url or 'the endpoint'} redirects to {target}, which isn't followed, since key and prompts "
        "would go there; if that is where the model lives, make it the `base_url`"
    )


def address_of(url: str) -> str:
    """Scheme, host, port and path of an address; what may be secret (user, password, query, fragment) is left out.

    >>> address_of("https://me:pw@example.org:8443/v1?sig=secret#x")
    'https://example.org:8443/v1'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
