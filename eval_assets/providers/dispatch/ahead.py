"""Asking an engine before its answers are called for: as coroutines, many engines in one event loop.

Whoever calls for answers later finds the replies in the store, as if an earlier run had paid for them, and the failures
here, so that no request is sent twice.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from eval_assets.errors import BudgetExceededError, ConfigError, StoppedError, UnderWayError
from eval_assets.providers.batches.gathering import Gathering
from eval_assets.providers.dispatch.claiming import Claiming, Parking, in_place
from eval_assets.providers.dispatch.costs import worst_case_usd
from eval_assets.providers.dispatch.event_loop import LoopThread
from eval_assets.providers.dispatch.jobs import Answer, Job, Policy, Retry, unsendable_reply
from eval_assets.providers.dispatch.rates import in_batches
from eval_assets.providers.dispatch.sending import Exchange
from eval_assets.providers.dispatch.session import Session
from eval_assets.providers.replies.reading import Reading, understood
from eval_assets.requests.exchange import Client, Reply, Request
from eval_assets.requests.keys import canonical_request, key_of
from eval_assets.storage.remote.lane_claims import NEVER
from eval_assets.storage.replies.batch_ledger import Entry
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.replies.stored_replies import StoredReply
from eval_assets.wording.numbers import money_text


class Lookups:
    """Looks replies up in the store, all keys that are wanted meanwhile at once. Of one event loop.

    Args:
        store: Where replies are.
    """

    def __init__(self, store: ResponseStore) -> None:
        self._store = store
        self._wanted: dict[tuple[str, datetime | None], dict[str, asyncio.Future[StoredReply | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def find(self, lane: str, key: str, since: datetime | None) -> StoredReply | None:
        """The reply to a request, as `ResponseStore.lookup` finds it."""
        place = (lane, since)
        loop = asyncio.get_running_loop()
        if place not in self._wanted:
            self._wanted[place] = {}
            task = loop.create_task(self._look_up(place))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        found = self._wanted[place].setdefault(key, loop.create_future())
        return await asyncio.shield(found)

    async def _look_up(self, place: tuple[str, datetime | None]) -> None:
        lane, since = place
        while wanted := self._wanted[place]:
            self._wanted[place] = {}
            try:
                found = await asyncio.to_thread(self._store.lookup, lane, wanted.keys(), since=since)
            except Exception as error:  # noqa: BLE001  whatever it is, those who asked are told
                for future in wanted.values():
                    future.set_exception(error)
            else:
                for key, future in wanted.items():
                    future.set_result(found.get(key))
        del self._wanted[place]


@dataclass(frozen=True)
class Together:
    """What engines share that are asked ahead at the same time.

    Args:
        loop_thread: Their event loop.
        lookups: How they find replies.
        clients: Those opened for them, by whatever tells them apart; engines of one model share one.
        under_way: Lane, key and scope of requests on their way: an identical one waits for the same reply.
        claiming: Claims them first, where other machines may send them.
        gathering: What goes into the next batches; null where nobody submits any.
    """

    loop_thread: LoopThread
    lookups: Lookups
    clients: dict[str, Client] = field(default_factory=dict)
    under_way: dict[tuple[str, str, str], asyncio.Future[Exchange]] = field(default_factory=dict)
    gathering: Gathering | None = None
    claiming: Claiming = field(default_factory=Claiming)

    def is_gathered(self, lane: str, key: str) -> bool:
        """Whether a request waits for the next batch already."""
        return self.gathering is not None and self.gathering.holds(lane, key)

    async def aclose(self) -> None:
        """Close the clients, and claim nothing more."""
        await self.claiming.aclose()
        for client in self.clients.values():
            await client.aclose()


class Ahead:
    """What one engine was asked ahead.

    Args:
        together: What it shares with other engines.
        session: Sends.
        policy: See `Engine`; nothing is asked ahead under `replay`.
        reading: How replies are understood.
        retry: Stored replies that are asked for again.
        scope: Under policy `refresh`, engines of one scope share replies.
    """

    def __init__(
        self, together: Together, session: Session, *, policy: Policy, reading: Reading, retry: Retry | None, scope: str
    ) -> None:
        self.failed: dict[str, Reply] = {}
        self.refused: BudgetExceededError | None = None
        self._together, self._session = together, session
        self._reading, self._retry = reading, retry
        self._scope = scope if policy == "refresh" else ""
        self.until: datetime | None = None
        self._since: datetime | None = None
        self._sent: set[str] = set()
        self.parking: Parking = in_place
        """Entered while a request waits for the reply of another machine: it takes up none of the places here."""

    def begin(self, since: datetime | None) -> None:
        """Stored replies asked for before this time don't count."""
        self._since = since

    @property
    def ending(self) -> BaseException | None:
        """Why nothing more can be asked; null while something can."""
        sender = self._session.sender
        return self.refused or (None if sender is None else sender.ending)

    @property
    def n_waiting(self) -> int:
        """Requests that were asked, and that wait in a batch or for one."""
        return self._session.batches.n_waiting

    def handed_out(self, key: str) -> bool:
        """Whether this engine sent the request and its answer wasn't handed out yet; it is now."""
        was_sent = key in self._sent
        self._sent.discard(key)
        return was_sent

    async def ask(self, request: Request) -> Answer[None]:
        """Answer a request from the store, else by sending it; raises what ended the sending."""
        job = Job(request, None)
        try:
            canonical = canonical_request(self._session.identity, request)
        except (ConfigError, RecursionError, MemoryError) as error:
            return self._answer(job, "", unsendable_reply(error), None, reused=False)
        key = key_of(canonical)
        place = (self._session.lane, key, self._scope)
        while not self._session.is_stopped:
            had_lane = self._session.has_lane
            seen = NEVER if self._session.claims is None else self._session.claims.seen
            if (answer := await self._known(job, key)) is not None:
                return answer
            if not had_lane:
                # While we wait for the lane, its holder may pay for the same request.
                await asyncio.to_thread(self._session.take_lane)
            elif (under_way := self._together.under_way.get(place)) is not None:
                await asyncio.wait([under_way])
                self._note_failure(under_way)
            # No await from here on until it is under way: between the look and now its reply may have come.
            elif self._wanted(self._session.pending(key), request) is None:
                self._let_wait(request, key, canonical)
                if (answer := await self._sent_for(job, place, canonical, seen)) is not None:
                    return answer
        raise StoppedError("the run was asked to stop")

    async def stop(self, reason: BaseException, seconds: float) -> None:
        """Send nothing more; what is under way may take so long."""
        if (sender := self._session.sender) is not None:
            await sender.drain(seconds, reason)

    def _let_wait(self, request: Request, key: str, canonical: str) -> None:
        """Let a request wait for its batch if it isn't sent by itself, within the budget.

        Raises:
            UnderWayError: It waits.
            BudgetExceededError: It may cost more than is left: this engine asks nothing more.
        """
        batches, terms = self._session.batches, self._session.terms
        if not batches.waits(key, self._since):
            return
        batches.n_waiting += 1
        if not batches.is_under_way(key) and not self._together.is_gathered(self._session.lane, key):
            usd = 0.0 if terms.budget is None else worst_case_usd(request, in_batches(terms.prices))
            if terms.budget is not None and not terms.budget.reserve(usd):
                batches.n_waiting -= 1
                self.refused = BudgetExceededError(
                    f"the next request may cost {money_text(usd)} in a batch, more than is left of the budget of "
                    f"{money_text(terms.budget.max_usd)}; raise the budget and run again to go on"
                )
                raise self.refused
            if terms.budget is not None:
                terms.budget.settle(usd, usd)  # nobody may wait for it to turn out less
            batches.will_wait(Entry(key, canonical, 1), request, usd)
        raise UnderWayError("the request waits in a batch")

    async def _known(self, job: Job[None], key: str) -> Answer[None] | None:
        if key in self.failed:
            return self._answer(job, key, self.failed[key], None, reused=False)
        found = await self._together.lookups.find(self._session.lane, key, self._since)
        stored = self._wanted(found, job.request)
        if stored is not None:
            return self._answer(job, key, stored.reply, stored, reused=True)
        failed = self._session.batches.failed(key)
        return None if failed is None else self._answer(job, key, failed, None, reused=False)

    def _wanted(self, stored: StoredReply | None, request: Request) -> StoredReply | None:
        if stored is None or (self._since is not None and stored.reply.requested_at < self._since):
            return None
        if self._retry is not None and self._retry.wants(stored.reply, self._reading, has_tools=bool(request.tools)):
            return None
        return stored

    def _note_failure(self, under_way: asyncio.Future[Exchange]) -> None:
        """An identical request that failed for another engine isn't sent again; one that was broken off is."""
        if under_way.cancelled() or (exchange := under_way.result()).is_taken_over:
            return
        if exchange.stored is None:
            assert exchange.reply is not None  # noqa: S101  answered
            self.failed[exchange.request_key] = exchange.reply

    async def _sent_for(
        self, job: Job[None], place: tuple[str, str, str], canonical: str, seen: int
    ) -> Answer[None] | None:
        """The answer to a request; null if another machine may have it, so that it is to be looked for again."""
        exchange = Exchange(job.request, place[1], canonical)
        under_way = self._together.under_way[place] = asyncio.get_running_loop().create_future()
        try:
            if (answer := await self._claimed(job, place[1], seen)) is not None:
                under_way.cancel()
                return answer
            sender = self._session.sender
            if sender is None:
                sender = await asyncio.to_thread(self._session.open_sender)
            await sender.send(exchange)
        except BaseException:
            if self._session.claims is not None:
                self._session.claims.drop([place[1]])
            under_way.cancel()
            raise
        else:
            under_way.set_result(exchange)
        finally:
            del self._together.under_way[place]
        if exchange.is_taken_over:
            return None
        assert exchange.reply is not None  # noqa: S101  answered
        if exchange.stored is None:
            self.failed[exchange.request_key] = exchange.reply
        else:
            self._sent.add(exchange.request_key)
        return self._answer(job, exchange.request_key, exchange.reply, exchange.stored, reused=False)

    async def _claimed(self, job: Job[None], key: str, seen: int) -> Answer[None] | None:
        """Claim a request where other machines may send it; the answer if one did since `seen`."""
        session = self._session
        if (claims := session.claims) is None:
            return None
        take = self._together.claiming.take
        if await take(claims, key, seen, parking=self.parking, say=session.say, stopped=lambda: session.is_stopped):
            return None
        if (answer := await self._known(job, key)) is not None:
            claims.drop([key])
        return answer

    def _answer(
        self, job: Job[None], key: str, reply: Reply, stored: StoredReply | None, *, reused: bool
    ) -> Answer[None]:
        reply = understood(reply, self._reading, has_tools=bool(job.request.tools))
        self._session.tally.add_answer(reply, reused=reused)
        self.until = datetime.now(UTC)
        return Answer(job, key, reply, None if stored is None else stored.response_id, reused=reused)
