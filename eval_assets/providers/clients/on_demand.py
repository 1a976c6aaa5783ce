"""Clients that open with their first request, and requests with columns that all examples share."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from eval_assets.providers.dispatch.limiter import Quota
from eval_assets.requests.exchange import Client, Reply, Request


class OnDemandClient:
    """Opens the real client when something must be sent: a run that reuses everything needs no key and no server.

    Args:
        open_client: Makes the real client; may start a server or refuse a missing key.
        shared_columns: Columns added to every request as it is sent (a retriever's documents). They aren't in the
            request key; whoever passes them puts their hash into the model's identity.
    """

    def __init__(self, open_client: Callable[[], Client], shared_columns: Mapping[str, Any] | None = None) -> None:
        self._open = open_client
        self._shared = dict(shared_columns or {})
        self._client: Client | None = None
        self._opening = asyncio.Lock()

    @property
    def quota(self) -> Quota | None:
        """What the provider last said is left in its window."""
        return getattr(self._client, "quota", None)

    async def complete(self, request: Request) -> Reply:
        """Send one request; raises as the real client does, and as opening it does."""
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(self._open)
        if self._shared:
            request = replace(request, columns={**request.columns, **self._shared})
        return await self._client.complete(request)

    async def aclose(self) -> None:
        """Close the real client if it was opened."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
