"""Budgets that machines share: the runs of one backfill spend from one ceiling, whose account stands in the warehouse.

A process sets aside for some requests at a time, so that not each of them asks the store.
"""

import time
import uuid
from collections.abc import Callable

from eval_assets.errors import StorageError
from eval_assets.requests.budget import Budget
from eval_assets.storage.remote.object_store import ConflictError, Objects, Stored

ROUNDING = 1e-12
AT_A_TIME = 32
"""Requests that are set aside for together, as long as that is a small part of what is left."""

SHARE_OF_ROOM = 0.25
REFUSED_SECONDS = 1.0
"""How long the account isn't asked again once it had no room."""

ATTEMPTS = 100


class WarehouseBudget(Budget):
    """A ceiling in dollars for all processes that name the same account; safe to use from several threads.

    The account holds what is spent or set aside. What a killed process had set aside stays in it: its requests may have
    been billed.

    Args:
        max_usd: The ceiling, in dollars.
        objects: Of the warehouse.
        account: Names the account; it is made if it is absent.
    """

    def __init__(self, max_usd: float, objects: Objects, account: str) -> None:
        super().__init__(max_usd)
        self._objects, self._path = objects, f"_claims/budgets/{account}.json"
        self._known: Stored | None = None
        self._drawn = 0.0
        self._refused_at = float("-inf")

    @property
    def spent_usd(self) -> float:
        """What this process spent, and what the others spent or set aside, as far as is known."""
        with self._lock:
            return self._spent + self._committed - self._drawn

    def reserve(self, usd: float) -> bool:
        """Set aside the worst-case cost of one request; false if that could exceed the ceiling."""
        with self._lock:
            needed = self._spent + self._reserved + usd - self._drawn
            if needed > ROUNDING and not self._draw(needed, usd):
                return False
            self._reserved += usd
            self._n_reserved += 1
            return True

    def close(self) -> None:
        """Give back what was set aside and isn't needed."""
        with self._lock:
            surplus = self._drawn - self._spent - self._reserved
            if surplus > ROUNDING:
                self._change(lambda _: -surplus)

    def _draw(self, needed: float, usd: float) -> bool:
        if time.monotonic() - self._refused_at < REFUSED_SECONDS:
            return False

        def drawn(committed: float) -> float | None:
            room = self.max_usd - committed
            if needed > room + ROUNDING:
                return None
            return max(needed, min(AT_A_TIME * usd, SHARE_OF_ROOM * room))

        is_drawn = self._change(drawn)
        if not is_drawn:
            self._refused_at = time.monotonic()
        return is_drawn

    def _change(self, by: Callable[[float], float | None]) -> bool:
        """Change the account by what a function of its present amount says; false if that says null."""
        is_read = self._known is None
        for _ in range(ATTEMPTS):
            if is_read:
                self._known = self._objects.read(self._path)
            amount = by(self._committed)
            if amount is None:
                if is_read:
                    return False
                is_read = True
                continue
            content = {"committed_usd": self._committed + amount, "written": uuid.uuid4().hex}
            try:
                tag = self._objects.replace(self._path, content, None if self._known is None else self._known.tag)
            except ConflictError:
                is_read = True
                continue
            self._known = Stored(content, tag)
            self._drawn += amount
            return True
        raise StorageError(f"the budget in {self._path} could not be written in {ATTEMPTS} attempts; run again")

    @property
    def _committed(self) -> float:
        return 0.0 if self._known is None else float(self._known.content["committed_usd"])
