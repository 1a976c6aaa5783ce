"""Processes that score batches. They know nothing of the program that asks: a script may be run again by nobody.

The pools of Python import the caller's main module in each process: a script without `if __name__ == "__main__"` would
start itself over, with all it sends and pays for.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import BinaryIO, Self, cast

from eval_assets.errors import MetricError
from eval_assets.metrics.scoring.computing import Computed, OpenScores, compute

CHILD = f"import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {__name__} import serve; serve()"

Process = subprocess.Popen[bytes]


class Workers:
    """As many processes as asked for, each started when there is work for it.

    Args:
        n: How many.
    """

    def __init__(self, n: int) -> None:
        self.n_at_once = n
        self._threads = ThreadPoolExecutor(n, thread_name_prefix="scoring")
        self._idle: SimpleQueue[Process | None] = SimpleQueue()
        self._started: list[Process] = []
        for _ in range(n):
            self._idle.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End all processes; what they were given and nobody waits for is dropped."""
        if kind is not None:
            for process in self._started:
                process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in self._started:
            process.communicate()

    def submit(self, wanted: OpenScores) -> "Future[Computed]":
        """Have scores computed; the future raises `MetricError` if the process ended, and what it raised."""
        return self._threads.submit(self._computed, wanted)

    def _computed(self, wanted: OpenScores) -> Computed:
        process = self._idle.get() or self._start()
        try:
            computed = _asked(process, wanted)
        except (EOFError, BrokenPipeError) as error:
            raise MetricError(
                f"a process that computes metrics ended with status {process.wait()}; a negative one is the signal "
                "that ended it, -9 often for lack of memory. Run again: what was scored before is kept"
            ) from error
        finally:
            self._idle.put(process)
        if isinstance(computed, Exception):
            raise computed
        return computed

    def _start(self) -> Process:
        command = [sys.executable, "-c", CHILD, json.dumps(sys.path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  our own
        self._started.append(process)
        return process


def _asked(process: Process, wanted: OpenScores) -> Computed | Exception:
    requests, replies = cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout)
    pickle.dump(wanted, requests, pickle.HIGHEST_PROTOCOL)
    requests.flush()
    return cast("Computed | Exception", pickle.load(replies))  # noqa: S301  of a process of our own


def serve() -> None:
    """Score what comes on standard input until it ends, which it does with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when we end
    # Whatever prints writes to standard error.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            wanted = pickle.load(sys.stdin.buffer)  # noqa: S301  of the parent
        except EOFError:
            return
        try:
            computed: Computed | Exception = compute(wanted)
        except Exception as error:  # noqa: BLE001  the parent raises it
            computed = error
        pickle.dump(computed, replies, pickle.HIGHEST_PROTOCOL)
        replies.flush()
