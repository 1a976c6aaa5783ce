"""Threads that call blocking code, one call at a time each. They never keep a process alive, as a pool's would."""

import queue
import threading
from collections.abc import Callable

IDLE_SECONDS = 5.0
"""How long a thread without a call waits for the next one: starting one costs more than most calls."""

Call = Callable[[], None]


class CallThreads:
    """As many daemon threads as there are calls at the same time; a call that never returns keeps its own."""

    def __init__(self) -> None:
        """Start none yet."""
        self._lock = threading.Lock()
        self._idle: list[queue.SimpleQueue[Call]] = []

    def run(self, call: Call) -> None:
        """Make a call in a thread that has none; it must not raise."""
        with self._lock:
            waiting = self._idle.pop() if self._idle else None
        if waiting is not None:
            waiting.put(call)
            return
        calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        calls.put(call)
        threading.Thread(target=self._serve, args=(calls,), name="callable-model", daemon=True).start()

    def _serve(self, calls: "queue.SimpleQueue[Call]") -> None:
        while True:
            try:
                call = calls.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if calls in self._idle:
                        self._idle.remove(calls)
                        return
                continue  # a call is on its way
            call()
            del call  # nothing of it lives on while the thread waits
            with self._lock:
                self._idle.append(calls)


THREADS = CallThreads()
"""Of this process: all models that are called share them."""
