"""Submitting what was gathered, so that a process killed at any moment neither loses a batch nor submits one twice.

The record says `creating` before the provider is asked to create a batch, and the batch carries the record's token: who
finds such a record looks for that batch at the provider before anything is sent again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from eval_assets.providers.batches.gathering import Wanted, cut, evaluations_of, written
from eval_assets.providers.batches.service import BatchService, BatchStatus
from eval_assets.providers.failures import AttemptFailure, RateLimited, TransientFailure
from eval_assets.storage.replies.batch_ledger import BatchFailure, BatchLedger, BatchRecord, Outcomes, new_token

LOG = logging.getLogger("eval_assets")
Value = TypeVar("Value")

ATTEMPTS = 4
FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 60.0
SETTLING_SECONDS = 5.0
"""How long after a creation was asked for its batch may still appear at the provider."""


async def submit_all(
    wanted: Sequence[Wanted],
    service: BatchService,
    ledger: BatchLedger,
    note: Callable[[BatchRecord, Sequence[Wanted]], object],
) -> int:
    """Submit requests to one model, in as many batches as it takes; who calls holds the lane.

    Args:
        wanted: At least one.
        service: Takes them.
        ledger: Remembers them.
        note: Told of each batch that is under way, with its requests.

    Returns:
        How many requests can't be written: they are in no batch, and their rows have failed.

    Raises:
        AttemptFailure: The provider refuses a batch; those before it are under way.
    """
    lines, unwritable = written(wanted, service)
    if unwritable:
        now = datetime.now(UTC).isoformat()
        failed = {key: BatchFailure(failure.kind, str(failure), now) for key, failure in unwritable.items()}
        ledger.note(wanted[0].lane, Outcomes(failed))
    for batch in cut(lines, service):
        requests = [each for each, _ in batch]
        record = BatchRecord(
            lane=requests[0].lane,
            token=new_token(),
            model=requests[0].model.model_dump(mode="json"),
            evaluations=evaluations_of(batch),
            n_requests=len(batch),
            sending=requests[0].sending,
            worst_usd=sum(each.worst_usd for each in requests) if requests[0].model.file.prices.are_known else None,
        )
        ledger.add(record, [each.entry for each in requests], [line for _, line in batch])
        try:
            record = await _submitted(record, service, ledger)
        except AttemptFailure:
            ledger.discard(record)
            raise
        ledger.forget(record.lane, {each.entry.key for each in requests})
        note(record, requests)
    return len(unwritable)


async def settled(record: BatchRecord, service: BatchService, ledger: BatchLedger) -> BatchRecord | None:
    """What became of a record whose process died before it said how far its batch is; null if there is no batch.

    Args:
        record: In state `planned` or `creating`.
        service: Knows whether there is one.
        ledger: Where the record is.

    Raises:
        AttemptFailure: The provider can't be asked; the batch counts as under way.
    """
    if record.state == "planned":
        ledger.discard(record)
        return None
    asked_at = _asked_at(record)
    found = await service.find(record.token, asked_at, record.n_requests)
    if found is None and (wait := SETTLING_SECONDS - (datetime.now(UTC) - asked_at).total_seconds()) > 0:
        await asyncio.sleep(wait)
        found = await service.find(record.token, asked_at, record.n_requests)
    if found is None:
        ledger.discard(record)
        return None
    return ledger.save(with_status(replace(record, state="submitted"), found))


def with_status(record: BatchRecord, status: BatchStatus) -> BatchRecord:
    """The record with what its provider says."""
    return replace(
        record,
        batch_id=status.batch_id,
        status=status.status,
        n_done=status.n_done,
        expires_at=None if status.expires_at is None else status.expires_at.isoformat(),
    )


async def _submitted(record: BatchRecord, service: BatchService, ledger: BatchLedger) -> BatchRecord:
    file_id = await _again(lambda: service.upload(ledger.input_of(record), record.token))
    record = ledger.save(replace(record, state="creating", asked_at=datetime.now(UTC).isoformat()))
    for attempt in range(1, ATTEMPTS + 1):
        try:
            created = await _again(lambda: service.create(file_id, record.token), may_have_worked=True)
        except TransientFailure as failure:
            # It may have been created all the same; who can't tell must not create it again.
            await asyncio.sleep(_backoff(attempt))
            try:
                found = await service.find(record.token, _asked_at(record), record.n_requests)
            except TransientFailure:
                break
            if found is None:
                LOG.info("batch %s isn't created yet: %s", record.token, failure)
                continue
            created = found
        return ledger.save(with_status(replace(record, state="submitted"), created))
    LOG.warning("whether a batch of %s was created isn't known; the next run looks for it", record.model_name)
    return record


async def _again(call: Callable[[], Awaitable[Value]], *, may_have_worked: bool = False) -> Value:
    """Call until it works; what may have worked although it failed is for the caller to look into."""
    for attempt in range(1, ATTEMPTS):
        try:
            return await call()
        except RateLimited as failure:
            await asyncio.sleep(min(failure.retry_after_seconds or _backoff(attempt), LONGEST_BACKOFF_SECONDS))
        except TransientFailure as failure:
            if may_have_worked or failure.lasting:
                raise
            await asyncio.sleep(_backoff(attempt))
    return await call()


def _backoff(attempt: int) -> float:
    return float(min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (attempt - 1)))


def _asked_at(record: BatchRecord) -> datetime:
    assert record.asked_at is not None  # noqa: S101  set before the state says `creating`
    return datetime.fromisoformat(record.asked_at)
