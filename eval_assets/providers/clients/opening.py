"""Making the client of a model: at once, or with the first request that must be sent."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval_assets.config.model import Model
from eval_assets.errors import ConfigError
from eval_assets.providers.batches.service import BatchService
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.dispatch.limiter import Quota
from eval_assets.providers.identity import identity_of, implementation_of
from eval_assets.providers.images import has_image_files, with_image_data
from eval_assets.providers.traits import provider_of
from eval_assets.requests.exchange import AtHand, Client, Reply, Request


def open_client(model: Model, surroundings: Surroundings, *, implementation: str | None = None) -> Client:
    """Make the client of a model; nothing is asked of the model yet.

    Args:
        model: A model of `data/models`.
        surroundings: Where; the server of an embedded model is started.
        implementation: Hash of the code or file that has to answer; null for whatever is there.

    Raises:
        MissingKeyError: A secret that the model needs isn't set.
        ConfigError: The callable, the file of predictions or the embedded model can't be used, or is another one.
        ProviderError: The embedded model doesn't start, or a package isn't installed.
    """
    _refuse_another(model, surroundings, implementation)
    client = provider_of(model).open_client(model, surroundings)
    _refuse_another(model, surroundings, implementation)  # it may have been edited while it was read
    return client


def batches_of(model: Model, surroundings: Surroundings) -> BatchService:
    """The batches of a model; nothing is asked of its provider yet.

    Raises:
        MissingKeyError: A secret that the model needs isn't set.
        ConfigError: Its provider takes none.
    """
    opening = provider_of(model).open_batches
    if opening is None:
        raise ConfigError(f"model {model.name!r}: provider {model.file.provider!r} takes no batches")
    return opening(model, surroundings)


class OnDemandClient:
    """Opens the real client when something must be sent: a run that reuses everything needs no key and no server.

    Args:
        open_client: Makes the real client; may start a server or refuse a missing key.
        shared_columns: Columns added to every request as it is sent (a retriever's documents). They aren't in the
            request key; whoever passes them puts their hash into the model's identity.
        is_at_hand: Whether the real client is `AtHand`.
        images: Folder of images that are files: they are sent as data URLs, and are in the request key by their hash.
    """

    def __init__(
        self,
        open_client: Callable[[], Client],
        shared_columns: Mapping[str, Any] | None = None,
        *,
        is_at_hand: bool = False,
        images: Path = Path(),
    ) -> None:
        self._open = open_client
        self._images = images
        self._shared = dict(shared_columns or {})
        self._client: Client | None = None
        self.is_at_hand = is_at_hand
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
        if has_image_files(request):
            request = await asyncio.to_thread(with_image_data, request, self._images)
        return await self._client.complete(request)

    def reply_to(self, request: Request) -> Reply:
        """The reply of a client that has them at hand; raises as the real client does, and as opening it does."""
        if self._client is None:
            self._client = self._open()
        at_hand: AtHand = self._client  # type: ignore[assignment]  # that it is one is what `is_at_hand` says
        return at_hand.reply_to(request)

    async def aclose(self) -> None:
        """Close the real client if it was opened."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _refuse_another(model: Model, surroundings: Surroundings, implementation: str | None) -> None:
    """Refuse code or a file that is no longer what a model's version names: its answers would be kept as of the other.

    Raises:
        ConfigError: It was edited since the model was materialized.
    """
    now = None if implementation is None else implementation_of(model, surroundings.models_dir, surroundings.given)
    if now != implementation:
        raise ConfigError(
            f"expected {model.file.provider} {identity_of(model).model_id!r} as it was when model {model.name!r} was "
            f"materialized, it was edited since; materialize models[{model.name}] again, or use `eval-assets run`, "
            "which does"
        )
