"""How many requests may be under way at one account: grows while they are answered, shrinks when they are refused."""

from collections import deque
from dataclasses import dataclass

MAX_MOVES = 200


@dataclass(frozen=True, slots=True)
class Move:
    """A change of the concurrency limit, `seconds` after the first request."""

    seconds: float
    limit: int
    why: str


class Concurrency:
    """The limit of one account. Not safe for threads: its account holds the lock.

    The first request goes alone. Each success then adds one slot, which doubles the limit per round trip, until the
    first 429; from there a full round trip adds one slot, and a 429 halves the limit, once per round trip.

    Args:
        now: The present moment; all further ones are of the same clock.
    """

    def __init__(self, now: float) -> None:
        self.paused_until = float("-inf")
        self._ceiling = 1
        self._exact = 1.0
        self._slow_start = True
        self._slowed_at = float("-inf")
        self._full_at = float("-inf")
        self._moves: deque[Move] = deque([Move(now, 1, "first request alone")], MAX_MOVES)

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return int(self._exact)

    def raise_ceiling(self, ceiling: int) -> None:
        """Allow as many as this one day, if fewer were allowed."""
        self._ceiling = max(self._ceiling, ceiling)

    def started(self, in_flight: int, now: float) -> None:
        """A request was sent, and so many are under way with it."""
        if in_flight >= self.limit:
            self._full_at = now

    def answered(self, sent_at: float, now: float) -> None:
        """A request sent at that time was answered."""
        # Growth needs proof: only who was under way when all slots were taken shows that they can be.
        if self._slowed_at <= sent_at <= self._full_at:
            self._move(self._exact + (1.0 if self._slow_start else 1.0 / self._exact), now, self._growth())

    def refused(self, sent_at: float, now: float, why: str, retry_after_seconds: float | None) -> None:
        """A request sent at that time was refused because there are too many."""
        if retry_after_seconds:
            self.paused_until = max(self.paused_until, now + retry_after_seconds)
            why = f"{why}, wait {retry_after_seconds:g} s"
        self._slow_start = False
        if sent_at >= self._slowed_at:
            self._slowed_at = now
            self._move(self._exact / 2, now, why)

    def note(self, now: float, why: str) -> None:
        """Tell in `moves` what happened."""
        move = Move(now, self.limit, why)
        # A climb is one move however many steps it has.
        if self._moves[-1].why == why == self._growth():
            self._moves[-1] = move
        else:
            self._moves.append(move)

    def moves(self, since: float) -> tuple[Move, ...]:
        """The limit at a moment, and how it moved since, in seconds after it; the newest `MAX_MOVES`."""
        before = [move for move in self._moves if move.seconds < since]
        after = [move for move in self._moves if move.seconds >= since]
        first = [Move(0.0, before[-1].limit, before[-1].why)] if before else []
        return (*first, *(Move(round(move.seconds - since, 3), move.limit, move.why) for move in after))

    def _growth(self) -> str:
        return "slow start" if self._slow_start else "no 429 for a round trip"

    def _move(self, limit: float, now: float, why: str) -> None:
        before = self.limit
        self._exact = min(max(1.0, limit), float(self._ceiling))
        if self.limit != before:
            self.note(now, why)
