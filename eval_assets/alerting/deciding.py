"""When something is told: which facts are changes, which message is due, and what follows from an attempt to send it.

Pure functions over what an alert knows. Facts are found in `facts`, kept in `ledger`, and sent in `delivering`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from eval_assets.alerting.change import AlertChange, Fact
from eval_assets.config.alert import Alert

NO_ROWS, NO_ANSWERS, FAILED = "no rows", "no answers", "failed"
NO_DATA = frozenset({NO_ROWS, NO_ANSWERS, FAILED})
BAD = NO_DATA | {"NO-GO"}
"""What is told of an evaluation that is new to an alert; all else is then taken as it is."""

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
MOST_TRIES = 170
"""About a week."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an attempt to send ended.

    Args:
        is_taken: Whether the receiver took it.
        said: What was wrong; empty if it was taken.
        is_lasting: Whether another attempt would end the same way.
        pause: For how long the receiver asks to be left alone.
    """

    is_taken: bool
    said: str = ""
    is_lasting: bool = False
    pause: timedelta = timedelta(0)


def noticed(
    changes: Sequence[AlertChange], alert: Alert, facts: Iterable[Fact], now: datetime, new_id: Callable[[], str]
) -> list[AlertChange]:
    """What is to be added to the changes an alert knows.

    Its first look takes everything as it is and tells nothing.

    Args:
        changes: What it knows, the oldest first.
        alert: What it is about.
        facts: As they are now.
        now: The time, UTC.
        new_id: Makes an id.
    """
    known = {change.place: change.now for change in changes}
    is_first = not changes
    found = [AlertChange(new_id(), "began", None, None, None, "", now, "known")] if is_first else []
    for fact in facts:
        if fact.kind not in alert.file.when or not any(map(alert.watches, fact.concerns)):
            continue
        before = known.get(fact.place)
        if fact.place in known and (before == fact.value or not fact.value):
            continue
        is_told = not is_first and _is_told(fact, before)
        status = "waiting" if is_told else "known"
        found.append(
            AlertChange(new_id(), fact.kind, fact.evaluation, fact.subject, before, fact.value, now, status)  # type: ignore[arg-type]
        )
    return found


def due(changes: Sequence[AlertChange], alert: Alert, now: datetime, new_id: Callable[[], str]) -> list[AlertChange]:
    """The changes that are to be told now, all in one message; empty if none is.

    One message at a time: as long as one is not told, what changed since waits. What a message holds stays the same
    in every attempt, so that a receiver can drop one that it has by its id.

    Args:
        changes: What the alert knows.
        alert: Its cool-down.
        now: The time.
        new_id: Makes an id.
    """
    waiting = [change for change in changes if change.status == "waiting"]
    if made := [change for change in waiting if change.message_id is not None]:
        return [] if made[0].try_at is not None and made[0].try_at > now else made
    last = max((change.told_at for change in changes if change.told_at is not None), default=None)
    if not waiting or (last is not None and last + timedelta(minutes=alert.file.cooldown_minutes) > now):
        return []
    message_id = new_id()
    return [replace(change, message_id=message_id) for change in waiting]


def claimed(message: Iterable[AlertChange], until: datetime) -> list[AlertChange]:
    """A message as it is while one tick sends it: if that dies, another sends it again afterwards."""
    return [replace(change, try_at=until, n_tries=change.n_tries + 1) for change in message]


def after(message: Iterable[AlertChange], delivery: Delivery, now: datetime) -> list[AlertChange]:
    """A message after an attempt to send it: told, given up, or to be tried again later and later."""
    return [_after(change, delivery, now) for change in message]


def _after(change: AlertChange, delivery: Delivery, now: datetime) -> AlertChange:
    if delivery.is_taken:
        return replace(change, status="told", told_at=now, try_at=None, fault=None)
    if delivery.is_lasting or change.n_tries >= MOST_TRIES:
        return replace(change, status="given_up", try_at=None, fault=delivery.said)
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(change.n_tries - 1, 10))
    return replace(change, try_at=now + max(pause, min(delivery.pause, LONGEST_PAUSE)), fault=delivery.said)


def _is_told(fact: Fact, before: str | None) -> bool:
    """Whether a value is news, beside the one before."""
    match fact.kind:
        case "verdict":
            return before is not None or (fact.subject is None and fact.value in BAD)
        case "model":
            return before is not None
        case "no_data":
            return fact.value in NO_DATA or before in NO_DATA
