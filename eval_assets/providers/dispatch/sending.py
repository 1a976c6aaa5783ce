"""Sending requests and keeping what comes back: concurrency, deadlines, retries, budget.

Runs inside the event loop. What is sent at all, and who gets the answers, is decided in `engine`.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from eval_assets.config.model import Limits
from eval_assets.config.prices import Prices
from eval_assets.errors import BudgetExceededError, StoppedError, StorageError
from eval_assets.providers.attempts import Attempts
from eval_assets.providers.dispatch.account import Permit
from eval_assets.providers.dispatch.at_hand import reply_at_hand
from eval_assets.providers.dispatch.concurrency import Move
from eval_assets.providers.dispatch.costs import (
    expected_prompt_tokens,
    max_completion_tokens,
    reply_cost_usd,
    worst_case_usd,
)
from eval_assets.providers.dispatch.in_batches import LaneBatches
from eval_assets.providers.dispatch.limiter import Limiter
from eval_assets.providers.dispatch.progress import Tally
from eval_assets.providers.failures import PartitionFailure, failed_reply
from eval_assets.providers.redaction import redacted
from eval_assets.requests.budget import Budget
from eval_assets.requests.exchange import AtHand, Client, Reply, Request
from eval_assets.storage.remote.lane_claims import LaneClaims
from eval_assets.storage.replies.lane_writer import LaneWriter
from eval_assets.storage.replies.stored_replies import StoredReply
from eval_assets.wording.numbers import money_text

WAKE_SECONDS = 0.01
SETTLING_SECONDS = 0.1
BYTES_PER_REPLY = 64 * 2**10
BYTES_PER_TOKEN = 8
BYTES_PER_TOKEN_WITH_LOGPROBS = 4 * 2**10


@dataclass(slots=True, eq=False)
class Exchange:
    """One request on its way: first what is sent, then what came back; `stored` is null for an error.

    Who waits for it in the sender's own loop sets `answered`; it raises what ended the sending. One that was taken over
    isn't sent: this process stood still for so long that another one claimed it.
    """

    request: Request
    request_key: str
    canonical: str
    reply: Reply | None = None
    stored: StoredReply | None = None
    answered: asyncio.Future[None] | None = None
    is_taken_over: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which conditions requests are sent.

    Of all that wait for the same account, lower ranks go first. Once the caller breaks off, those under way may take
    `grace_seconds`. What waits in `batches` isn't sent.
    """

    run_id: str
    limits: Limits
    limiter: Limiter
    prices: Prices
    budget: Budget | None
    rank: int
    grace_seconds: float
    batches: LaneBatches


