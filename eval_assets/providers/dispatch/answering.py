"""One pass over jobs: read them in chunks, find stored replies, have the rest sent, hand out answers as they come."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar

from eval_assets.errors import (
    BudgetExceededError,
    ConfigError,
    ProviderError,
    ReplayMissError,
    StoppedError,
    UnderWayError,
)
from eval_assets.providers.dispatch.ahead import Ahead
from eval_assets.providers.dispatch.claiming import POLL_SECONDS as CLAIMS_POLL_SECONDS
from eval_assets.providers.dispatch.jobs import Answer, Job, Policy, Retry, unsendable_reply
from eval_assets.providers.dispatch.sending import Exchange, Sender
from eval_assets.providers.dispatch.session import Session
from eval_assets.providers.failures import PartitionFailure
from eval_assets.providers.replies.reading import Reading, understood
from eval_assets.requests.exchange import Reply
from eval_assets.requests.keys import canonical_request, key_of
from eval_assets.storage.remote.lane_claims import NEVER
from eval_assets.storage.replies.stored_replies import StoredReply
from eval_assets.wording.numbers import count_text, money_text, plain_number

T = TypeVar("T")
LOG = logging.getLogger("eval_assets")

CHUNK = 2_000
"""Jobs read, and looked up in one scan, at a time."""

LOW_WATER = 1_000
"""Requests waiting to be sent below which the next chunk is read."""

OPEN_PER_SLOT = 4
"""Jobs read at a time for each request that may be under way, where other machines shall find some left."""

POLL_SECONDS = 0.2
FIRST_FEW = 5


@dataclass(slots=True)
class _Open(Generic[T]):
    """A request not answered yet; jobs after the first asked the same and get the same reply."""

    exchange: Exchange
    jobs: list[Job[T]]


class Pass(Generic[T]):
    """Answers jobs in the thread that iterates; only sending happens elsewhere.

    Args:
        jobs: Read when fewer than `LOW_WATER` requests wait.
        session: Whose answers these are, where they are found, and what sends the rest.
        policy: See `Engine`.
        since: Stored replies asked for before this time don't count.
        reading: How replies are understood.
        retry: Stored replies that are asked for again.
        ahead: What was asked already; null for nothing.
        tick: Called now and then while waiting.
    """

    def __init__(
        self,
        jobs: Iterator[Job[T]],
        session: Session,
        *,
        policy: Policy,
        since: datetime | None,
        reading: Reading,
        retry: Retry | None,
        ahead: Ahead | None,
        tick: Callable[[], None],
    ) -> None:
        self._jobs, self._session, self._tally = jobs, session, session.tally
        self._policy, self._since, self._tick = policy, since, tick
        self._reading, self._retry, self._ahead = reading, retry, ahead
        self._exhausted = False
        self._open: dict[str, _Open[T]] = {}
        self._parked: dict[str, _Open[T]] = {}
        """Requests that another machine sends."""
        self._looks_at = 0.0
        self._n_at_once = CHUNK
        if not session.store.is_alone:
            self._n_at_once = min(CHUNK, OPEN_PER_SLOT * session.terms.limits.max_concurrency)
        self._n_missed = 0
        self._missed: list[str] = []

    def answers(self) -> Iterator[Answer[T]]:
        """Yield every answer; raises as `Engine.answers` does."""
        while not self._exhausted or self._open or self._parked:
            # Who was asked ahead may have come to an end before: what is stored is handed out all the same.
            if self._wants_more and not (self._open and self._is_ending()):
                yield from self._read_chunk()
            if self._parked:
                yield from self._look_after_parked()
            if self._open:
                yield from self._receive(self._session.open_sender())
            elif self._session.is_stopped:
                raise self._explained(StoppedError("the run was asked to stop"))
        if n_waiting := self._session.batches.n_waiting:
            raise UnderWayError(
                f"{count_text(n_waiting, 'request')} to {self._session.identity.model_id} wait in a batch or are to go "
                "into one: `eval-assets run` and the job `refresh` submit and collect them, `eval-assets batch list` "
                "shows them; `mode: live` in the model's file, or `run --now`, sends at once"
            )
        if self._n_missed:
            raise ReplayMissError(
                f"expected a stored reply to every request, got none to {self._n_missed:,} of "
                f"{self._tally.done + self._n_missed:,}; the first request keys are {self._missed}; "
                "run once with cache policy 'use'"
            )

    @property
    def _wants_more(self) -> bool:
        """Whether jobs are left, and few requests wait, for their turn or for other machines."""
        is_low = self._n_queued() < min(LOW_WATER, self._n_at_once // 2)
        return not self._exhausted and is_low and len(self._parked) < CHUNK

    def _read_chunk(self) -> Iterator[Answer[T]]:
        chunk = list(islice(self._jobs, self._n_at_once))
        self._exhausted = len(chunk) < self._n_at_once
        new: dict[str, _Open[T]] = {}
        for job in chunk:
            try:
                canonical = canonical_request(self._session.identity, job.request)
            except (ConfigError, RecursionError, MemoryError) as error:
                yield self._answer(job, "", unsendable_reply(error), None, reused=False)
                continue
            key = key_of(canonical)
            same = self._open.get(key) or new.get(key) or self._parked.get(key)
            if same is None:
                new[key] = _Open(Exchange(job.request, key, canonical), [job])
            else:
                same.jobs.append(job)
        seen = self._seen
        yield from self._found(new)
        # While we waited for the lane, its holder may have paid for the same requests; killed runs are recovered, too.
        if new and self._session.take_lane():
            seen = self._seen
            yield from self._found(new)
        if self._policy == "replay":
            self._n_missed += sum(len(missed.jobs) for missed in new.values())
            self._missed += list(new)[: FIRST_FEW - len(self._missed)]
            return
        for key in [key for key in new if self._session.batches.waits(key, self._since)]:
            self._session.batches.n_waiting += len(new.pop(key).jobs)
        yield from self._claimed(new, seen)
        if new:
            self._open |= new
            self._session.open_sender().submit([opened.exchange for opened in new.values()])

    @property
    def _seen(self) -> int:
        return NEVER if self._session.claims is None else self._session.claims.seen

    def _claimed(self, wanted: dict[str, _Open[T]], seen: int) -> Iterator[Answer[T]]:
        """Leave in `wanted` what nobody else sends, and answer what has its reply by now."""
        if (claims := self._session.claims) is None:
            return
        claimed = claims.claim(dict.fromkeys(wanted, seen))
        self._parked |= {key: wanted.pop(key) for key in claimed.others}
        stale = {key: wanted.pop(key) for key in claimed.stale}
        yield from self._found(stale)
        claims.drop(claimed.stale - stale.keys())
        wanted |= stale

    def _look_after_parked(self) -> Iterator[Answer[T]]:
        """Ask for what other machines were to send, and have not."""
        if self._is_ending() and not self._open:
            assert self._session.sender is not None  # noqa: S101  it is ending
            assert self._session.sender.ending is not None  # noqa: S101
            raise self._explained(self._session.sender.ending)
        if self._is_ending() or time.monotonic() < self._looks_at:
            if not self._open:
                time.sleep(POLL_SECONDS)
                self._tick()
            return
        self._looks_at = time.monotonic() + CLAIMS_POLL_SECONDS
        again, self._parked = self._parked, {}
        yield from self._claimed(again, NEVER)
        if again:
            self._open |= again
            self._session.open_sender().submit([opened.exchange for opened in again.values()])

    def _found(self, wanted: dict[str, _Open[T]]) -> Iterator[Answer[T]]:
        """Answer from the store, and take what was found out of `wanted`."""
        failed = {} if self._ahead is None else self._ahead.failed
        for key in wanted.keys() & failed.keys():
            yield from self._failed(wanted.pop(key).jobs, key, failed[key])
        if not wanted:
            return
        for key, stored in self._session.store.lookup(self._session.lane, wanted.keys(), since=self._since).items():
            has_tools = bool(wanted[key].exchange.request.tools)
            if self._retry is not None and self._retry.wants(stored.reply, self._reading, has_tools=has_tools):
                continue
            was_sent = self._ahead is not None and self._ahead.handed_out(key)
            if self._session.batches.is_fresh(key):
                self._tally.add_sent(stored.reply)
                was_sent = True
            for place, job in enumerate(wanted.pop(key).jobs):
                yield self._answer(job, key, stored.reply, stored, reused=place > 0 or not was_sent)
        for key in list(wanted):
            if (reply := self._session.batches.failed(key, shown=True)) is not None:
                yield from self._failed(wanted.pop(key).jobs, key, reply)

    def _failed(self, jobs: Sequence[Job[T]], key: str, reply: Reply) -> Iterator[Answer[T]]:
        for job in jobs:
            yield self._answer(job, key, reply, None, reused=False)

    def _receive(self, sender: Sender) -> Iterator[Answer[T]]:
        yield from self._hand_out(sender.finished(POLL_SECONDS))
        self._tick()
        if self._session.is_stopped:
            sender.halt(StoppedError("the run was asked to stop"))
        if self._is_ending() and sender.n_in_flight == 0:
            yield from self._hand_out(sender.finished(0))
            assert sender.ending is not None  # noqa: S101  it is ending
            raise self._explained(sender.ending)

    def _hand_out(self, finished: list[Exchange]) -> Iterator[Answer[T]]:
        for exchange in finished:
            if exchange.is_taken_over:
                exchange.is_taken_over = False
                self._parked[exchange.request_key] = self._open.pop(exchange.request_key)
                continue
            assert exchange.reply is not None  # noqa: S101  finished
            first, *others = self._open.pop(exchange.request_key).jobs
            yield self._answer(first, exchange.request_key, exchange.reply, exchange.stored, reused=False)
            for job in others:
                yield self._answer(
                    job, exchange.request_key, exchange.reply, exchange.stored, reused=exchange.stored is not None
                )

    def _answer(self, job: Job[T], key: str, reply: Reply, stored: StoredReply | None, *, reused: bool) -> Answer[T]:
        reply = understood(reply, self._reading, has_tools=bool(job.request.tools))
        if reply.outcome == "error" and reply.error_kind not in self._tally.failed:
            what = "a request to %s failed with %s: %s; further ones of this kind are only counted"
            LOG.warning(what, self._session.identity.model_id, reply.error_kind, reply.error)
        self._tally.add_answer(reply, reused=reused)
        return Answer(job, key, reply, None if stored is None else stored.response_id, reused=reused)

    def _n_queued(self) -> int:
        return 0 if self._session.sender is None else self._session.sender.n_queued

    def _is_ending(self) -> bool:
        return self._session.sender is not None and self._session.sender.ending is not None

    def _explained(self, ending: BaseException) -> BaseException:
        """The same end with what was reached and how to go on."""
        tally = self._tally
        left = sum(len(opened.jobs) for opened in self._open.values())
        remaining = f"{left:,} or more are left" if tally.total is None else f"{tally.total - tally.done:,} are left"
        reached = f"{tally.done:,} requests are answered ({tally.reused:,} of them reused), {remaining}"
        kept = "all replies are kept and won't be paid again"
        match ending:
            case BudgetExceededError():
                budget = self._session.terms.budget
                assert budget is not None  # noqa: S101  only a budget ends this way
                return BudgetExceededError(
                    f"stopped before the budget of ${plain_number(budget.max_usd)} would be exceeded: "
                    f"{money_text(budget.spent_usd)} are spent and {ending}; {reached}; {kept}: "
                    "raise the budget and run again to go on"
                )
            case StoppedError():
                return StoppedError(f"{ending}; {reached}; {kept}: run again to go on")
            case PartitionFailure():
                return ProviderError(f"{ending} ({ending.kind}); {reached}; {kept}: correct the cause and run again")
            case _:
                return ending
