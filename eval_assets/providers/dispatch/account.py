"""The slots of one provider and account: its models take them in turn, from the loops of any threads."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from eval_assets.providers.dispatch.concurrency import Concurrency, Level


@dataclass(slots=True)
class Permit:
    """Leave to send one request; give it back with `Limiter.release`."""

    sent_at: float
    tokens: int
    is_resting: bool = False


@dataclass(slots=True, eq=False)
class Turn:
    """Someone waits to be served, in a loop of their own."""

    loop: asyncio.AbstractEventLoop
    tokens: int
    rested: Permit | None
    rank: int
    permit: Permit | None = None
    served: asyncio.Future[None] | None = None

    @property
    def keeps_its_slot(self) -> bool:
        """Whether it waits for another attempt, with a slot of its own."""
        return self.rested is not None and self.rested.is_resting

    def granted(self) -> Permit | None:
        """The permit, once it was served."""
        return self.permit

    def serve(self, permit: Permit) -> None:
        """Hand it its permit."""
        self.permit = permit
        if self.served is not None:
            _call_in(self.loop, self._wake)

    def _wake(self) -> None:
        if self.served is not None and not self.served.done():
            self.served.set_result(None)


class Waiting(Protocol):
    """Requests to one model of an account that wait for their turn."""

    @property
    def rank(self) -> float:
        """Of the next one: lower ranks go first, whatever the model."""
        ...

    def serve(self, now: float) -> tuple[float, asyncio.AbstractEventLoop] | None:
        """Start the next one, if one waits and a slot is free; else seconds to wait, and whose loop may wait."""
        ...


class Account:
    """The slots that models of one provider and account share, handed out in turns, to any thread.

    Args:
        level: The concurrency to begin with.
        clock: Seconds that only grow.
    """

    def __init__(self, level: Level | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.concurrency = Concurrency(clock(), level)
        self.in_flight = self.resting = 0
        self._models: list[Waiting] = []
        self._alarm: tuple[float, asyncio.AbstractEventLoop] | None = None

    def join(self, limiter: Waiting, max_concurrency: int, start: int = 1) -> None:
        """Take in one more model."""
        with self.lock:
            self._models.append(limiter)
            self.concurrency.raise_ceiling(max_concurrency, start)

    @property
    def has_room(self) -> bool:
        """Whether a new request may start beside those under way and those that keep their slot."""
        return self.in_flight + self.resting < self.concurrency.limit

    def serve(self) -> None:
        """Start whatever may start now, by rank, and of one rank one of each model in turn; with the lock held."""
        now = self.clock()
        while self.in_flight < self.concurrency.limit:
            delays: list[tuple[float, asyncio.AbstractEventLoop]] = []
            for limiter in sorted(self._models, key=lambda model: model.rank):
                delay = limiter.serve(now)
                if delay is not None and delay[0] == 0:
                    self._models.remove(limiter)
                    self._models.append(limiter)
                    break
                delays += [] if delay is None else [delay]
            else:
                if delays:
                    self._wake_in(now, *min(delays, key=lambda delay: delay[0]))
                return

    def forget_alarm(self, loop: asyncio.AbstractEventLoop) -> None:
        """Rely no more on a loop that may be about to stop; call it with the lock held."""
        if self._alarm is not None and self._alarm[1] is loop:
            self._alarm = None

    def _wake_in(self, now: float, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._alarm is None or self._alarm[0] > now + seconds:
            self._alarm = (now + seconds, loop)
            _call_in(loop, lambda: loop.call_later(seconds, self._ring))

    def _ring(self) -> None:
        with self.lock:
            self._alarm = None
            self.serve()


def _call_in(loop: asyncio.AbstractEventLoop, action: Callable[[], object]) -> None:
    """Call something in a loop: at once in its own thread, else as soon as it can."""
    if asyncio._get_running_loop() is loop:  # noqa: SLF001  `get_running_loop` raises where none runs
        action()
    else:
        loop.call_soon_threadsafe(action)
