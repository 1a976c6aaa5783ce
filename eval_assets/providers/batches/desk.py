"""The batches of a run: submits what was gathered, asks how far batches are, brings in those that are over."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event

from eval_assets.config.model import Model
from eval_assets.errors import EvalAssetsError
from eval_assets.providers.batches.collecting import collect
from eval_assets.providers.batches.gathering import Gathering, Wanted
from eval_assets.providers.batches.service import BatchLost, BatchService, BatchStatus, Leftover
from eval_assets.providers.batches.submitting import settled, submit_all, with_status
from eval_assets.providers.failures import AttemptFailure, PartitionFailure
from eval_assets.storage.replies.batch_ledger import BatchRecord
from eval_assets.storage.replies.lane_writer import LaneWriter
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.wording.numbers import count_text, seconds_text

LOG = logging.getLogger("eval_assets")
FIRST_LOOK_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 120.0
SLOWER = 1.5
"""How much longer each pause between two looks is than the one before."""

OpenService = Callable[[Model], BatchService]
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Look:
    """What a provider said of a batch: null and why, where it could not be asked."""

    record: BatchRecord
    status: BatchStatus | None
    trouble: str = ""
    is_refused: bool = False

    @property
    def may_end(self) -> bool:
        """Whether there is something to bring in, or to find out about a batch that a killed run left behind."""
        return self.record.state != "submitted" or (self.status is not None and self.status.is_over)


@dataclass(slots=True)
class BatchDesk:
    """Batches of all models, for one run of this process.

    Args:
        store: Where replies, and records of batches, are.
        open_service: Opens the batches of a model; raises where a secret isn't set.
        stop: Set it to give up waiting.
        tell: Told in a sentence what is waited for, and what came.
    """

    store: ResponseStore
    open_service: OpenService
    stop: Event
    tell: Told
    _reserved: dict[str, Sequence[Wanted]] = field(default_factory=dict)
    _postponed: set[str] = field(default_factory=set)
    _has_news: bool = False

    def under_way(self, lanes: Collection[str]) -> list[BatchRecord]:
        """Batches that have not ended, as far as is known."""
        return [record for lane in sorted(lanes) for record in self.store.batches.records(lane) if record.is_under_way]

    def bring_in(self, lanes: Collection[str]) -> None:
        """Collect every batch of these lanes that is over, and find out about those that a killed run left behind.

        A provider that can't be asked leaves its batches under way, and is said.

        Raises:
            StorageError: Replies can't be kept.
        """
        for lane in sorted(lanes):
            open_records = [record for record in self.store.batches.records(lane) if record.state != "collected"]
            looks = looks_at(open_records, self.open_service)
            for look in looks:
                if look.trouble:
                    LOG.warning("%s", look.trouble)
            if any(look.may_end for look in looks) or self.store.batches.leftovers(lane):
                with self._lane(lane) as writer:
                    asyncio.run(self._bring_in(lane, writer))

    def submit(self, gathering: Gathering) -> dict[str, EvalAssetsError]:
        """Submit what was gathered; model file → why its requests, or some of them, could not be submitted."""
        refused = {}
        for (lane, name), wanted in gathering.taken().items():
            with self._lane(lane):
                try:
                    asyncio.run(self._submit(wanted))
                except EvalAssetsError as error:
                    refused[name] = error
        return refused

    def wait(self, lanes: Collection[str]) -> bool:
        """Wait until a batch is over, or a request failed without one; false if there is none that could end."""
        pause = FIRST_LOOK_SECONDS
        if self._has_news:
            self._has_news = False
            return True
        awaited = {record.token for record in self.under_way(lanes)}
        while records := self.under_way(lanes):
            if awaited - {record.token for record in records}:
                return True  # another run has collected one
            looks = looks_at(records, self.open_service)
            if any(look.may_end and look.record.token not in self._postponed for look in looks):
                return True
            self._postponed.clear()
            if all(look.is_refused for look in looks):
                return False
            for look in looks:
                self.tell(look.trouble or f"{progress_text(look)}; next look in {seconds_text(pause)}")
            if self.stop.wait(pause):
                return False
            pause = min(pause * SLOWER, LONGEST_PAUSE_SECONDS)
        return bool(awaited)

    def cancel(self, record: BatchRecord) -> BatchRecord:
        """Ask a provider to answer no more of a batch; what it has answered is collected by the next run.

        Raises:
            AttemptFailure: It can't be asked.
        """
        with self._lane(record.lane):
            return asyncio.run(self._cancel(record))

    def _lane(self, lane: str) -> AbstractContextManager[LaneWriter]:
        return self.store.open_lane(lane, self.tell, label="batches", stopped=self.stop.is_set)

    async def _bring_in(self, lane: str, writer: LaneWriter) -> None:
        ledger = self.store.batches
        for path in ledger.leftovers(lane):
            path.unlink(missing_ok=True)
        for held in ledger.records(lane):
            record: BatchRecord | None = held
            try:
                if held.state == "planned":
                    ledger.discard(held)
                    continue
                if held.state == "collected":
                    continue
                service = self._service(held)
                try:
                    if held.state == "creating":
                        record = await settled(held, service, ledger)
                    if record is not None:
                        await self._collect(record, service, writer)
                finally:
                    await service.aclose()
            except AttemptFailure as failure:
                self._postponed.add(held.token)
                LOG.warning("batch %s of %s can't be collected now: %s", held.batch_id, held.model_name, failure)

    async def _collect(self, record: BatchRecord, service: BatchService, writer: LaneWriter) -> None:
        assert record.batch_id is not None  # noqa: S101  submitted
        try:
            status = await service.status(record.batch_id)
        except BatchLost as lost:
            status = _lost(record, lost)
        if not status.is_over:
            self.store.batches.save(with_status(record, status))
            return
        collected = await collect(record, status, service, self.store, writer)
        for wanted in self._reserved.pop(record.token, ()):
            cost = collected.costs.get(wanted.entry.key, 0.0)
            wanted.turned_out(wanted.worst_usd if cost is None else cost)

    async def _submit(self, wanted: Sequence[Wanted]) -> None:
        left = {each.entry.key: each for each in wanted}

        def note(record: BatchRecord, requests: Sequence[Wanted]) -> None:
            self._reserved[record.token] = requests
            for each in requests:
                del left[each.entry.key]
            self.tell(f"{count_text(len(requests), 'request')} of {record.model_name} wait in {called(record)}")

        try:
            service = self.open_service(wanted[0].model)
            try:
                self._has_news |= bool(await submit_all(wanted, service, self.store.batches, note))
            finally:
                await service.aclose()
        finally:
            for each in left.values():
                each.turned_out(0.0)

    async def _cancel(self, record: BatchRecord) -> BatchRecord:
        service = self._service(record)
        try:
            if record.batch_id is None:
                found = await settled(record, service, self.store.batches)
                if found is None:
                    return record
                record = found
            assert record.batch_id is not None  # noqa: S101  found
            return self.store.batches.save(with_status(record, await service.cancel(record.batch_id)))
        finally:
            await service.aclose()

    def _service(self, record: BatchRecord) -> BatchService:
        return self.open_service(Model.model_validate(record.model))


def looks_at(records: Sequence[BatchRecord], open_service: OpenService) -> list[Look]:
    """What providers say of batches under way; nothing is changed.

    Args:
        records: The batches.
        open_service: As of `BatchDesk`.
    """

    async def all_of_them() -> list[Look]:
        return [await _look(record, open_service) for record in records]

    return asyncio.run(all_of_them()) if records else []


def called(record: BatchRecord) -> str:
    """A batch by its provider's name, as soon as that is known."""
    return f"batch {record.batch_id or record.token}"


