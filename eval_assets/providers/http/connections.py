"""Why a request got no response: there never was a connection, or it broke. The SDK says neither, its causes do."""

import socket
import ssl

from eval_assets.providers.failures import TransientFailure

NO_SUCH_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


def failed_connection(error: BaseException, address: str) -> TransientFailure:
    """What a failed request says about the endpoint; kind `connection` if nothing was ever sent.

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


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what led to it, the outermost first."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    return causes
