r"""A server on loopback that answers with bytes as they stand, for what no well-made server can be brought to send.

with RawServer(lambda number: [b"HTTP/1.1 200 OK\r\n\r\n", b"..."]) as server:
...
assert server.requests == 1
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Self

Answering = Callable[[int], Iterable[bytes]]


class RawServer:
    """Reads each request and sends what `answering` yields for its number, then closes the connection.

    Args:
        answering: Called with 0, 1, …; may yield for ever, sending ends when the client hangs up.
        tls: Speaks TLS with this certificate.
    """

    def __init__(self, answering: Answering, *, tls: ssl.SSLContext | None = None) -> None:
        self._answering, self._tls = answering, tls
        self.requests = 0
        self.sent_bytes = 0
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        scheme = "http" if tls is None else "https"
        self.base_url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            received = b""
            while b"\r\n\r\n" not in received:
                if not (piece := connection.recv(65_536)):
                    return
                received += piece
            head, _, body = received.partition(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            while len(body) < length:
                body += connection.recv(65_536)
            number, self.requests = self.requests, self.requests + 1
            self.heads.append(head.decode("latin-1"))
            self.bodies.append(body)
            for piece in self._answering(number):
                connection.sendall(piece)
                self.sent_bytes += len(piece)
