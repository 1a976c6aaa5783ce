"""Requests signed as AWS wants them (Signature Version 4): by a secret that isn't sent, for one time and one region.

A signature holds for minutes, so it is made anew for each attempt. Who may let in so, and by which variables, is in
`clients.aws_credentials`.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

if TYPE_CHECKING:
    import httpx2

ALGORITHM = "AWS4-HMAC-SHA256"
UNRESERVED = "-_.~"
SIGNED_BESIDE = ("content-type",)
"""Headers that are signed, of those that aren't AWS's own; others may be changed on their way."""


class Credentials(NamedTuple):
    """What signs; a session token belongs to credentials that end."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


class Scope(NamedTuple):
    """What a signature is for."""

    region: str
    service: str


def signed_headers(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    scope: Scope,
    at: datetime,
) -> dict[str, str]:
    """The headers that a request gets by being signed.

    Args:
        method: In capitals.
        url: As it is sent, percent-encoded.
        headers: Those it has.
        body: As it is sent.
        credentials: Sign.
        scope: Region and service.
        at: Now.

    Source:
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    parts = urlsplit(url)
    moment = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"x-amz-date": moment}
    if credentials.session_token is not None:
        added["x-amz-security-token"] = credentials.session_token
    named = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    covered = {name: named[name] for name in SIGNED_BESIDE if name in named} | added
    covered["host"] = named.get("host", parts.netloc)
    names = ";".join(sorted(covered))
    canonical = "\n".join(
        [
            method,
            quote(parts.path or "/", safe=f"/{UNRESERVED}"),
            _canonical_query(parts.query),
            *(f"{name}:{covered[name]}" for name in sorted(covered)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    within = f"{moment[:8]}/{scope.region}/{scope.service}/aws4_request"
    to_sign = "\n".join([ALGORITHM, moment, within, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in within.split("/"):
        key = _hmac(key, part)
    signature = _hmac(key, to_sign).hex()
    stated = f"Credential={credentials.access_key_id}/{within}, SignedHeaders={names}, Signature={signature}"
    return {**added, "Authorization": f"{ALGORITHM} {stated}"}


def signing(credentials: Credentials, scope: Scope) -> "Callable[[httpx2.Request], None]":
    """What signs a request each time that it is sent."""

    def sign(request: "httpx2.Request") -> None:
        for name in ("Authorization", "x-amz-date", "x-amz-security-token"):
            request.headers.pop(name, None)
        signed = signed_headers(
            request.method,
            str(request.url),
            dict(request.headers),
            request.content,
            credentials=credentials,
            scope=scope,
            at=datetime.now(UTC),
        )
        request.headers.update(signed)

    return sign


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    encoded = [(quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED)) for name, value in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
