"""The HTTP client of `openai_client`, which follows no redirect and reads no more of a body than is allowed; and why a
request got no response.

What a status means is in `statuses`, what a body means in `openai_replies`.
"""

import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from eval_assets.providers.failures import RequestFailed, TransientFailure
from eval_assets.providers.http.event_streams import FirstToken

if TYPE_CHECKING:
    import httpx2

MIB = 2**20
FIRST_TOKEN_AT = "first_token_at"  # noqa: S105  a time
"""Extension of a response: when the first token of a stream came, by `time.perf_counter`."""

HEADERS_OF_THE_WIRE = (b"content-encoding", b"content-length", b"transfer-encoding")
NO_SUCH_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


Finish = Callable[["httpx2.Request"], None]
"""What is done to a request last of all, each time that it is sent."""


def without_authorization(request: "httpx2.Request") -> None:
    """Take the header away that the SDK always sends: whoever lets in by another would find fault with it."""
    request.headers.pop("Authorization", None)


def bounded_client(
    *, max_connections: int, max_body_bytes: int, finish: Finish | None = None, is_verbatim: bool = False
) -> "httpx2.AsyncClient":
    """A client on the aiohttp transport, which itself takes at most 128 headers of 8 KiB each.

    Args:
        max_connections: At once, and kept open.
        max_body_bytes: Of a body once it is decompressed; a larger one raises `RequestFailed` and ends its connection.
        finish: What is done to each request before it goes out.
        is_verbatim: Addresses go out letter by letter, as signatures cover them; aiohttp writes `%3A` as `:`. That
            takes another transport, which is slower.
    """
    import httpx2
    from openai import DefaultAioHttpClient, DefaultAsyncHttpxClient

    transport: type[httpx2.AsyncClient] = DefaultAsyncHttpxClient if is_verbatim else DefaultAioHttpClient

    class BoundedClient(transport):  # type: ignore[misc, valid-type]  # one of two
        """Sends requests; responses come back complete and decompressed."""

        async def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:  # noqa: ARG002  a body is always read here
            if finish is not None:
                finish(request)
            response: httpx2.Response = await super().send(request, stream=True, **options)
            first = FirstToken()
            try:
                if _is_within(response, max_body_bytes):
                    await response.aread()
                    return response
                body = await _body_within(response, max_body_bytes, first)
            finally:
                await response.aclose()
            headers = [pair for pair in response.headers.raw if pair[0].lower() not in HEADERS_OF_THE_WIRE]
            told = {FIRST_TOKEN_AT: first.at}
            return httpx2.Response(
                response.status_code, headers=headers, content=body, request=request, extensions=told
            )

    limits = httpx2.Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
    # No time limit here: the engine's deadline counts, for the body too.
    client: httpx2.AsyncClient = BoundedClient(limits=limits, timeout=None, follow_redirects=False)
    return client


def failed_connection(error: BaseException, address: str) -> TransientFailure:
    """What a failed request says about the endpoint; kind `connection` if nothing was ever sent.

    The SDK says neither that there was no connection nor that it broke; its causes do.

    Args:
        error: As the SDK or the transport raised it.
        address: Of the endpoint, for the message.
    """
    import aiohttp
    import httpx2

    causes = _causes(error)
    said = " ".join(str(causes[-1]).split()) or type(causes[-1]).__name__
    for cause in causes:
        match cause:
            case ssl.SSLCertVerificationError():
                message, kind, lasting = f"the certificate of {address} isn't trusted", "connection", True
            case aiohttp.ClientConnectorSSLError():
                message, kind, lasting = f"no secure connection to {address} comes about", "connection", True
            case socket.gaierror() | aiohttp.ClientConnectorDNSError():
                lasting = getattr(cause, "errno", None) in NO_SUCH_NAME
                message, kind = f"the host of {address} is unknown; check `base_url`", "connection"
            case aiohttp.InvalidURL() | httpx2.UnsupportedProtocol() | UnicodeError():
                message, kind, lasting = f"{address} is no address; check `base_url`", "connection", True
            case aiohttp.ClientConnectorError() | ConnectionRefusedError():
                message, kind, lasting = f"{address} can't be reached", "connection", False
            case httpx2.DecodingError():
                message, kind, lasting = f"a body of {address} can't be decompressed", "invalid_body", False
            case aiohttp.ClientResponseError():
                message, kind, lasting = f"{address} sends what is no HTTP", "invalid_http", False
            case _:
                continue
        return TransientFailure(f"{message}: {said}", kind, lasting=lasting)
    return TransientFailure(f"the connection to {address} broke: {said}", kind="connection_lost")


def is_stream_of_events(headers: Any) -> bool:
    """Whether the headers of a response announce server-sent events."""
    return str(headers.get("content-type", "")).lower().startswith("text/event-stream")


def _is_within(response: "httpx2.Response", max_body_bytes: int) -> bool:
    """Whether the headers promise a plain body within the limit; the transport reads no byte more than promised."""
    length = response.headers.get("content-length", "")
    plain = not response.headers.get("content-encoding")
    return plain and length.isdecimal() and int(length) <= max_body_bytes


async def _body_within(response: "httpx2.Response", max_body_bytes: int, first: FirstToken) -> bytes:
    """The decompressed body, read in pieces of at most 1 MiB, which `first` sees as they come."""
    is_watched = is_stream_of_events(response.headers)
    pieces: list[bytes] = []
    n_bytes = 0
    # Compressed bytes count too: they may decompress to nothing, for ever.
    if response.headers.get("content-encoding"):
        response.stream = _counted(response.stream, response.status_code, max_body_bytes)
    async for piece in response.aiter_bytes():
        n_bytes += len(piece)
        if n_bytes > max_body_bytes:
            raise _too_large(response.status_code, max_body_bytes)
        pieces.append(piece)
        if is_watched:
            first.see(piece)
    return b"".join(pieces)


def _counted(stream: Any, status: int, max_body_bytes: int) -> "httpx2.AsyncByteStream":
    import httpx2

    class Counted(httpx2.AsyncByteStream):
        """The bytes as they travel, up to the limit."""

        async def __aiter__(self) -> AsyncIterator[bytes]:
            n_bytes = 0
            async for piece in stream:
                n_bytes += len(piece)
                if n_bytes > max_body_bytes:
                    raise _too_large(status, max_body_bytes)
                yield piece

        async def aclose(self) -> None:
            await stream.aclose()

    return Counted()


def _too_large(status: int, max_body_bytes: int) -> RequestFailed:
    return RequestFailed(
        f"HTTP {status}: expected a body of at most {max_body_bytes / MIB:g} MiB, decompressed, got more; raise "
        "`limits.max_reply_mib` of the model if such replies are meant",
        kind="reply_too_large",
        of_endpoint=True,
    )


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what led to it, the outermost first."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    return causes