class Sender:
    """Sends requests concurrently, in order of arrival, without barriers.

    `submit`, `finished` and `halt` are called from another thread; the rest runs in the loop.
    """

    def __init__(
        self,
        client: Client,
        writer: LaneWriter,
        terms: Terms,
        tally: Tally,
        loop: asyncio.AbstractEventLoop,
        *,
        claims: LaneClaims | None = None,
    ) -> None:
        self.ending: BaseException | None = None
        self._writer, self._terms, self._tally, self._loop, self._claims = writer, terms, tally, loop, claims
        self._began = time.monotonic()
        self._at_hand: AtHand | None = client if getattr(client, "is_at_hand", False) else None  # type: ignore[assignment]
        self._queue: deque[Exchange] = deque()
        self._more = asyncio.Event()
        self._changed = asyncio.Event()
        self._waiting: dict[asyncio.Task[None], tuple[Exchange, float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._done: deque[Exchange] = deque()
        self._news = threading.Event()
        self._news_scheduled = False
        self._attempts = Attempts(client, terms.limiter, terms.limits, tally, is_ending=lambda: self.ending is not None)
        self._dispatcher = loop.create_task(self._dispatch())
        self._dispatcher.add_done_callback(self._forget)

    @property
    def n_queued(self) -> int:
        """Requests that wait to be sent."""
        return len(self._queue)

    @property
    def n_in_flight(self) -> int:
        """Requests sent and not finished, or waiting for another attempt."""
        return len(self._tasks)

    def moves(self) -> tuple[Move, ...]:
        """How many requests were sent at once, since this sender was there."""
        return self._terms.limiter.moves(self._began)

    def submit(self, exchanges: list[Exchange]) -> None:
        """Queue requests; those whose replies are at hand are answered at once."""
        if self._at_hand is not None and self._terms.budget is None:
            self._answer(self._at_hand, exchanges)
            return
        self._loop.call_soon_threadsafe(self._enqueue, exchanges)

    async def send(self, exchange: Exchange) -> None:
        """Send a request and wait for its final reply; raises what ended the sending."""
        exchange.answered = self._loop.create_future()
        self._enqueue([exchange])
        await exchange.answered

    def finished(self, timeout: float) -> list[Exchange]:
        """Requests that got their final reply since the last call; waits for news."""
        self._news.wait(timeout)
        self._news.clear()
        return [self._done.popleft() for _ in range(len(self._done))]

    def halt(self, reason: BaseException) -> None:
        """Send nothing more; what is under way completes."""
        self._loop.call_soon_threadsafe(self._end, reason)

    async def drain(self, seconds: float, reason: BaseException | None = None) -> None:
        """Stop sending, wait for what is under way, give up on what takes longer than this."""
        self._end(reason or StoppedError("the engine was closed"))
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await asyncio.gather(self._dispatcher, *self._waiting, return_exceptions=True)

    def _answer(self, client: AtHand, exchanges: list[Exchange]) -> None:
        """Take all replies in this thread."""
        while self._writer.is_behind:
            time.sleep(WAKE_SECONDS)
        came: list[tuple[Exchange, Reply]] = []
        for exchange in exchanges:
            exchange.reply = reply = reply_at_hand(client, exchange.request)
            if reply.outcome != "error":
                cost = reply_cost_usd(reply, self._terms.prices)
                came.append((exchange, reply if cost is None else replace(reply, cost_usd=cost)))
        records = [(exchange.request_key, exchange.canonical, reply) for exchange, reply in came]
        kept = self._writer.append_at_hand(records, self._terms.run_id)
        for (exchange, _), stored in zip(came, kept, strict=True):
            exchange.stored, exchange.reply = stored, stored.reply
        for exchange in exchanges:
            assert exchange.reply is not None  # noqa: S101  just set
            self._tally.add_sent(exchange.reply)
        self._done.extend(exchanges)
        self._news.set()

    def _enqueue(self, exchanges: list[Exchange]) -> None:
        self._queue.extend(exchanges)
        self._more.set()
        if self.ending is not None:
            self._leave_unanswered(self.ending)

    def _end(self, reason: BaseException) -> None:
        if self.ending is None:
            self.ending = reason
            self._dispatcher.cancel()
            self._attempts.stop_resting()
            for task in self._waiting:
                task.cancel()
        self._leave_unanswered(self.ending)
        self._tell()

    def _leave_unanswered(self, reason: BaseException) -> None:
        """Tell those who wait for a request that waits to be sent."""
        self._drop_claims(self._queue)
        for exchange in self._queue:
            if exchange.answered is not None and not exchange.answered.done():
                exchange.answered.set_exception(reason)

    def _drop_claims(self, exchanges: Iterable[Exchange]) -> None:
        if self._claims is not None:
            self._claims.drop(exchange.request_key for exchange in exchanges)

    async def _is_ours(self, exchange: Exchange, permit: Permit) -> bool:
        """Whether nobody has taken a request over since it was claimed; gives the permit back otherwise."""
        if self._claims is None:
            return True
        is_ours = False
        try:
            if self._claims.is_certain:
                is_ours = self._claims.holds(exchange.request_key)
            else:
                is_ours = await asyncio.to_thread(self._claims.holds, exchange.request_key)
        finally:
            if not is_ours:
                self._terms.limiter.release(permit, answered=False)
        return is_ours

    def _tell(self) -> None:
        """Wake the other thread, at most a hundred times a second."""
        if not self._news_scheduled:
            self._news_scheduled = True
            self._loop.call_later(WAKE_SECONDS, self._tell_now)

    def _tell_now(self) -> None:
        self._news_scheduled = False
        self._news.set()

    async def _dispatch(self) -> None:
        while True:
            while not self._queue:
                self._more.clear()
                await self._more.wait()
            while self._writer.is_behind:  # noqa: ASYNC110  the table is written by a thread
                await asyncio.sleep(WAKE_SECONDS)
            while len(self._waiting) >= self._terms.limits.max_concurrency:
                self._changed.clear()
                await self._changed.wait()
            exchange = self._queue[0]
            usd = await self._reserve_money(exchange)
            self._queue.popleft()
            # Many wait for their turn at a time: with one, slots that come free together would go to higher ranks.
            task = self._loop.create_task(self._take_turn(exchange, usd))
            self._waiting[task] = (exchange, usd)
            task.add_done_callback(self._forget)

    async def _take_turn(self, exchange: Exchange, usd: float) -> None:
        permit = await self._terms.limiter.acquire(self._tokens(exchange), rank=self._terms.rank)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  it is one
        del self._waiting[task]
        self._tasks.add(task)
        self._changed.set()
        try:
            n_bytes = self._writer.reserve(_longest_record(exchange))
        except StorageError as error:
            self._terms.limiter.release(permit, answered=False)
            self._settle(usd, 0.0)
            self._queue.append(exchange)
            self._end(error)
        else:
            await self._send(exchange, permit, usd, n_bytes)

    async def _reserve_money(self, exchange: Exchange) -> float:
        """Set the worst case aside; near the ceiling wait for the real costs of what is under way."""
        budget = self._terms.budget
        if budget is None:
            return 0.0
        usd = worst_case_usd(exchange.request, self._terms.prices)
        while not budget.reserve(usd):
            # What others of this process have set aside may turn out to cost less.
            if not self._tasks and budget.is_settled:
                self._end(BudgetExceededError(f"the next request may cost {money_text(usd)}"))
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), SETTLING_SECONDS)
        return usd

    def _tokens(self, exchange: Exchange) -> int:
        if self._terms.limits.tokens_per_minute is None:
            return 0
        return expected_prompt_tokens(exchange.request) + max_completion_tokens(exchange.request)

    def _settle(self, reserved_usd: float, cost_usd: float) -> None:
        if self._terms.budget is not None:
            self._terms.budget.settle(reserved_usd, cost_usd)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task in self._waiting:  # it was cancelled, perhaps before it began
            exchange, usd = self._waiting.pop(task)
            self._settle(usd, 0.0)
            self._queue.append(exchange)
        self._changed.set()
        if self.ending is not None:
            self._leave_unanswered(self.ending)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._end(error)
        self._tell()

    async def _send(self, exchange: Exchange, permit: Permit, usd: float, n_bytes: int) -> None:
        cost = 0.0
        try:
            if not await self._is_ours(exchange, permit):
                exchange.is_taken_over = True
                self._hand_back(exchange)
                return
            reply = await self._attempts.final_reply(exchange.request, permit, self._tokens(exchange))
            if reply is None:
                return
            if reply.outcome == "error":
                exchange.reply = reply
            else:
                # An answer of unknown length, or one that can't be kept, counts at its worst.
                cost = usd
                self._keep(exchange, reply)
                cost = _paid_at_most(exchange.reply, usd)
            assert exchange.reply is not None  # noqa: S101  just set
            self._tally.add_sent(exchange.reply)
            self._hand_back(exchange)
        except PartitionFailure as failure:
            # At once: the slot just given back must not be used.
            self._end(failure)
        finally:
            if exchange.stored is None:
                self._drop_claims([exchange])
            self._writer.release(n_bytes)
            self._settle(usd, cost)
            if exchange.answered is not None and not exchange.answered.done():
                exchange.answered.set_exception(self.ending or StoppedError("the request was broken off"))

    def _hand_back(self, exchange: Exchange) -> None:
        if exchange.answered is None:
            self._done.append(exchange)
        elif not exchange.answered.done():
            exchange.answered.set_result(None)

    def _keep(self, exchange: Exchange, reply: Reply) -> None:
        """Journal a reply; one that can't be written, whatever is odd about it, costs its row."""
        try:
            priced = replace(reply, cost_usd=reply_cost_usd(reply, self._terms.prices))
            exchange.stored = self._writer.append(exchange.request_key, exchange.canonical, priced, self._terms.run_id)
            exchange.reply = exchange.stored.reply
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  values of a reply are the provider's
            said = redacted(f"a reply came and can't be kept, {type(error).__name__}: {error}")
            exchange.reply = failed_reply(said, "odd_reply", requested_at=reply.requested_at)


def _paid_at_most(reply: Reply | None, usd: float) -> float:
    """What counts against a budget: the cost if its provider told how much was used, else the worst case."""
    if reply is None or reply.cost_usd is None or reply.tokens_estimated:
        return usd
    return reply.cost_usd


def _longest_record(exchange: Exchange) -> int:
    """Room to claim in the journal before a request is sent."""
    per_token = BYTES_PER_TOKEN_WITH_LOGPROBS if exchange.request.parameters.get("logprobs") else BYTES_PER_TOKEN
    return 2 * len(exchange.canonical.encode()) + BYTES_PER_REPLY + per_token * max_completion_tokens(exchange.request)
