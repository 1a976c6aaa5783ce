"""What every request and every answer of the viewer is held to: names it answers to, methods, security headers."""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
    """Answers only what comes for one of the viewer's own names, and only what reads.

    A page elsewhere can have a browser ask any address, under a name of its own that leads here: the name in `Host`
    gives it away.

    Args:
        app: What answers.
        hosts: Names and addresses it answers to, without port, in small letters.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app, self._hosts = app, frozenset(hosts)

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

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        host = host_name(Headers(scope=scope).get("host", ""))
        if host not in self._hosts:
            named = ", ".join(sorted(self._hosts))
            return PlainTextResponse(f"this viewer answers to {named}, it was asked as {host!r:.80}\n", 421)
        if scope["method"] not in READING:
            said = f"the viewer only reads: expected GET, got {scope['method']}\n"
            return PlainTextResponse(said, 405, {"allow": ", ".join(READING)})
        return None


def host_name(host: str) -> str:
    """The name in a `Host` header, without its port.

    >>> host_name("LOCALHOST:8080"), host_name("[::1]:8080"), host_name("127.0.0.1")
    ('localhost', '[::1]', '127.0.0.1')
    """
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()
