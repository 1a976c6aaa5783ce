"""What an engine has to know of batches: what they brought, what is under way in them, and what is to go into one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from eval_assets.providers.failures import failed_reply
from eval_assets.requests.exchange import Reply, Request
from eval_assets.storage.replies.batch_ledger import BatchRecord, Entry, Outcomes
from eval_assets.storage.replies.responses import ResponseStore

Gather = Callable[[Entry, Request, float], None]
"""Lets a request wait for the next batch, with what was set aside for it."""


@dataclass(slots=True)
class LaneBatches:
    """Batches of one lane, as one engine sees them.

    Args:
        store: Where they are remembered.
        lane: Whose.
        is_meant: Whether what has no reply goes into a batch, and is not sent by itself.
        is_asked_at_once: What failed in a batch is sent by itself.
        gather: Takes what goes into one; null where nobody submits.
        handed_out: Requests whose outcome a run has shown; engines of a lane share it.
        n_waiting: Requests that this engine was asked, and that wait.
    """

    store: ResponseStore
    lane: str
    is_meant: bool = False
    is_asked_at_once: bool = False
    gather: Gather | None = None
    handed_out: set[str] = field(default_factory=set)
    n_waiting: int = 0
    _outcomes: Outcomes | None = None
    _under_way: dict[str, BatchRecord] | None = None

    def failed(self, key: str, *, shown: bool = False) -> Reply | None:
        """The failure that a batch brought for a request, unless what failed is asked at once.

        Args:
            key: Of the request.
            shown: The run shows it: a later one asks again.
        """
        failure = None if self.is_asked_at_once else self._brought.failed.get(key)
        if failure is None:
            return None
        if shown:
            self.handed_out.add(key)
        at = datetime.fromisoformat(failure.requested_at)
        return failed_reply(failure.error, failure.kind, requested_at=at, latency_seconds=None)

    def is_fresh(self, key: str) -> bool:
        """Whether a batch brought the reply to a request, and no run has accounted for it; this one does now."""
        is_fresh = key in self._brought.fresh and key not in self.handed_out
        if is_fresh:
            self.handed_out.add(key)
        return is_fresh

    def waits(self, key: str, since: datetime | None) -> bool:
        """Whether a request must not be sent now: it is under way in a batch, or is to go into one.

        Args:
            key: Of the request; its lane is held by this run.
            since: Batches submitted before this time don't count.
        """
        if self._under_way is None:
            self._under_way = self.store.batches.under_way(self.lane)
        record = self._under_way.get(key)
        is_under_way = record is not None and (
            since is None or record.asked_at is None or datetime.fromisoformat(record.asked_at) >= since
        )
        return is_under_way or self.is_meant

    def is_under_way(self, key: str) -> bool:
        """Whether a batch holds the request, as `waits` last read it."""
        return self._under_way is not None and key in self._under_way

    def will_wait(self, entry: Entry, request: Request, usd: float) -> None:
        """Let a request wait for the next batch, if somebody submits one."""
        if self.gather is not None:
            self.gather(entry._replace(attempt=self._brought.again.get(entry.key, 0) + 1), request, usd)

    @property
    def _brought(self) -> Outcomes:
        if self._outcomes is None:
            self._outcomes = self.store.batches.outcomes(self.lane)
        return self._outcomes
