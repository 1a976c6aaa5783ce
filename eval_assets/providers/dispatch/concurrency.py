"""How many requests may be under way at one account: more while they are answered, fewer when too many are refused."""

from collections import deque
from dataclasses import dataclass, replace

MAX_MOVES = 200
FEWEST_OUTCOMES = 20
"""Outcomes to judge by, at least: fewer say too little. More when more are under way: one of each."""

GROWS_BELOW = 0.1
SHRINKS_ABOVE = 0.25
"""Shares of refused requests. Fewer are chance, or another user of the account; more are a ceiling."""

FIRST_ANSWER = 15
"""Slots that the first answer of an account wins: what it proves, address, key and model, no later one has to prove."""

SLOW_START = 3
"""Slots that each further answer wins at first: four times as many per round trip, from 16 to 64 in one."""

GROWTH = 1 / 8
FEWEST_IN_A_ROW = 8
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Move:
    """A change of the concurrency limit, `seconds` after the first request."""

    seconds: float
    limit: int
    why: str


@dataclass(frozen=True, slots=True)
class Level:
    """A concurrency that worked.

    Args:
        limit: How many requests were allowed at once.
        is_found: More were refused; else nobody tried more.
    """

    limit: int = 1
    is_found: bool = False


class Concurrency:
    """The limit of one account. Not safe for threads: its account holds the lock.

    The first request goes alone, after its answer 16 may be under way. From there it quadruples per round trip up to
    the level that is known to work, and then grows by an eighth. One refused
    request costs nothing but its own slot while it waits, which is not counted here. When more than `SHRINKS_ABOVE` are
    refused, the limit shrinks by their share, at most to half, and once per round trip; above `GROWS_BELOW` it stays.
    When as many in a row are refused as may be under way, everything pauses and one request at a time tries again.

    Args:
        now: The present moment; all further ones are of the same clock.
        level: Where to begin.
    """

    def __init__(self, now: float, level: Level | None = None) -> None:
        self.paused_until = float("-inf")
        self._ceiling = 1
        self._exact = float(1 if level is None else level.limit)
        self._works = self._exact if level is not None and level.is_found else float("inf")
        self._full_at = self._changed_at = float("-inf")
        self._n_outcomes = self._n_refused = self._n_in_a_row = self._n_pauses = 0
        self._is_calm, self._was_answered, self._is_new = True, False, level is None
        why = "first request alone" if level is None else "as it worked last time"
        self._moves: deque[Move] = deque([Move(now, self.limit, why)], MAX_MOVES)

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return int(min(self._exact, self._ceiling))

    @property
    def level(self) -> Level | None:
        """What worked, for next time; null if nothing was answered."""
        if not self._was_answered:
            return None
        is_found = self._works < float("inf")
        return Level(max(self.limit, int(self._works)) if is_found else self.limit, is_found)

    def raise_ceiling(self, ceiling: int, start: int = 1) -> None:
        """Allow as many as this one day, if fewer were allowed; nothing having moved yet, so many at the start."""
        self._ceiling = max(self._ceiling, ceiling)
        if len(self._moves) == 1:
            if start > self._exact:
                self._exact = float(start)
                self._moves[0] = replace(self._moves[0], why="as many as may start")
            self._moves[0] = replace(self._moves[0], limit=self.limit)

    def started(self, n_taken: int, now: float) -> None:
        """A request was sent, and so many slots are taken with it."""
        if n_taken >= self.limit:
            self._full_at = now

    def answered(self, sent_at: float, now: float) -> None:
        """A request sent at that time was answered."""
        slots = SLOW_START if self._was_answered or not self._is_new else FIRST_ANSWER
        self._n_in_a_row = self._n_pauses = 0
        self._was_answered = True
        if sent_at < self._changed_at:
            return
        self._count(refused=0)
        # Growth needs proof: only who was under way when all slots were taken shows that they can be.
        if sent_at <= self._full_at and self._exact < self._ceiling:
            if self._exact < self._works:
                self._grow(slots, now, "slow start")
            elif self._is_calm:
                self._grow(max(GROWTH, 1 / self._exact), now, "few 429s")

    def refused(self, sent_at: float, now: float, why: str, retry_after_seconds: float | None) -> None:
        """A request sent at that time was refused because there are too many."""
        if self._n_pauses and retry_after_seconds:
            self.paused_until = max(self.paused_until, now + retry_after_seconds)
        if sent_at < self._changed_at and self._n_pauses:
            return
        self._n_in_a_row += 1
        if self._n_in_a_row >= self.limit:
            self._pause(now, why, retry_after_seconds or 0.0)
        elif sent_at >= self._changed_at:
            self._count(refused=1)
            share = self._n_refused / max(1, self._n_outcomes)
            if self._n_refused > SHRINKS_ABOVE * self._n_enough:
                self._works = min(self._exact, self._ceiling) * max(0.5, 1 - share)
                self._begin_anew(self._works, now, f"{why}, {share:.0%} of requests")

    def note(self, now: float, why: str) -> None:
        """Tell in `moves` what happened."""
        move = Move(now, self.limit, why)
        # A climb is one move however many steps it has.
        if self._moves[-1].why == why and why in ("slow start", "few 429s"):
            self._moves[-1] = move
        else:
            self._moves.append(move)

    def moves(self, since: float) -> tuple[Move, ...]:
        """The limit at a moment, and how it moved since, in seconds after it; the newest `MAX_MOVES`."""
        before = [move for move in self._moves if move.seconds < since]
        after = [move for move in self._moves if move.seconds >= since]
        first = [Move(0.0, before[-1].limit, before[-1].why)] if before else []
        return (*first, *(Move(round(move.seconds - since, 3), move.limit, move.why) for move in after))

    @property
    def _n_enough(self) -> int:
        return max(FEWEST_OUTCOMES, self.limit)

    def _count(self, *, refused: int) -> None:
        if self._n_outcomes >= self._n_enough:
            self._is_calm = self._n_refused <= GROWS_BELOW * self._n_outcomes
            self._n_outcomes = self._n_refused = 0
        self._n_outcomes += 1
        self._n_refused += refused

    def _pause(self, now: float, why: str, retry_after_seconds: float) -> None:
        """Everything is refused: wait, then try with one request."""
        seconds = retry_after_seconds
        if self._was_answered:
            # A few in a row are chance, many are all that were under way.
            if self.limit >= FEWEST_IN_A_ROW:
                self._works = min(self._works, self._exact)
            seconds = max(seconds, min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**self._n_pauses))
        self._n_pauses += 1
        self.paused_until = max(self.paused_until, now + seconds)
        self._begin_anew(1.0, now, f"{why}, wait {seconds:g} s" if seconds else why)

    def _begin_anew(self, limit: float, now: float, why: str) -> None:
        self._changed_at = now
        self._n_outcomes = self._n_refused = 0
        self._is_calm = True
        self._exact = max(1.0, limit)
        self.note(now, why)

    def _grow(self, slots: float, now: float, why: str) -> None:
        before = self.limit
        self._exact = min(self._exact + slots, float(self._ceiling))
        if self.limit != before:
            self.note(now, why)
