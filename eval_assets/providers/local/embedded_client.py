"""Provider `embedded`: asks the bundled model over HTTP, and has its server started again when it died."""

import asyncio
from dataclasses import replace

from eval_assets.config.model import Model
from eval_assets.errors import ProviderError
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import PartitionFailure
from eval_assets.providers.local.embedded import EmbeddedServers
from eval_assets.requests.exchange import Reply, Request

MOST_RESTARTS = 5

MOST_AT_ONCE = 4
"""Each request at once costs the server 90 MB, and beyond a few they only slow each other down."""


class EmbeddedClient:
    """Answers with a bundled model.

    A request under way when the server dies fails like any broken connection and is attempted again, by then on the
    next server. After `MOST_RESTARTS` servers without one reply between them the cell stops: starting more won't help.

    Args:
        model: Of provider `embedded`.
        servers: Owner of the servers.

    Raises:
        ConfigError: There is no bundled model of that name.
        ProviderError: The weights are absent, or the server didn't start.
    """

    def __init__(self, model: Model, servers: EmbeddedServers) -> None:
        self._file, self._model_id, self._servers = model.file, str(model.file.model), servers
        self._base_url = self._address()
        self._client = self._connected()
        self._former: list[OpenAIClient] = []
        self._n_restarts = 0
        self._restarting = asyncio.Lock()

    async def complete(self, request: Request) -> Reply:
        """Send one request; raises a failure of `failures` unless a reply came."""
        async with self._restarting:
            await self._restart_if_dead()
        reply = await self._client.complete(request)
        self._n_restarts = 0
        # Its server names a file of this machine.
        return replace(reply, answered_by=None, system_fingerprint=None, service_tier=None)

    async def aclose(self) -> None:
        """Close connections; the server belongs to its owner."""
        for client in (*self._former, self._client):
            await client.aclose()

    async def _restart_if_dead(self) -> None:
        died = self._servers.ending(self._model_id, threads=self._file.threads)
        if died is None:
            return
        if self._n_restarts >= MOST_RESTARTS:
            raise PartitionFailure(
                f"the server of {self._model_id!r} died {self._n_restarts + 1} times in a row ({died}) without a "
                "reply between; is there memory for it?",
                kind="server_died",
            )
        self._n_restarts += 1
        try:
            self._base_url = await asyncio.to_thread(self._address)
        except ProviderError as error:
            raise PartitionFailure(str(error), kind="server_died") from error
        # Requests under way on the former client end by themselves.
        self._former.append(self._client)
        self._client = self._connected()

    def _address(self) -> str:
        n_parallel = min(self._file.limits.max_concurrency, MOST_AT_ONCE)
        return self._servers.base_url(self._model_id, threads=self._file.threads, n_parallel=n_parallel)

    def _connected(self) -> OpenAIClient:
        return OpenAIClient(
            model_id=self._model_id,
            base_url=self._base_url,
            max_connections=self._file.limits.max_concurrency,
            max_reply_mib=self._file.limits.max_reply_mib,
            streams=self._file.stream,
        )


def open_embedded(model: Model, surroundings: Surroundings) -> EmbeddedClient:
    """The client of a model file; starts its server."""
    return EmbeddedClient(model, surroundings.embedded)
