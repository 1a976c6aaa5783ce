"""What an engine holds while it sends: the lane, the event loop, the client. Opened at the first miss, not before."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from threading import Event
from typing import Any, TypeVar

from eval_assets.providers.dispatch.progress import Tally
from eval_assets.providers.dispatch.sending import Sender, Terms
from eval_assets.requests.exchange import Client
from eval_assets.requests.keys import ModelIdentity, lane_of
from eval_assets.storage.replies.lane_writer import LaneWriter
from eval_assets.storage.replies.responses import ResponseStore

Result = TypeVar("Result")


class Session:
    """Opens step by step, so that a run whose replies are all stored waits for nobody and connects nowhere.

    Args:
        identity: Decides the lane.
        client: Closed with the session.
        store: Where the lane is.
        terms: How requests are sent.
        tally: Counts what is sent.
        stop: Set it to give up waiting for the lane.
        on_wait: Told in a sentence when another run holds the lane.
        grace_seconds: How long requests under way may take at `close`.
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
        grace_seconds: float,
    ) -> None:
        self.identity, self.store, self.terms, self.tally = identity, store, terms, tally
        self.lane = lane_of(identity)
        self._client = client
        self._stop, self._on_wait, self._grace_seconds = stop, on_wait, grace_seconds
        self._stack = contextlib.ExitStack()
        self._lanes = store.lanes_of(terms.run_id)
        self._writer: LaneWriter | None = None
        self._sender: Sender | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether someone asked to stop."""
        return self._stop is not None and self._stop.is_set()

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
        if self._writer is not None:
            return False

        def open_lane(lane: str) -> AbstractContextManager[LaneWriter]:
            label = f"run {self.terms.run_id}"
            return self.store.open_lane(lane, self._on_wait, label=label, stopped=lambda: self.is_stopped)

        self._writer = self._lanes.take(self.lane, open_lane)
        return True

    def open_sender(self) -> Sender:
        """Connect, unless this session did."""
        if self._sender is None:
            self.take_lane()
            thread = _LoopThread(f"engine {self.lane}")
            self._stack.callback(thread.close)
            self._stack.callback(lambda: thread.run(self._client.aclose()))
            sender = self._sender = thread.run(self._new_sender())
            self._stack.callback(lambda: thread.run(sender.drain(self._grace_seconds)))
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
        return Sender(self._client, self._writer, self.terms, self.tally, asyncio.get_running_loop())


class _LoopThread:
    """Runs one event loop until `close`. The thread never keeps a process alive."""

    def __init__(self, name: str) -> None:
        self.loop = _new_event_loop()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def run(self, action: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the loop and wait for its result; not from the loop's own thread."""
        return asyncio.run_coroutine_threadsafe(action, self.loop).result()

    def close(self) -> None:
        """Stop the loop and the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.loop.close()


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """The fastest loop installed."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()
