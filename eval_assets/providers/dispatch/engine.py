"""The provider engine: answers any number of requests, each from the store if it was ever paid for, else by sending it.

Reading and handing out is in `answering`, concurrency and retries in `sending`, storage in `storage.replies`.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from types import TracebackType
from typing import Self, TypeVar

from eval_assets.config.model import Limits
from eval_assets.config.prices import Prices
from eval_assets.errors import BudgetExceededError, StoppedError, UnderWayError
from eval_assets.providers.dispatch.ahead import Ahead, Together
from eval_assets.providers.dispatch.answering import Pass
from eval_assets.providers.dispatch.concurrency import Move
from eval_assets.providers.dispatch.in_batches import LaneBatches
from eval_assets.providers.dispatch.jobs import Answer, Job, Policy, Retry
from eval_assets.providers.dispatch.limiter import Limiter
from eval_assets.providers.dispatch.progress import Ended, EngineReport, Progress, Tally
from eval_assets.providers.dispatch.sending import Terms
from eval_assets.providers.dispatch.session import Session
from eval_assets.providers.replies.reading import Reading
from eval_assets.requests.budget import Budget
from eval_assets.requests.exchange import Client
from eval_assets.requests.keys import ModelIdentity, aside_of, lane_of
from eval_assets.storage.replies.refreshes import refresh_began_at, refresh_ended
from eval_assets.storage.replies.responses import ResponseStore

T = TypeVar("T")
PROGRESS_SECONDS = 0.5
LOG = logging.getLogger("eval_assets")


@dataclass(kw_only=True)
class Engine:
    """Answers jobs of one model. `with` keeps connections and lane open over several calls of `answers`.

    Args:
        identity: Whose answers these are; decides keys and lane.
        client: Sends one request; closed with the engine, unless it may be asked ahead.
        store: Where replies are found and kept.
        run_id: Recorded with every reply that this engine pays for.
        limits: Concurrency, ceilings, deadline, retries.
        limiter: When requests may start; one of its own when null.
        prices: What a reply costs.
        policy: `use` stored replies; `refresh` sends everything anew, once; `replay` never sends.
        reading: How replies are understood.
        retry: Stored replies that are asked for again.
        not_before: Stored replies that were asked for before this time are another model's, and don't count.
        budget: Shared by the engines of a run.
        stop: Set it, from any thread, to end cleanly.
        scope: For `refresh`, what is refreshed (cell and stage): a killed refresh of the same scope goes on.
        on_progress: Called about twice a second, from the thread that iterates.
        on_wait: Told in a sentence when another run holds the lane.
        grace_seconds: How long requests under way may take once the caller breaks off.
        rank: Of its requests; lower ones start first, whatever the model.
        together: What it shares with other engines, if it may be asked ahead.
        batches: What goes into batches, and what waits in one; only what waits when null.
        is_aside: Whether replies are found and kept beside the lane, until somebody decides to use them.
    """

    identity: ModelIdentity
    client: Client
    store: ResponseStore
    run_id: str
    limits: Limits = field(default_factory=Limits)
    limiter: Limiter | None = None
    prices: Prices = field(default_factory=Prices)
    policy: Policy = "use"
    reading: Reading = field(default_factory=Reading)
    retry: Retry | None = None
    not_before: datetime | None = None
    budget: Budget | None = None
    stop: Event | None = None
    scope: str = ""
    on_progress: Callable[[Progress], None] | None = None
    on_wait: Callable[[str], None] = LOG.warning
    grace_seconds: float = 10.0
    rank: int = 0
    together: Together | None = None
    batches: LaneBatches | None = None
    is_aside: bool = False

    def __post_init__(self) -> None:
        self._tally = Tally()
        lane = aside_of(lane_of(self.identity)) if self.is_aside else lane_of(self.identity)
        self._session = Session(
            self.identity,
            self.client,
            self.store,
            Terms(
                self.run_id,
                self.limits,
                self.limiter or Limiter(self.limits),
                self.prices,
                self.budget,
                self.rank,
                self.grace_seconds,
                self.batches or LaneBatches(self.store, lane),
            ),
            self._tally,
            stop=self.stop,
            on_wait=self.on_wait,
            loop_thread=None if self.together is None else self.together.loop_thread,
        )
        self.ahead: Ahead | None = None
        if self.together is not None:
            self.ahead = Ahead(
                self.together,
                self._session,
                policy=self.policy,
                reading=self.reading,
                retry=self.retry,
                scope=self.scope,
            )
        self._n_corrupt_before = self.store.damage.n_corrupt
        self._since: datetime | None = None
        self._users = 0
        self._started_at = datetime.now(UTC)
        self._finished_at: datetime | None = None
        self._told_at = float("-inf")
        self._ended: tuple[Ended, str] = ("complete", "")
        self._is_asked_ahead = self.ahead is not None

    def __enter__(self) -> Self:
        """Keep connections and lane open until the matching exit."""
        if self._users == 0:
            if self.policy == "refresh":
                self._since = refresh_began_at(self.store.state_dir, self._session.lane, self.scope)
            elif self.policy == "use":
                self._since = self.not_before
            if self.ahead is not None:
                self.ahead.begin(self._since)
            self._session.announce()
        self._users += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let what is under way finish, write all replies to the table, give the lane back."""
        self._users -= 1
        if self._users:
            return
        try:
            self._session.close()
        finally:
            self._finished_at = datetime.now(UTC)
        if self.policy == "refresh" and error is None and self._ended[0] == "complete":
            refresh_ended(self.store.state_dir, self._session.lane, self.scope)

    def expect(self, total: int | None) -> None:
        """Say how many answers will be asked for ahead, if that is known, for progress."""
        self._tally.total = total

    def abandon(self, why: str) -> None:
        """Close an engine that was asked ahead, and whose answers nobody will call for."""
        error = StoppedError(why)
        self._ended = ("stopped", why)
        self.__exit__(StoppedError, error, None)

    def answers(self, jobs: Iterable[Job[T]], total: int | None = None) -> Iterator[Answer[T]]:
        """Answer every job, in no particular order, with bounded memory.

        Jobs are read in chunks while earlier ones are being answered. A request that finally fails is an answer with
        outcome `error`. Whatever ends the iteration early, replies received so far are kept.

        Args:
            jobs: Read lazily, in the calling thread.
            total: How many there are, if known, for progress.

        Raises:
            BudgetExceededError: The next request could exceed the budget; all before were answered.
            StoppedError: `stop` was set; all requests under way were answered.
            ProviderError: The provider refuses every request.
            ReplayMissError: Policy `replay` has no stored reply for some jobs; all others were answered.
            StorageFullError: No room is left to keep further replies.
            UnderWayError: Some requests wait in a batch, or are to go into one; all others were answered.
        """
        if self._is_asked_ahead:
            self._is_asked_ahead = False
            self._tally.begin_anew()
            self._session.batches.n_waiting = 0
        if total is not None:
            self._tally.total = (self._tally.total or 0) + total
        with self:
            try:
                current = Pass[T](
                    iter(jobs),
                    self._session,
                    policy=self.policy,
                    since=self._since,
                    reading=self.reading,
                    retry=self.retry,
                    ahead=self.ahead,
                    tick=self._tell,
                )
                yield from current.answers()
            except BaseException as error:
                self._ended = (_ended_by(error), str(error))
                raise
            finally:
                self._tell(now=True)

    def progress(self) -> Progress:
        """Counts at this moment; the time that an engine waits for its run doesn't count."""
        asked_until = None if self.ahead is None else self.ahead.until
        seconds = (asked_until or self._finished_at or datetime.now(UTC)) - self._started_at
        return self._tally.snapshot(seconds.total_seconds(), self._moves()[-1])

    def report(self) -> EngineReport:
        """What this engine did; complete once it was closed."""
        return EngineReport(
            run_id=self.run_id,
            started_at=self._started_at,
            finished_at=self._finished_at or datetime.now(UTC),
            progress=self.progress(),
            moves=self._moves(),
            n_corrupt=self.store.damage.n_corrupt - self._n_corrupt_before,
            ended=self._ended[0],
            message=self._ended[1],
        )

    def _tell(self, *, now: bool = False) -> None:
        """Tell the progress, if it wasn't told this half second."""
        clock = time.monotonic()
        if self.on_progress is not None and (now or clock - self._told_at >= PROGRESS_SECONDS):
            self._told_at = clock
            self.on_progress(self.progress())

    def _moves(self) -> tuple[Move, ...]:
        sender = self._session.sender
        return (Move(0.0, 0, "nothing sent"),) if sender is None else sender.moves()


def _ended_by(error: BaseException) -> Ended:
    match error:
        case BudgetExceededError():
            return "budget"
        case StoppedError() | UnderWayError() | KeyboardInterrupt() | GeneratorExit():
            return "stopped"
        case _:
            return "failed"
