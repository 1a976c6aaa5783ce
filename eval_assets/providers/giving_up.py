"""When failures of single requests add up to one of the whole cell, so that it doesn't send the rest in vain."""

import re

from eval_assets.providers.failures import (
    AttemptFailure,
    PartitionFailure,
    RateLimited,
    RequestFailed,
    TransientFailure,
)

IDENTIFIERS = re.compile(r"\b(?=[\w-]*\d)[\w-]{8,}\b")
"""Words such as a request's id, in which messages of one cause differ."""


class GivingUp:
    """Follows how requests end, in order of arrival.

    Two rules, each over `give_up_after` requests in a row that ended alike:

    - Before the first reply: the endpoint says the same to all, with the same words if it is about the request, with
      the same kind if further attempts didn't help either. Code of this machine that fails costs its rows only.
    - At any time: no connection can be made any more.

    Args:
        give_up_after: How many; null never gives up.
    """

    def __init__(self, give_up_after: int | None) -> None:
        self._give_up_after = give_up_after
        self._last: tuple[str, str] | None = None
        self._n_alike = 0
        self.was_replied_to = False

    def replied(self) -> None:
        """A reply came."""
        self.was_replied_to = True
        self._last, self._n_alike = None, 0

    def failed(self, failure: AttemptFailure, *, n_sent: int, is_known_to_reply: bool) -> None:
        """A request finally failed.

        Args:
            failure: Of its last attempt.
            n_sent: Attempts at all requests so far, for the message.
            is_known_to_reply: The same candidate replied to other requests, in this run or before.

        Raises:
            PartitionFailure: It is one too many.
        """
        unreachable = failure.kind == "connection"
        if not unreachable and (is_known_to_reply or self.was_replied_to):
            return
        alike = _likeness(failure)
        self._n_alike = 0 if alike is None else self._n_alike + 1 if alike == self._last else 1
        self._last = alike
        if self._give_up_after is not None and self._n_alike >= self._give_up_after:
            kind = "unreachable" if unreachable else failure.kind
            raise PartitionFailure(
                f"{self._n_alike} requests in a row failed alike, {n_sent:,} were sent: {failure}", kind=kind
            )


def _likeness(failure: AttemptFailure) -> tuple[str, str] | None:
    """What equal failures have in common; null for those that say nothing about other requests."""
    match failure:
        case RequestFailed(of_endpoint=True):
            return failure.kind, IDENTIFIERS.sub("", str(failure))
        case RequestFailed():
            return None
        case TransientFailure() | RateLimited():
            return failure.kind, ""
        case _:
            return None
