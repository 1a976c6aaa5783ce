"""Requests that are asked at the same time, given together to code that takes many examples at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from eval_assets.providers.failures import RequestFailed
from eval_assets.requests.exchange import Request

BATCH_ROWS = 64
"""Examples given at once where a model file states no `batch_size`; never more than are under way."""

GATHER_SECONDS = 0.005
"""How long a batch that isn't full waits for further rows."""


class Batches:
    """Gathers requests, and hands out the replies to each.

    Args:
        answer: Answers many requests: as many replies in their order, of which an exception fails its own row.
        most: Requests in a batch.
        target: How messages name the code.
    """

    def __init__(self, answer: Callable[[list[Request]], Awaitable[Any]], most: int, target: str) -> None:
        self._answer_all, self._most, self._target = answer, most, target
        self._waiting: list[tuple[Request, asyncio.Future[Any]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def reply(self, request: Request) -> Any:
        """The reply to one request."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((request, future))
        if self._timer is not None:
            self._timer.cancel()
        if len(self._waiting) >= self._most:
            self._send()
        else:
            self._timer = loop.call_later(GATHER_SECONDS, self._send)
        return await future

    def _send(self) -> None:
        batch, self._waiting, self._timer = self._waiting, [], None
        if batch:
            task = asyncio.get_running_loop().create_task(self._answer(batch))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _answer(self, batch: Sequence[tuple[Request, asyncio.Future[Any]]]) -> None:
        try:
            replies = self._one_each(await self._answer_all([request for request, _ in batch]), len(batch))
        except BaseException as error:  # noqa: BLE001  code of the user, told to each row
            told = error if isinstance(error, RequestFailed) else RuntimeError(f"the batch raised {_named(error)}")
            replies = [told] * len(batch)
        for (_, future), reply in zip(batch, replies, strict=True):
            if future.done():
                continue
            if isinstance(reply, BaseException):
                future.set_exception(reply if isinstance(reply, Exception) else RuntimeError(_named(reply)))
            else:
                future.set_result(reply)

    def _one_each(self, found: Any, n_rows: int) -> list[Any]:
        if hasattr(found, "to_dict") and hasattr(found, "columns"):  # a pandas frame
            found = found.to_dict("records")
        replies = found.tolist() if hasattr(found, "tolist") else list(found)
        if len(replies) != n_rows:
            raise ValueError(f"expected {self._target} to return {n_rows} replies, one a row, got {len(replies)}")
        return replies


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
