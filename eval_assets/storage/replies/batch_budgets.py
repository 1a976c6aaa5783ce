"""Budgets that several processes share: the runs of one backfill spend from one ceiling, kept in a local file."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eval_assets.requests.budget import Budget

KEPT_SECONDS = 30 * 86_400
WIDTH = 32
ROUNDING = 1e-12


class BatchBudget(Budget):
    """A ceiling in dollars for all processes of this machine that name the same file.

    The file holds what is spent or set aside. What a killed process had set aside stays in it: its requests may have
    been billed.
    """

    def __init__(self, max_usd: float, file: Path) -> None:
        """Share the ceiling whose account is this file; it is made if it is absent."""
        super().__init__(max_usd)
        self._file = file

    @property
    def spent_usd(self) -> float:
        """What this process spent, and what the others spent or set aside."""
        with self._account() as account:
            return _committed(account) - self._reserved

    def reserve(self, usd: float) -> bool:
        """Set aside the worst-case cost of one request; false if that could exceed the ceiling."""
        with self._account() as account:
            committed = _committed(account) + usd
            if committed > self.max_usd + ROUNDING:
                return False
            _commit(account, committed)
            self._reserved += usd
            self._n_reserved += 1
            return True

    def settle(self, reserved_usd: float, cost_usd: float) -> None:
        """Replace a reservation by what the request cost, 0 if it was not answered."""
        with self._account() as account:
            _commit(account, _committed(account) - reserved_usd + cost_usd)
            self._reserved -= reserved_usd
            self._n_reserved -= 1

    @contextmanager
    def _account(self) -> Iterator[int]:
        """The account's file descriptor, while no other thread or process has it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


def batch_budget(max_usd: float, folder: Path, batch: str, evaluation: str) -> BatchBudget:
    """The budget of one evaluation in one backfill; accounts of long ago are removed.

    Args:
        max_usd: The ceiling, in dollars.
        folder: Where accounts lie; local, shared by the processes of this machine.
        batch: Id of the backfill.
        evaluation: Name of the evaluation.
    """
    for account in folder.glob("*.usd"):
        if time.time() - account.stat().st_mtime > KEPT_SECONDS:
            account.unlink(missing_ok=True)
    return BatchBudget(max_usd, folder / f"{batch}.{evaluation}.usd")


def _committed(account: int) -> float:
    return float(os.pread(account, WIDTH, 0) or 0)


def _commit(account: int, usd: float) -> None:
    """Write in one piece and always as many bytes, so that a kill leaves the old amount or the new one."""
    os.pwrite(account, repr(usd).ljust(WIDTH).encode(), 0)
