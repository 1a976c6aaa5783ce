"""What an engine holds while it sends: the lane, the event loop, the client. Opened at the first miss, not before."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from threading import Event

from eval_assets.providers.dispatch.event_loop import LoopThread
from eval_assets.providers.dispatch.progress import Tally
from eval_assets.providers.dispatch.sending import Sender, Terms
from eval_assets.requests.exchange import Client
from eval_assets.requests.keys import ModelIdentity
from eval_assets.storage.remote.lane_claims import LaneClaims
from eval_assets.storage.replies.lane_writer import LaneWriter
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.replies.stored_replies import StoredReply


class Session:
    """Opens step by step, so that a run whose replies are all stored waits for nobody and connects nowhere.

    Args:
        identity: Who answers.
        client: Closed with the session, unless it shares a loop.
        store: Where the lane is.
        terms: How requests are sent, and in which lane.
        tally: Counts what is sent.
        stop: Set it to give up waiting for the lane.
        on_wait: Told in a sentence when another run holds the lane.
        loop_thread: Where to send from, with a client that others use, too; a loop of its own when null.
    """

    def __init__(
        self,
        identity: ModelIdentity,
        client: Client,
        store: ResponseStore,
        terms: Terms,
        tally: Tally,
        *,
        stop: Event | None,
        on_wait: Callable[[str], None],
        loop_thread: LoopThread | None = None,
    ) -> None:
        self.identity, self.store, self.terms, self.tally = identity, store, terms, tally
        self.batches = terms.batches
        self.lane = self.batches.lane
        self._client = client
        self._is_at_hand = bool(getattr(client, "is_at_hand", False))
        self._stop, self._on_wait = stop, on_wait
        self._stack = contextlib.ExitStack()
        self._lanes = store.lanes_of(terms.run_id)
        self._writer: LaneWriter | None = None
        self._sender: Sender | None = None
        self._loop_thread, self._opening = loop_thread, threading.Lock()

    @property
    def is_stopped(self) -> bool:
        """Whether someone asked to stop."""
        return self._stop is not None and self._stop.is_set()

    def say(self, sentence: str) -> None:
        """Tell who is waited for."""
        self._on_wait(sentence)

    @property
    def has_lane(self) -> bool:
        """Whether the lane was taken."""
        return self._writer is not None

    @property
    def sender(self) -> Sender | None:
        """What sends, once something was to be sent."""
        return self._sender

    def announce(self) -> None:
        """Say that this session may write its lane, so that the run takes it together with its others."""
        self._lanes.join(self.lane)
        self._stack.callback(self._leave)

    def take_lane(self) -> bool:
        """Take the run's lanes, unless this session has its own; false if it had.

        Replies of killed runs are in the table then.
        """

        def open_lane(lane: str) -> AbstractContextManager[LaneWriter]:
            label = f"run {self.terms.run_id}"
            return self.store.open_lane(lane, self._on_wait, label=label, stopped=lambda: self.is_stopped)

        with self._opening:
            if self._writer is not None:
                return False
            self._writer = self._lanes.take(self.lane, open_lane)
            return True

    @property
    def claims(self) -> LaneClaims | None:
        """Where requests are claimed first, once the lane was taken; null where nobody else can send them."""
        return None if self._writer is None or self._is_at_hand else self._writer.claims

    def pending(self, key: str) -> StoredReply | None:
        """A reply that this process received and that isn't in the table yet."""
        return None if self._writer is None else self._writer.pending([key]).get(key)

    def open_sender(self) -> Sender:
        """Connect, unless this session did; not from the loop's own thread."""
        self.take_lane()
        with self._opening:
            if self._sender is None:
                thread = self._loop_thread
                if thread is None:
                    thread = LoopThread(f"engine {self.lane}")
                    self._stack.callback(thread.close)
                    self._stack.callback(thread.run, self._client.aclose)
                sender = self._sender = thread.run(self._new_sender)
                self._stack.callback(thread.run, partial(sender.drain, self.terms.grace_seconds))
            return self._sender

    def close(self) -> None:
        """Let what is under way finish, disconnect, write all replies to the table, give the lane back.

        Raises:
            StorageError: The table could not be written; the replies wait in the journal.
        """
        self._stack.close()

    def _leave(self) -> None:
        self._writer = None
        self._lanes.leave(self.lane)

    async def _new_sender(self) -> Sender:
        assert self._writer is not None  # noqa: S101  the lane was taken before
        loop = asyncio.get_running_loop()
        return Sender(self._client, self._writer, self.terms, self.tally, loop, claims=self.claims)
