"""Collecting a batch that is over: replies into the store, as if each was asked alone, and why others have none."""

import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from eval_assets.config.model import Model
from eval_assets.config.prices import Prices
from eval_assets.errors import StorageError
from eval_assets.providers.batches.service import BatchLost, BatchService, BatchStatus, Leftover
from eval_assets.providers.batches.submitting import with_status
from eval_assets.providers.dispatch.costs import reply_cost_usd
from eval_assets.providers.dispatch.rates import in_batches
from eval_assets.providers.failures import AttemptFailure, RateLimited, RequestFailed, TransientFailure
from eval_assets.providers.redaction import redacted
from eval_assets.requests.exchange import Reply
from eval_assets.requests.keys import request_of
from eval_assets.storage.replies.batch_ledger import BatchFailure, BatchRecord, Entry, Outcomes
from eval_assets.storage.replies.lane_writer import LaneWriter
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.wording.numbers import count_text

LOG = logging.getLogger("eval_assets")
MOST_BATCHES = 3
"""In how many batches in a row a request may be, before it is a failed one of its run."""

WAKE_SECONDS = 0.01
REASON_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Collected:
    """What a batch brought.

    Args:
        record: As it stands in the ledger now.
        costs: Key → dollars of each reply, as far as they are known.
    """

    record: BatchRecord
    costs: Mapping[str, float | None]


async def collect(
    record: BatchRecord, status: BatchStatus, service: BatchService, store: ResponseStore, writer: LaneWriter
) -> Collected:
    """Store the replies of a batch that is over, and remember the others; who calls holds the lane.

    A collection that was broken off goes on: replies that are stored already are passed over.

    Args:
        record: In state `submitted`.
        status: As the provider last said.
        service: Has the results.
        store: Where replies are.
        writer: Of the lane.

    Raises:
        AttemptFailure: The results can't be read now.
        StorageError: No room is left for replies.
    """
    assert record.asked_at is not None  # noqa: S101  submitted
    asked_at = datetime.fromisoformat(record.asked_at)
    entries = {entry.key: entry for entry in store.batches.entries(record)}
    stored = store.lookup(record.lane, entries.keys(), since=asked_at)
    costs: dict[str, float | None] = {key: found.reply.cost_usd for key, found in stored.items()}
    failures: dict[str, AttemptFailure] = {}
    prices, leftover = in_batches(Model.model_validate(record.model).file.prices), status.leftover
    try:
        for result in await service.results(status):
            if result.key in costs or (entry := entries.get(result.key)) is None:
                continue
            try:
                reply = service.read(result, request_of(entry.canonical), asked_at)
                costs[entry.key] = _kept(entry, reply, prices, record, writer)
                failures.pop(entry.key, None)
            except AttemptFailure as failure:
                failures.setdefault(entry.key, failure)
    except BatchLost as lost:
        leftover = Leftover(lost.kind, f"{lost}; replies that it held can't be collected", may_help_again=False)
    writer.flush()
    for key in entries.keys() - costs.keys() - failures.keys():
        failures[key] = (TransientFailure if leftover.may_help_again else RequestFailed)(leftover.said, leftover.kind)
    outcomes = _outcomes(entries, failures, record.asked_at)
    outcomes.fresh = set(costs)
    said = _said(record, status, len(costs), outcomes, failures)
    (LOG.warning if failures else LOG.info)("%s", said)
    return Collected(store.batches.finish(replace(with_status(record, status), said=said), outcomes), costs)


def _kept(entry: Entry, reply: Reply, prices: Prices, record: BatchRecord, writer: LaneWriter) -> float | None:
    """Keep a reply; one that can't be written, whatever is odd about it, costs its row. Returns its cost."""
    while writer.is_behind:
        time.sleep(WAKE_SECONDS)
    try:
        priced = replace(reply, cost_usd=reply_cost_usd(reply, prices))
        return writer.append(entry.key, entry.canonical, priced, f"batch-{record.token}").reply.cost_usd
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001  values of a reply are the provider's
        said = redacted(f"a reply came and can't be kept, {type(error).__name__}: {error}")
        raise RequestFailed(said, "odd_reply") from None


def _outcomes(entries: Mapping[str, Entry], failures: Mapping[str, AttemptFailure], asked_at: str) -> Outcomes:
    outcomes = Outcomes()
    for key, failure in failures.items():
        attempt = entries[key].attempt
        if isinstance(failure, RateLimited | TransientFailure) and attempt < MOST_BATCHES:
            outcomes.again[key] = attempt
        else:
            outcomes.failed[key] = BatchFailure(failure.kind, str(failure), asked_at)
    return outcomes


def _said(
    record: BatchRecord, status: BatchStatus, n_replies: int, outcomes: Outcomes, failures: Mapping[str, AttemptFailure]
) -> str:
    """How a batch ended, in a sentence, with the reasons of what failed."""
    parts = [count_text(n_replies, "reply", "replies")]
    kinds = Counter(failure.kind for failure in failures.values())
    if failures:
        first = {failure.kind: str(failure) for failure in reversed(list(failures.values()))}
        reasons = "; ".join(f"{n:,} {kind}: {first[kind][:REASON_CHARACTERS]}" for kind, n in kinds.most_common())
        parts.append(f"{'every request failed' if not n_replies else f'{len(failures):,} failed'} ({reasons})")
    if outcomes.again:
        parts.append(f"{count_text(len(outcomes.again), 'request')} will be asked again")
    return f"batch {status.batch_id} of {record.model_name} is over ({status.status}): {', '.join(parts)}"
