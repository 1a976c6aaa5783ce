"""What the engine takes and gives: a request with the caller's tag, and its answer."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from eval_assets.providers.requests import Reply, Request

T = TypeVar("T")


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
        reply: With outcome ok, truncated, refused or error.
        response_id: Its row in `responses`; null for an error, which is not stored.
        reused: It was paid for by an earlier run, or by an identical request of this one.
        paid_by_run_id: The run that paid; null for an error.
    """

    job: Job[T]
    request_key: str
    reply: Reply
    response_id: str | None
    reused: bool
    paid_by_run_id: str | None
