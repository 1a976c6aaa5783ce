"""Calls of the endpoints of batches: how long they may take, and what it means that there is nothing there."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from eval_assets.config.model import Model
from eval_assets.providers.batches.service import BatchLost, Result
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.failures import PartitionFailure, TransientFailure
from eval_assets.requests.exchange import Reply, Request

CALL_SECONDS = 60.0
TRANSFER_SECONDS = 3_600.0
RESULT_MIB = 4 * 1024
"""Largest file of results that is read."""

CLOCKS_DIFFER = timedelta(days=1)
"""By how much the provider's clock may differ from ours, when we look for a batch of ours."""

CANCELLED = "batch_cancelled"


class ReadByClient:
    """What every service of batches does by the client that spells its requests, given as `_client`."""

    _client: OpenAIClient

    def read(self, result: Result, request: Request, requested_at: datetime) -> Reply:
        """The reply in a result; raises the failure that it stands for."""
        if result.failure is not None:
            raise result.failure
        return self._client.reply_in(result.status, result.body, request, requested_at=requested_at)

    async def aclose(self) -> None:
        """Disconnect."""
        await self._client.aclose()


async def answer_of(
    client: OpenAIClient,
    call: Callable[[Any], Awaitable[Any]],
    path: str,
    seconds: float = CALL_SECONDS,
    *,
    lost: bool = False,
) -> Any:
    """What an endpoint of batches answers.

    Args:
        client: Connects.
        call: Asks the SDK's client.
        path: Of the endpoint, for messages.
        seconds: How long it may take.
        lost: Whether it is about something that was there.

    Raises:
        AttemptFailure: Nothing came; `BatchLost` where what was there is there no more.
    """
    try:
        async with asyncio.timeout(seconds):
            return await client.called(call, path)
    except TimeoutError:
        raise TransientFailure(f"no answer of {path} within {seconds:g} s", kind="timeout") from None
    except PartitionFailure as failure:
        if failure.kind != "unknown_model":
            raise
        if lost:
            raise BatchLost(f"the provider doesn't know {path} any more: {failure}") from None
        said = f"this endpoint takes no batches; leave `mode: batch` out, or run with --now ({failure})"
        raise PartitionFailure(said, "no_batches") from None


def with_room_for_results(model: Model) -> Model:
    """The model file, with files of results in place of single replies."""
    limits = model.file.limits.model_copy(update={"max_reply_mib": RESULT_MIB})
    return model.model_copy(update={"file": model.file.model_copy(update={"limits": limits})})
