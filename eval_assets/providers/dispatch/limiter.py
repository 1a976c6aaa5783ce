"""How many requests may be under way at one provider and account, and when the next may start.

Knows nothing of requests or replies; `sending` reports what happened to each.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from eval_assets.config.model import Limits

BURST_SECONDS = 1.0
MAX_MOVES = 200
LONGEST_WAIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Move:
    """A change of the concurrency limit, `seconds` after the first request."""

    seconds: float
    limit: int
    why: str


@dataclass(frozen=True, slots=True)
class Quota:
    """What a provider says is left in its current window, as its response headers tell; null where they don't."""

    remaining_requests: int | None = None
    reset_requests_seconds: float | None = None
    remaining_tokens: int | None = None
    reset_tokens_seconds: float | None = None


@dataclass(slots=True)
class Permit:
    """Leave to send one request; give it back with `Limiter.release`."""

    sent_at: float
    tokens: int


class _Bucket:
    """A ceiling per minute. Its level may fall below zero; nothing starts until it has recovered."""

    def __init__(self, per_minute: float, now: float) -> None:
        self.rate = per_minute / 60
        self.capacity = max(1.0, self.rate * BURST_SECONDS)
        self.level = self.capacity
        self.filled_at = now

    def seconds_until_free(self, now: float) -> float:
        self.level = min(self.capacity, self.level + (now - self.filled_at) * self.rate)
        self.filled_at = now
        # A microscopic deficit is rounding, not a reason to sleep.
        return max(0.0, (min(1.0, self.capacity) - self.level) / self.rate) if self.level < 1.0 - 1e-9 else 0.0


class Limiter:
    """Adaptive concurrency for one provider and account; lives in one event loop.

    The first request goes alone, unless more may start. Each success then adds one slot, which doubles the limit per
    round trip, until the first 429; from there a full round trip adds one slot, and a 429 halves the limit, once per
    round trip.

    Args:
        limits: `max_concurrency`, `start_concurrency` and the ceilings per minute.
        clock: Seconds that only grow.
    """

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ceiling = limits.max_concurrency
        now = clock()
        self._requests = _Bucket(limits.requests_per_minute, now) if limits.requests_per_minute else None
        self._tokens = _Bucket(limits.tokens_per_minute, now) if limits.tokens_per_minute else None
        self._exact = float(min(limits.start_concurrency, self._ceiling))
        self._slow_start = True
        self._slowed_at = float("-inf")
        self._paused_until = float("-inf")
        self._full_at = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._began = now
        self.in_flight = 0
        self.moves: list[Move] = [
            Move(0.0, self.limit, "first request alone" if self.limit == 1 else "as many as may start")
        ]

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return int(self._exact)

    async def acquire(self, tokens: int = 0) -> Permit:
        """Wait until a request may start.

        Args:
            tokens: Estimated size of request and reply, counted against `tokens_per_minute`.
        """
        while (delay := self._delay()) != 0.0:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            if delay is not None:
                self._wake_in(delay)
            try:
                await turn
            except asyncio.CancelledError:
                # The turn may have been given to us already: pass it on.
                self._wake()
                raise
        self.in_flight += 1
        for bucket, amount in ((self._requests, 1), (self._tokens, tokens)):
            if bucket is not None:
                bucket.level -= amount
        now = self._clock()
        if self.in_flight >= self.limit:
            self._full_at = now
        return Permit(now, tokens)

    def release(self, permit: Permit, *, answered: bool, tokens: int | None = None) -> None:
        """Take a permit back.

        Args:
            permit: From `acquire`.
            answered: The provider answered, if only to refuse this request: it has capacity.
            tokens: What was really used, if known.
        """
        self.in_flight -= 1
        if tokens is not None and self._tokens is not None:
            self._tokens.level += permit.tokens - tokens
        # Growth needs proof: only who was under way when all slots were taken shows that they can be.
        if answered and self._slowed_at <= permit.sent_at <= self._full_at:
            self._move(self._exact + (1.0 if self._slow_start else 1.0 / self._exact), self._growth())
        self._wake()

    def slow_down(self, permit: Permit, why: str, retry_after_seconds: float | None = None) -> None:
        """Halve the limit, unless this request was sent before the last time; wait if the provider says so."""
        now = self._clock()
        if retry_after_seconds:
            self._paused_until = max(self._paused_until, now + retry_after_seconds)
            why = f"{why}, wait {retry_after_seconds:g} s"
        self._slow_start = False
        if permit.sent_at >= self._slowed_at:
            self._slowed_at = now
            self._move(self._exact / 2, why)

    def heed(self, quota: Quota) -> None:
        """Wait for the provider's window to reset when it says that nothing is left; call it once for each reply.

        A window longer than `LONGEST_WAIT_SECONDS` isn't slept through: the provider itself tells the next request.
        """
        for remaining, reset, what in (
            (quota.remaining_requests, quota.reset_requests_seconds, "requests"),
            (quota.remaining_tokens, quota.reset_tokens_seconds, "tokens"),
        ):
            # Below 0 stands for "unknown".
            if remaining == 0 and reset:
                until = self._clock() + min(reset, LONGEST_WAIT_SECONDS)
                if until > self._paused_until:
                    self._paused_until = until
                    self._record(f"no {what} left in the provider's window, wait {reset:g} s")

    def _growth(self) -> str:
        return "slow start" if self._slow_start else "no 429 for a round trip"

    def _delay(self) -> float | None:
        """Seconds until a request may start; 0 is now, null when a slot comes free."""
        if self.in_flight >= self.limit:
            return None
        now = self._clock()
        delay = max(0.0, self._paused_until - now)
        for bucket in (self._requests, self._tokens):
            if bucket is not None:
                delay = max(delay, bucket.seconds_until_free(now))
        return delay

    def _wake(self) -> None:
        """Let as many look again as there are free slots."""
        free = self.limit - self.in_flight
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1

    def _wake_in(self, seconds: float) -> None:
        # Pauses and levels change while an alarm is set: the newest waiter knows best.
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(seconds, self._wake)

    def _move(self, limit: float, why: str) -> None:
        before = self.limit
        self._exact = min(max(1.0, limit), float(self._ceiling))
        if self.limit != before:
            self._record(why)

    def _record(self, why: str) -> None:
        move = Move(round(self._clock() - self._began, 3), self.limit, why)
        # A climb is one move however many steps it has.
        if self.moves[-1].why == why and why == self._growth():
            self.moves[-1] = move
        elif len(self.moves) < MAX_MOVES:
            self.moves.append(move)
        else:
            self.moves[-1] = move
