"""When the next request to a model may start: the slots of its account, its own ceilings, and what its provider says.

Knows nothing of requests or replies; `attempts` reports what happened to each. How many slots an account has is decided
in `concurrency`.
"""

import asyncio
import threading
import time
from bisect import insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from eval_assets.config.model import Limits
from eval_assets.providers.dispatch.account import Account, Permit, Turn
from eval_assets.providers.dispatch.bucket import Bucket
from eval_assets.providers.dispatch.concurrency import Move
from eval_assets.providers.dispatch.remembered import remember_levels, remembered_levels

LONGEST_WAIT_SECONDS = 600.0
RANK_OF_RESTED = -1


@dataclass(slots=True)
class Quota:
    """What a provider says is left in its current window, as its response headers tell; null where they don't.

    `is_heeded` is set by the limiter that was told.
    """

    remaining_requests: int | None = None
    reset_requests_seconds: float | None = None
    remaining_tokens: int | None = None
    reset_tokens_seconds: float | None = None
    is_heeded: bool = False


class Limiter:
    """Slots for one model: those of its account, within its own ceilings.

    Args:
        limits: `max_concurrency`, `start_concurrency` and the ceilings per minute.
        account: Whose slots; an account of its own when null.
        clock: Seconds that only grow.
    """

    def __init__(
        self, limits: Limits, account: Account | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._account = account or Account(clock=clock)
        self._clock, self._lock, self._concurrency = (
            self._account.clock,
            self._account.lock,
            self._account.concurrency,
        )
        self._ceiling = limits.max_concurrency
        now = self._clock()
        self._requests = Bucket(limits.requests_per_minute, now) if limits.requests_per_minute else None
        self._tokens = Bucket(limits.tokens_per_minute, now) if limits.tokens_per_minute else None
        self._paused_until = float("-inf")
        self._new: list[Turn] = []
        self._rested: deque[Turn] = deque()
        self.in_flight = 0
        self._account.join(self, self._ceiling, limits.start_concurrency)

    @property
    def limit(self) -> int:
        """How many requests of the account may be under way now."""
        return self._concurrency.limit

    def moves(self, since: float) -> tuple[Move, ...]:
        """How the limit was, and how it moved, since a moment of the clock."""
        with self._lock:
            return self._concurrency.moves(since)

    @property
    def rank(self) -> float:
        """Of the request that is to start next; above all others without one."""
        if self._rested:
            return RANK_OF_RESTED
        return self._new[0].rank if self._new else float("inf")

    async def acquire(self, tokens: int = 0, rested: Permit | None = None, *, rank: int = 0) -> Permit:
        """Wait until a request may start.

        Args:
            tokens: Estimated size of request and reply, counted against `tokens_per_minute`.
            rested: Its former permit, if it kept its slot while it rested: it goes before new ones.
            rank: Requests of a lower rank start first, whatever the model; of one rank, the models take turns.
        """
        turn = Turn(asyncio.get_running_loop(), tokens, rested, rank)
        with self._lock:
            if turn.keeps_its_slot:
                self._rested.append(turn)
            else:
                insort(self._new, turn, key=lambda waiting: waiting.rank)
            self._account.serve()
            if (permit := turn.granted()) is not None:
                return permit
            turn.served = turn.loop.create_future()
        try:
            await turn.served
        except asyncio.CancelledError:
            self._leave(turn)
            raise
        permit = turn.granted()
        assert permit is not None  # noqa: S101  served
        return permit

    def release(self, permit: Permit, *, answered: bool, tokens: int | None = None, rests: bool = False) -> None:
        """Take a permit back.

        Args:
            permit: From `acquire`.
            answered: The provider answered, if only to refuse this request: it has capacity.
            tokens: What was really used, if known.
            rests: The request keeps its slot while it waits for another attempt, or until `forgo`.
        """
        with self._lock:
            self.in_flight -= 1
            self._account.in_flight -= 1
            permit.is_resting = rests
            self._account.resting += rests
            if tokens is not None and self._tokens is not None:
                self._tokens.level += permit.tokens - tokens
            if answered:
                self._concurrency.answered(permit.sent_at, self._clock())
            self._account.serve()

    def forgo(self, permit: Permit) -> None:
        """Give up the slot that a request keeps, if it does."""
        if permit.is_resting:
            with self._lock:
                self._wakes_up(permit)
                self._account.serve()

    def slow_down(self, permit: Permit, why: str, retry_after_seconds: float | None = None) -> None:
        """A request was refused because there are too many: that alone slows it, a whole share of them slows all."""
        with self._lock:
            self._concurrency.refused(permit.sent_at, self._clock(), why, retry_after_seconds)

    def heed(self, quota: Quota) -> None:
        """Wait for the provider's window to reset when it says that nothing is left.

        What a reply said is heeded once, not again when attempts follow that bring no headers. A window longer than
        `LONGEST_WAIT_SECONDS` isn't slept through: the provider itself tells the next request.
        """
        if quota.is_heeded:
            return
        quota.is_heeded = True
        for remaining, reset, what in (
            (quota.remaining_requests, quota.reset_requests_seconds, "requests"),
            (quota.remaining_tokens, quota.reset_tokens_seconds, "tokens"),
        ):
            # Below 0 stands for "unknown".
            if remaining == 0 and reset:
                with self._lock:
                    now = self._clock()
                    until = now + min(reset, LONGEST_WAIT_SECONDS)
                    if until > self._paused_until:
                        self._paused_until = until
                        self._concurrency.note(now, f"no {what} left in the provider's window, wait {reset:g} s")

    def serve(self, now: float) -> tuple[float, asyncio.AbstractEventLoop] | None:
        """Start the next request, if one waits and a slot is free; else seconds to wait, and whose loop may wait."""
        turns: list[Turn] | deque[Turn] = self._rested
        if not turns and self._account.has_room:
            turns = self._new
        if not turns or self.in_flight >= self._ceiling:
            return None
        turn = turns[0]
        delay = max(0.0, max(self._paused_until, self._concurrency.paused_until) - now)
        for bucket in (self._requests, self._tokens):
            if bucket is not None:
                delay = max(delay, bucket.seconds_until_free(now))
        if delay == 0:
            del turns[0]
            self.in_flight += 1
            self._account.in_flight += 1
            if turn.rested is not None:
                self._wakes_up(turn.rested)
            self._fill(1, turn.tokens)
            self._concurrency.started(self._account.in_flight + self._account.resting, now)
            turn.serve(Permit(now, turn.tokens))
        return delay, turn.loop

    def _leave(self, turn: Turn) -> None:
        """Give up waiting; a slot that was given already is passed on."""
        with self._lock:
            if turn.permit is None:
                (self._rested if turn in self._rested else self._new).remove(turn)
            else:
                self.in_flight -= 1
                self._account.in_flight -= 1
                self._fill(-1, -turn.tokens)
            self._account.forget_alarm(turn.loop)
            self._account.serve()

    def _wakes_up(self, permit: Permit) -> None:
        self._account.resting -= permit.is_resting
        permit.is_resting = False

    def _fill(self, requests: int, tokens: int) -> None:
        for bucket, amount in ((self._requests, requests), (self._tokens, tokens)):
            if bucket is not None:
                bucket.level -= amount


@dataclass
class Limiters:
    """One limiter per model and one account per provider and key, for the life of the process.

    Args:
        path: Where the concurrency that worked is remembered; null forgets it.
    """

    path: Path | None = None
    _accounts: dict[str, Account] = field(default_factory=dict)
    _limiters: dict[tuple[str, str, int, float | None, float | None], Limiter] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._known = {} if self.path is None else remembered_levels(self.path)

    def of(self, account: str, model_id: str, limits: Limits) -> Limiter:
        """The limiter of a model; models that state the same limits for one id share it.

        Args:
            account: Name of the account, as `identity.account_of` makes it.
            model_id: As the provider knows it.
            limits: Its own ceilings. Together the models of an account use at most the largest `max_concurrency`.
        """
        ceilings = (limits.max_concurrency, limits.requests_per_minute, limits.tokens_per_minute)
        with self._lock:
            if account not in self._accounts:
                self._accounts[account] = Account(self._known.get(account))
            shared = self._accounts[account]
            if (account, model_id, *ceilings) not in self._limiters:
                self._limiters[account, model_id, *ceilings] = Limiter(limits, shared)
            return self._limiters[account, model_id, *ceilings]

    def remember(self) -> None:
        """Keep what worked so far for the next process."""
        with self._lock:
            levels = {account: shared.concurrency.level for account, shared in self._accounts.items()}
            news = {account: level for account, level in levels.items() if level and level != self._known.get(account)}
            if news and self.path is not None:
                remember_levels(self.path, news)
            self._known |= news
