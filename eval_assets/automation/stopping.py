"""Ctrl-C, or a run cancelled in the UI, as a clean stop: nothing more is sent, what is under way has a few seconds."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eval_assets.stages.engine_room import EngineRoom

STOPPING = "stopping: nothing more is sent, requests under way have a few seconds to finish"


@contextmanager
def stopping(engine_room: EngineRoom, say: Callable[[str], object]) -> Iterator[None]:
    """The first signal stops the engine room; the second one interrupts. Signals only reach a main thread.

    Args:
        engine_room: What is to stop.
        say: Told that it stops.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: object) -> None:
        if engine_room.stop.is_set():
            signal.default_int_handler(number, None)
        engine_room.stop.set()
        say(STOPPING)

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