def progress_text(look: Look) -> str:
    """How far a batch is, in a line."""
    record, status = look.record, look.status
    done = record.n_done if status is None else status.n_done
    said = record.status if status is None else status.status
    return (
        f"{called(record)} of {record.model_name}: {done:,} of {record.n_requests:,} answered ({said or record.state})"
    )


def _lost(record: BatchRecord, lost: BatchLost) -> BatchStatus:
    said = f"{lost}; with the key of another account it may still be known, and paid for"
    leftover = Leftover(lost.kind, said, may_help_again=False)
    return BatchStatus(batch_id=str(record.batch_id), status="lost", is_over=True, leftover=leftover)


async def _look(record: BatchRecord, open_service: OpenService) -> Look:
    if record.batch_id is None or record.state != "submitted":
        return Look(record, None)
    try:
        service = open_service(Model.model_validate(record.model))
        try:
            return Look(record, await service.status(record.batch_id))
        finally:
            await service.aclose()
    except BatchLost as lost:
        return Look(record, _lost(record, lost))
    except EvalAssetsError as error:
        refused = not isinstance(error, AttemptFailure) or isinstance(error, PartitionFailure)
        said = f"{called(record)} of {record.model_name} can't be asked about, and counts as under way: {error}"
        return Look(record, None, said, refused)
