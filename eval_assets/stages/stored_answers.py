"""The engine's twin that never sends: answers come from the stored replies, and what was never asked stays open."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from eval_assets.errors import ConfigError
from eval_assets.providers.dispatch.answering import CHUNK
from eval_assets.providers.dispatch.jobs import Answer, Job, unsendable_reply
from eval_assets.providers.replies.reading import reading_of, understood
from eval_assets.requests.exchange import Outcome, Reply, Request
from eval_assets.requests.keys import ModelIdentity, canonical_request, key_of, lane_of
from eval_assets.stages.cell_inputs import StoredModel
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.replies.stored_replies import StoredReply

T = TypeVar("T")
PENDING = "pending"
"""The kind of error of an answer that no stored reply gives."""


class StoredAnswers:
    """Answers requests to one model from the store.

    Args:
        model: As the warehouse keeps it.
        identity: Who would answer.
        store: The stored replies.
        missing_as: Outcome of an answer that no stored reply gives; after an error nobody concludes what the endpoint
            understands.
    """

    def __init__(
        self, model: StoredModel, identity: ModelIdentity, store: ResponseStore, *, missing_as: Outcome = "skipped"
    ) -> None:
        """Nothing is missing yet."""
        self.n_missing = 0
        self.lane = lane_of(identity)
        self._reading = reading_of(model.model)
        self._identity, self._store = identity, store
        self._pending = _pending(missing_as)

    def answers(self, jobs: Iterable[Job[T]], total: int | None = None) -> Iterator[Answer[T]]:  # noqa: ARG002
        """Answer each job with its stored reply, or with a pending one."""
        remaining = iter(jobs)
        while chunk := list(islice(remaining, CHUNK)):
            keyed: list[tuple[Job[T], str, str]] = []
            for job in chunk:
                try:
                    canonical = canonical_request(self._identity, job.request)
                except (ConfigError, RecursionError, MemoryError) as error:
                    yield Answer(job, "", unsendable_reply(error), None, reused=False)
                else:
                    keyed.append((job, key_of(canonical), canonical))
            stored = self._stored({key: job.request for job, key, _ in keyed})
            for job, key, canonical in keyed:
                found = stored.get(key)
                if found is None:
                    self._miss(key, canonical, job.request)
                reply = self._pending
                if found is not None:
                    reply = understood(found.reply, self._reading, has_tools=bool(job.request.tools))
                yield Answer(job, key, reply, None, reused=found is not None)

    def _stored(self, requests: Mapping[str, Request]) -> dict[str, StoredReply]:
        """The stored replies that do, by key of the request."""
        return self._store.known(self.lane, list(requests))

    def _miss(self, key: str, canonical: str, request: Request) -> None:  # noqa: ARG002
        """A request has no stored reply."""
        self.n_missing += 1


def _pending(outcome: Outcome) -> Reply:
    return Reply(
        outcome=outcome,
        output=None,
        finish_reason=None,
        latency_seconds=0.0,
        requested_at=datetime.now(UTC),
        error_kind=PENDING,
    )
