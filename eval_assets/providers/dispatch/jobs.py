"""What is asked of a model and answered: requests with a tag, their final replies, and which stored ones don't do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, Protocol, TypeVar

from eval_assets.providers.failures import failed_reply
from eval_assets.providers.replies.reading import Reading, understood
from eval_assets.requests.exchange import Outcome, Reply, Request

T = TypeVar("T")
UNSENDABLE = "unsendable"
Policy = Literal["use", "refresh", "replay"]


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """A request, and whatever the caller needs to recognise its answer."""

    request: Request
    tag: T


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """The final reply to one job.

    Args:
        job: The job answered.
        request_key: Empty only if the request has no canonical form.
        reply: Understood as the model's file says: its outcome is neither `unparsed` nor `skipped`.
        response_id: Its row in `responses`; null for an error, which is not stored.
        reused: It was paid for by an earlier run, or by an identical request of this one.
    """

    job: Job[T]
    request_key: str
    reply: Reply
    response_id: str | None
    reused: bool


class Asker(Protocol):
    """Answers requests of one model: the engine, or its dry twin that only looks replies up."""

    def answers(self, jobs: Iterable[Job[T]], total: int | None = None) -> Iterator[Answer[T]]:
        """Answer every job once, in any order; the total, if known, is for progress."""
        ...


@dataclass(frozen=True, slots=True)
class Retry:
    """Stored replies to ask for again, once.

    Args:
        outcomes: Of the replies, as they are understood.
        before: When the run began: a reply asked for since then has been asked for again.
    """

    outcomes: frozenset[Outcome]
    before: datetime

    def wants(self, reply: Reply, reading: Reading, *, has_tools: bool = False) -> bool:
        """Whether a stored reply is to be asked for again; arguments as of `understood`."""
        if reply.requested_at >= self.before:
            return False
        return understood(reply, reading, has_tools=has_tools).outcome in self.outcomes


def unsendable_reply(error: Exception) -> Reply:
    """The answer to a request that has no canonical form: failed, and nothing is sent."""
    return failed_reply(str(error) or type(error).__name__, UNSENDABLE)
