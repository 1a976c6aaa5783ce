"""How one attempt at a request can fail; what to do about each is decided in `sending`.

`kind` is a short slug that is counted and stored. Every class survives pickling: all arguments but the message have
defaults, and the rest travels as attributes.
"""

from eval_assets.errors import ProviderError


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

    `congested` marks a provider that says it is overloaded (503, 529): fewer requests are then sent at once.
    """

    def __init__(self, message: str, kind: str = "transient", *, congested: bool = False) -> None:
        super().__init__(message, kind)
        self.congested = congested


class RequestFailed(AttemptFailure):
    """This request will never be answered (400, too long, unsupported parameter); others may be."""

    def __init__(self, message: str, kind: str = "invalid_request") -> None:
        super().__init__(message, kind)


class PartitionFailure(AttemptFailure):
    """No request can be answered: key refused, no permission, unknown model, quota used up, endpoint unreachable."""

    def __init__(self, message: str, kind: str = "provider") -> None:
        super().__init__(message, kind)
