"""The lanes of one run: taken together, in the order of their names, so that no two runs block each other."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

from eval_assets.storage.replies.lane_writer import LaneWriter

OpenLane = Callable[[str], AbstractContextManager[LaneWriter]]


class RunLanes:
    """What the engines of one run in this process write; safe to use from several threads.

    Whoever has to send first takes the lanes of all engines that are open, by name. Engines that were opened later take
    theirs when they need it: open all engines of a stage before the first of them is asked.
    """

    def __init__(self) -> None:
        """No engine is open yet."""
        self._turn = threading.RLock()
        self._users: Counter[str] = Counter()
        self._held: dict[str, tuple[LaneWriter, contextlib.ExitStack]] = {}

    def join(self, lane: str) -> None:
        """An engine that may write this lane is open now."""
        with self._turn:
            self._users[lane] += 1

    def leave(self, lane: str) -> None:
        """It is closed; the lane is given back when no other engine of the run may write it."""
        with self._turn:
            self._users[lane] -= 1
            if not self._users[lane]:
                del self._users[lane]
                if lane in self._held:
                    _, hold = self._held.pop(lane)
                    hold.close()

    def take(self, lane: str, open_lane: OpenLane) -> LaneWriter:
        """The writer of a lane; waits, while nothing is held, for every lane of the run.

        Args:
            lane: One that was joined.
            open_lane: Opens a lane of the store, and says who is waited for; raises as `ResponseStore.open_lane` does.
        """
        with self._turn:
            if lane not in self._held:
                with contextlib.ExitStack() as taken:
                    writers = {}
                    for name in sorted(self._users.keys() - self._held.keys()):
                        hold = taken.enter_context(contextlib.ExitStack())
                        writers[name] = (hold.enter_context(open_lane(name)), hold)
                    self._held |= writers
                    taken.pop_all()
            return self._held[lane][0]
