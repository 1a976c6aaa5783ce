"""What a provider of batches has to offer: the one protocol that gathering, submitting and collecting know."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from eval_assets.providers.failures import AttemptFailure
from eval_assets.requests.exchange import Reply, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """What a provider says of a batch.

    Args:
        batch_id: Its name there.
        status: In the provider's words.
        is_over: Whether nothing more will come of it.
        n_done: Requests answered so far, refusals and errors included.
        n_failed: Those of them that brought no reply.
        expires_at: When the provider gives up.
        results: Where replies and errors are, as `BatchService.results` takes them.
        leftover: Why a request that has no result has none: kind, sentence, and whether asking again may help.
    """

    batch_id: str
    status: str
    is_over: bool
    n_done: int = 0
    n_failed: int = 0
    expires_at: datetime | None = None
    results: tuple[str, ...] = ()
    leftover: "Leftover"


class Leftover(NamedTuple):
    """Why a request of a batch that is over has no result."""

    kind: str
    said: str
    may_help_again: bool


class Result(NamedTuple):
    """One line of a batch's results: which request, and the response to it, or the failure to have one."""

    key: str
    status: int = 0
    body: bytes = b""
    failure: AttemptFailure | None = None


class BatchService(Protocol):
    """Batches of one model. Failures are those of `providers.failures`; one that is `lost` raises `BatchLost`."""

    most_requests: int
    most_bytes: int

    def line(self, key: str, request: Request) -> bytes:
        """A request as a line of the file that is uploaded."""
        ...

    async def upload(self, file: Path, token: str) -> str:
        """Upload a file; the provider's name of it. Nothing is asked or paid by that."""
        ...

    async def create(self, file_id: str, token: str) -> BatchStatus:
        """Submit an uploaded file; `token` is kept with the batch."""
        ...

    async def find(self, token: str, since: datetime, n_requests: int) -> BatchStatus | None:
        """The batch that was created with this token, at this time or later; null if there is none.

        Raises `TransientFailure` where that can't be told yet, maybe of as many requests.
        """
        ...

    async def status(self, batch_id: str) -> BatchStatus:
        """How far a batch is."""
        ...

    async def cancel(self, batch_id: str) -> BatchStatus:
        """Ask that no more requests of a batch are answered."""
        ...

    async def results(self, status: BatchStatus) -> Iterator[Result]:
        """What a batch that is over brought, in any order; a line that can't be read is left out, and said."""
        ...

    def read(self, result: Result, request: Request, requested_at: datetime) -> Reply:
        """The reply in a result; raises the failure that it stands for."""
        ...

    async def aclose(self) -> None:
        """Disconnect."""
        ...


class BatchLost(AttemptFailure):
    """The provider doesn't know a batch, or its results, any more."""

    def __init__(self, message: str, kind: str = "batch_lost") -> None:
        super().__init__(message, kind)
