"""What alerts know: facts as a look finds them, and changes between looks with what became of telling them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from eval_assets.config.alert import Kind

Status = Literal["known", "waiting", "told", "given_up"]
Place = tuple[str, str | None, str | None]
"""Kind, evaluation and subject: what a value is of."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that may change.

    Args:
        kind: What it is about.
        evaluation: Its evaluation; null for a model, which several may use.
        subject: A condition of a gate, a candidate, a model, `run`; null: the evaluation as a whole.
        value: What is so now; empty: nothing is known.
        concerns: The evaluations that it matters to.
    """

    kind: Kind
    evaluation: str | None
    subject: str | None
    value: str
    concerns: frozenset[str]

    @property
    def place(self) -> Place:
        """What the value is of."""
        return self.kind, self.evaluation, self.subject


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A row of the table `alerts`: what became another one, or was seen first, and what an alert did about it.

    Args:
        change_id: Its id.
        kind: As of a fact; `began` for the first look of an alert, which is no change.
        evaluation: As of a fact.
        subject: As of a fact.
        before: The value before; null: there was none.
        now: The value since.
        noticed_at: When a look found it.
        status: `known`: there is nothing to tell; `waiting`, `told` or `given_up`.
        detail: JSON: what is told of it.
        message_id: The message in which it is told; null: none was made yet.
        n_tries: Attempts to send that message.
        try_at: Before then it is left alone: until the next attempt, or while one is being made.
        told_at: When the receiver took it.
        fault: Why the last attempt failed.
    """

    change_id: str
    kind: Kind | Literal["began"]
    evaluation: str | None
    subject: str | None
    before: str | None
    now: str
    noticed_at: datetime
    status: Status
    detail: str = "{}"
    message_id: str | None = None
    n_tries: int = 0
    try_at: datetime | None = None
    told_at: datetime | None = None
    fault: str | None = None

    @property
    def place(self) -> Place:
        """What changed."""
        return self.kind, self.evaluation, self.subject

    @property
    def columns(self) -> dict[str, Any]:
        """Its columns in the table, but for the alert."""
        return {name: getattr(self, name) for name in self.__slots__}


def change_text(change: AlertChange) -> str:
    """A change in a few words.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 28, 12, tzinfo=UTC)
    >>> change_text(AlertChange("1", "verdict", "support", None, "GO", "NO-GO", noon, "told"))
    'verdict of support, GO → NO-GO'
    """
    of = ", ".join(filter(None, [change.evaluation, change.subject]))
    return f"{change.kind} of {of}, {change.before or 'new'} → {change.now}"
