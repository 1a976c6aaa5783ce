"""Serving the viewer on an address of this machine until it is stopped."""

import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn

from eval_assets.config.settings import Settings
from eval_assets.errors import ConfigError
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.app import viewer_app
from eval_assets.viewer.viewed_project import ViewedProject

PORT = 3141
NEXT_PORTS = 20
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - a person asks for them by `--host`
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def serve(
    settings: Settings,
    *,
    host: str,
    port: int | None,
    dagster_url: str | None,
    can_edit: bool,
    on_ready: Callable[[str], None],
) -> None:
    """Answer requests until the process is told to stop.

    Args:
        settings: Of the project that is looked at.
        host: Name or address to listen at.
        port: Where; null: 3141, or the next that is free.
        dagster_url: Address of the Dagster UI, for links to runs.
        can_edit: Whether labels may be given, rows asked for again, prompts tried and saved.
        on_ready: Told the viewer's address once it listens.

    Raises:
        ConfigError: Nothing can listen there.
    """
    listening = _listening(host, port)
    address = f"http://{_written(host)}:{listening.getsockname()[1]}"
    warehouse = Warehouse(settings.warehouse_root, settings.storage_options)
    app = viewer_app(ViewedProject(settings, warehouse, dagster_url, can_edit), names_of(host))
    config = uvicorn.Config(app, log_level="warning", server_header=False, access_log=False, lifespan="on")
    on_ready(address)
    uvicorn.Server(config).run(sockets=[listening])


def names_of(host: str) -> tuple[str, ...]:
    """Names under which a server at an address is asked: of loopback all that it has, of all addresses the machine's.

    >>> names_of("127.0.0.1"), names_of("eval.internal")
    (('127.0.0.1', 'localhost', '[::1]'), ('eval.internal',))
    """
    if _written(host) in LOOPBACK:
        return LOOPBACK
    return (*LOOPBACK, *_own_names()) if host in ANY_ADDRESS else (_written(host).lower(),)


def _own_names() -> tuple[str, ...]:
    """This machine's names, and the addresses that they stand for."""
    names = dict.fromkeys((socket.gethostname().lower(), socket.getfqdn().lower()))
    try:
        known = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:  # a name that stands for no address
        known = []
    return (*names, *dict.fromkeys(_written(str(each[4][0])) for each in known))


def _listening(host: str, port: int | None) -> socket.socket:
    """A socket that listens; the first free port where none is named."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last = OSError("no port was tried")
    for each in range(PORT, PORT + NEXT_PORTS) if port is None else (port,):
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, each))
            found.listen()
        except OSError as error:
            found.close()
            last = error
        else:
            return found
    where = f"{host}, ports {PORT} to {PORT + NEXT_PORTS - 1}" if port is None else f"{host}:{port}"
    raise ConfigError(f"nothing can listen at {where}: {last.strerror or last}; choose another by --host and --port")


def _written(host: str) -> str:
    """A host as addresses write it."""
    try:
        return f"[{host}]" if ip_address(host).version == 6 else host  # noqa: PLR2004 - the protocol's number
    except ValueError:
        return host
