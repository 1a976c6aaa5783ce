"""An event loop in a thread of its own, for those who ask from other threads."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")


class LoopThread:
    """Runs one event loop until `close`. The thread never keeps a process alive."""

    def __init__(self, name: str) -> None:
        """Start it under this name."""
        self.loop = _new_event_loop()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def run(self, action: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Do something in the loop and wait for its result; not from the loop's own thread."""
        return self.start(action).result()

    def start(self, action: Callable[[], Coroutine[Any, Any, Result]]) -> Future[Result]:
        """Begin something in the loop."""
        return asyncio.run_coroutine_threadsafe(action(), self.loop)

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
