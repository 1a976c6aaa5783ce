"""Requests that wait to be submitted, cut into batches that a provider takes."""

import threading
from collections.abc import Collection
from dataclasses import dataclass, field

from eval_assets.config.model import Model
from eval_assets.providers.batches.service import BatchService
from eval_assets.providers.failures import AttemptFailure, RequestFailed
from eval_assets.requests.budget import Budget
from eval_assets.requests.exchange import Request
from eval_assets.storage.replies.batch_ledger import Entry


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request that waits.

    Args:
        lane: Where its reply belongs.
        model: The model file that asks.
        evaluation: For which it was asked first.
        entry: Key and canonical form.
        request: What is asked.
        worst_usd: What it counts as in the budget.
        budget: Which; null without one.
        sending: What the run was told, as `BatchRecord.sending`.
    """

    lane: str
    model: Model
    evaluation: str
    entry: Entry
    request: Request
    worst_usd: float
    budget: Budget | None
    sending: str | None = None

    def turned_out(self, cost_usd: float) -> None:
        """Let it count as what it cost."""
        if self.budget is not None and self.budget.reserve(0.0):
            self.budget.settle(0.0, cost_usd - self.worst_usd)


Line = tuple[Wanted, bytes]
"""A request, and what is uploaded for it."""


@dataclass(slots=True)
class Gathering:
    """Requests of a run that go into batches; safe to use from several threads."""

    _wanted: dict[tuple[str, str], Wanted] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def holds(self, lane: str, key: str) -> bool:
        """Whether a request waits already."""
        return (lane, key) in self._wanted

    def add(self, wanted: Wanted) -> None:
        """Let a request wait; one that waits already isn't added."""
        with self._lock:
            self._wanted.setdefault((wanted.lane, wanted.entry.key), wanted)

    def taken(self) -> dict[tuple[str, str], list[Wanted]]:
        """All that wait, by lane and model file; nothing waits then."""
        with self._lock:
            held, self._wanted = self._wanted, {}
        groups: dict[tuple[str, str], list[Wanted]] = {}
        for wanted in held.values():
            groups.setdefault((wanted.lane, wanted.model.name), []).append(wanted)
        return groups


def written(wanted: Collection[Wanted], service: BatchService) -> tuple[list[Line], dict[str, AttemptFailure]]:
    """Requests with their lines, and by key why others can't be written.

    Args:
        wanted: Requests to one model.
        service: Writes lines.
    """
    lines: list[Line] = []
    unwritable: dict[str, AttemptFailure] = {}
    for each in wanted:
        try:
            lines.append((each, service.line(each.entry.key, each.request)))
        except AttemptFailure as failure:
            unwritable[each.entry.key] = failure
        except (TypeError, ValueError) as error:  # of JSON
            unwritable[each.entry.key] = RequestFailed(f"the request can't be written: {error}", "unsendable")
    return lines, unwritable


def cut(lines: Collection[Line], service: BatchService) -> list[list[Line]]:
    """Requests, as many to a batch as its provider takes.

    Args:
        lines: To one model.
        service: Says how many it takes.
    """
    batches: list[list[Line]] = []
    n_bytes = 0
    for each, line in lines:
        if not batches or len(batches[-1]) >= service.most_requests or n_bytes + len(line) > service.most_bytes:
            batches.append([])
            n_bytes = 0
        batches[-1].append((each, line))
        n_bytes += len(line)
    return batches


def evaluations_of(batch: Collection[Line]) -> tuple[str, ...]:
    """For which evaluations a batch is."""
    return tuple(sorted({wanted.evaluation for wanted, _ in batch}))
