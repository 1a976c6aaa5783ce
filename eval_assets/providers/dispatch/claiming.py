"""Claiming requests before they are sent, where other machines send to the same models: all that wait, at once.

Which requests are whose is told in `storage.remote`. Of one event loop.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from eval_assets.errors import StoppedError
from eval_assets.storage.remote.lane_claims import NEVER, LaneClaims

POLL_SECONDS = 2.0
"""Between two looks at whether somebody else's requests were answered."""

LINGER_SECONDS = 0.2
"""Between two claims of a lane: what is wanted meanwhile is claimed together, while earlier ones wait their turn."""

Parking = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(slots=True)
class _Wanted:
    """A request to be claimed: whether it was free, then whether no reply can have come since it was looked for."""

    seen: int
    is_free: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    is_fresh: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def tell(self, *, is_free: bool) -> None:
        """Answer the first question, once."""
        if not self.is_free.done():
            self.is_free.set_result(is_free)


class Claiming:
    """Claims of all lanes that are asked ahead."""

    def __init__(self) -> None:
        """Nothing is wanted yet."""
        self._wanted: dict[LaneClaims, dict[str, _Wanted]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._said: set[str] = set()

    async def take(
        self,
        claims: LaneClaims,
        key: str,
        seen: int,
        *,
        parking: Parking,
        say: Callable[[str], None],
        stopped: Callable[[], bool],
    ) -> bool:
        """Claim a request; wait while somebody else has it. Returns false if its reply may have come: look again.

        Args:
            claims: Of its lane.
            key: Of the request.
            seen: What `LaneClaims.seen` was before its reply was looked for.
            parking: Entered while somebody else has it.
            say: Told in a sentence who is waited for.
            stopped: Whether to give up.

        Raises:
            StoppedError: `stopped` said so.
            StorageError: The store can't be reached.
        """
        if claims not in self._wanted:
            self._wanted[claims] = {}
            task = asyncio.get_running_loop().create_task(self._claim(claims, say, stopped))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        wanted = self._wanted[claims].setdefault(key, _Wanted(seen))
        wanted.seen = min(wanted.seen, seen)
        if await wanted.is_free:
            return await wanted.is_fresh
        async with parking():
            return await wanted.is_fresh

    async def aclose(self) -> None:
        """Claim nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _claim(self, claims: LaneClaims, say: Callable[[str], None], stopped: Callable[[], bool]) -> None:
        waiting = self._wanted[claims]
        looks_at = 0.0
        try:
            while waiting and not stopped():
                is_due = time.monotonic() >= looks_at
                if is_due:
                    looks_at = time.monotonic() + POLL_SECONDS
                await self._claim_once(
                    claims, [key for key in waiting if is_due or not waiting[key].is_free.done()], say
                )
                await asyncio.sleep(LINGER_SECONDS)
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait are told
            _refuse(waiting.values(), error)
        finally:
            _refuse(waiting.values(), StoppedError("the run was asked to stop"))
            del self._wanted[claims]

    async def _claim_once(self, claims: LaneClaims, keys: Sequence[str], say: Callable[[str], None]) -> None:
        waiting = self._wanted[claims]
        claimed = await asyncio.to_thread(claims.claim, {key: waiting[key].seen for key in keys})
        for key in claimed.fresh | claimed.stale:
            ours = waiting.pop(key)
            ours.tell(is_free=True)
            ours.is_fresh.set_result(key in claimed.fresh)
        for key, who in claimed.others.items():
            waiting[key].seen = NEVER
            waiting[key].tell(is_free=False)
            if str(who) not in self._said:
                self._said.add(str(who))
                say(f"{who} asks for some of the same; its replies will be reused")


@contextlib.asynccontextmanager
async def in_place() -> AsyncIterator[None]:
    """Wait without giving anything back."""
    yield


def _refuse(wanted: Iterable[_Wanted], error: Exception) -> None:
    """Tell those who wait that they can't have what they wait for."""
    for one in wanted:
        for future in (one.is_free, one.is_fresh):
            if not future.done():
                future.set_exception(error)
                future.exception()  # of the two, only one is waited for
