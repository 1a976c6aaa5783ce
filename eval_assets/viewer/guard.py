"""What every request and every answer of the viewer is held to: names it answers to, methods, security headers."""

from collections.abc import Collection, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eval_assets.viewer.page_writing import rendered

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Nothing but the viewer's own files runs or loads, so that text of a model could do neither even if it were not
escaped, which it is."""

READING = ("GET", "HEAD")


class Guard:
    """Answers only what comes for one of the viewer's own names, and only what reads, unless edits are allowed.

    A page elsewhere can have a browser ask any address, under a name of its own that leads here: the name in `Host`
    gives it away.

    Args:
        app: What answers.
        hosts: Names and addresses it answers to, without port, in small letters.
        can_edit: Whether forms are taken too, from pages of its own.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], *, can_edit: bool = False) -> None:
        self._app, self._hosts, self._can_edit = app, frozenset(hosts), can_edit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        app = self._refusal(scope) or self._app
        await app(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = host_name(headers.get("host", ""))
        if host not in self._hosts:
            named = ", ".join(sorted(self._hosts))
            return PlainTextResponse(f"this viewer answers to {named}, it was asked as {host!r:.80}\n", 421)
        allowed = (*READING, "POST") if self._can_edit else READING
        if scope["method"] not in allowed:
            edits = "" if self._can_edit else "; `eval-assets view --allow-edit` takes labels"
            said = f"expected {' or '.join(allowed)}, got {scope['method']}{edits}"
            return refusal(said, 405, {"allow": ", ".join(allowed)})
        if scope["method"] not in READING and not is_own(headers):
            return refusal("expected an edit from a page of this viewer, got one from elsewhere", 403)
        return None


def refusal(said: str, status: int, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """A page that says why something isn't answered."""
    return HTMLResponse(rendered("problem.html.j2", said=said, status=status), status, headers)


def is_own(headers: Headers) -> bool:
    """Whether a browser says that a page of this very address has sent a form, or says nothing of it.

    >>> is_own(Headers({"host": "localhost:3141", "origin": "http://localhost:3141"}))
    True
    >>> is_own(Headers({"host": "localhost:3141", "origin": "http://localhost:3000"}))
    False
    """
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
        return False
    return headers.get("sec-fetch-site", "same-origin") == "same-origin"


def host_name(host: str) -> str:
    """The name in a `Host` header, without its port.

    >>> host_name("LOCALHOST:8080"), host_name("[::1]:8080"), host_name("127.0.0.1")
    ('localhost', '[::1]', '127.0.0.1')
    """
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()
