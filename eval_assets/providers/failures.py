"""How one attempt at a request can fail, and what that costs: another attempt, the row, or the whole cell.

| class | cost |
| --- | --- |
| `RateLimited`, `TransientFailure` | again, up to `max_retries` times; then the row |
| `RequestFailed` | the row, in this run; the next run asks again |
| `PartitionFailure` | the cell: nothing more is sent, what was received is kept |

Which status and which body is which failure is written in `clients.openai_replies`; when failures of rows add up to one
of the cell, in `giving_up`. What the provider refuses to say, and what it was paid for, is no failure but a reply.

`kind` is a short slug that is counted and stored. Every class survives pickling: all arguments but the message have
defaults, and the rest travels as attributes.
"""

from datetime import UTC, datetime

from eval_assets.errors import ProviderError
from eval_assets.requests.exchange import Reply


class AttemptFailure(ProviderError):  # noqa: N818  failures are data as often as errors
    """An attempt that brought no reply."""

    def __init__(self, message: str, kind: str = "error") -> None:
        super().__init__(message)
        self.kind = kind


class RateLimited(AttemptFailure):
    """The provider asks to slow down (429); the request may be sent again after `retry_after_seconds`, if given."""

    def __init__(self, message: str, retry_after_seconds: float | None = None, kind: str = "rate_limited") -> None:
        super().__init__(message, kind)
        self.retry_after_seconds = retry_after_seconds


class TransientFailure(AttemptFailure):
    """Sending the same request again may succeed: connection errors, 408, 409, 5xx, broken or empty bodies.

    `congested` marks a provider that says it is overloaded (503, 529): fewer requests are then sent at once, and this
    one again after `retry_after_seconds`, if given. `lasting` marks what passes only where it worked before: an unknown
    host, a certificate nobody trusts, a web page instead of JSON. Before the first reply it stops the cell at once.
    """

    def __init__(
        self,
        message: str,
        kind: str = "transient",
        *,
        congested: bool = False,
        lasting: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, kind)
        self.congested, self.lasting, self.retry_after_seconds = congested, lasting, retry_after_seconds


class RequestFailed(AttemptFailure):
    """This request will never be answered (400, too long, unsupported parameter); others may be.

    `of_endpoint` marks what an endpoint said, not code of this machine: said alike to the first requests, it would be
    said to all.
    """

    def __init__(self, message: str, kind: str = "invalid_request", *, of_endpoint: bool = False) -> None:
        super().__init__(message, kind)
        self.of_endpoint = of_endpoint


class PartitionFailure(AttemptFailure):
    """No request can be answered: key refused, no permission, unknown model, quota used up, endpoint unreachable."""

    def __init__(self, message: str, kind: str = "provider") -> None:
        super().__init__(message, kind)


def failed_reply(
    message: str, kind: str, *, requested_at: datetime | None = None, latency_seconds: float | None = 0.0
) -> Reply:
    """The answer to a request that finally failed; it is an answer of this run only, and is not stored."""
    return Reply(
        outcome="error",
        output=None,
        finish_reason=None,
        latency_seconds=latency_seconds,
        requested_at=requested_at or datetime.now(UTC),
        error=message,
        error_kind=kind,
    )
