"""What receivers get: an alert as JSON, as text, and in the shape that Slack shows."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from eval_assets.alerting.change import AlertChange
from eval_assets.alerting.deciding import NO_DATA
from eval_assets.alerting.facts import RUN
from eval_assets.config.alert import PLACE, Alert
from eval_assets.requests.canonical_json import json_text
from eval_assets.storage.report_pages import ReportPages
from eval_assets.wording.foreign_text import shortened, visible_text
from eval_assets.wording.numbers import count_text

SCHEMA = 1
FLIPS = "#since"
"""Where in a report page stands what changed since last time."""

SLACK_BLOCK_CHARACTERS = 2_900
SLACK_BLOCKS = 45
"""Slack refuses texts of more than 3,000 characters and more than 50 blocks."""


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """One alert, as it is sent.

    Args:
        message_id: The same in every attempt: a receiver that has it drops it.
        alert: Name of the alert.
        project: Name of the project's folder.
        changes: What is told.
        pages: Evaluation → address of its report page.
        is_test: Whether somebody only tries whether it arrives.
    """

    message_id: str
    alert: str
    project: str
    changes: Sequence[AlertChange]
    pages: Mapping[str, str]
    is_test: bool = False

    @property
    def title(self) -> str:
        """The first line."""
        if self.is_test:
            return f"TEST of the alert {self.alert}, project {self.project}: nothing has changed"
        return f"{self.project}: {shortened('; '.join(head for head, _ in self.paragraphs), 200)}"

    @property
    def paragraphs(self) -> list[tuple[str, list[str]]]:
        """A line, and more about it, for each evaluation and kind of change, as they were noticed."""
        groups = groupby(self.changes, key=lambda change: (change.kind, change.evaluation, change.noticed_at))
        return [paragraph for (kind, _, _), group in groups for paragraph in _paragraphs(kind, list(group))]

    @property
    def evaluations(self) -> list[str]:
        """The evaluations that are told of."""
        return list(dict.fromkeys(change.evaluation for change in self.changes if change.evaluation is not None))

    @property
    def links(self) -> list[dict[str, str]]:
        """Where the flips of each evaluation are seen."""
        return [
            {
                "evaluation": name,
                **({"page": self.pages[name] + FLIPS} if name in self.pages else {}),
                "command": f"eval-assets compare {name}",
            }
            for name in self.evaluations
        ]

    @property
    def text(self) -> str:
        """All of it for people."""
        if self.is_test:
            return self.title
        lines = [line for head, more in self.paragraphs for line in (head, *(f"  {each}" for each in more))]
        lines += [
            f"what flipped: {' or '.join([*filter(None, [link.get('page')]), link['command']])}" for link in self.links
        ]
        return visible_text("\n".join([f"{self.project}, alert {self.alert}", *lines]))

    def as_json(self) -> str:
        """The whole alert, for programs."""
        told = {
            "schema": SCHEMA,
            "id": self.message_id,
            "alert": self.alert,
            "is_test": self.is_test,
            "project": self.project,
            "text": self.text,
            "changes": [_told(change) for change in self.changes],
            "links": self.links,
        }
        return json_text(told)

    def as_slack(self) -> str:
        """The message as Slack's webhooks take it; no text of it can be a command, a mention or a link of Slack's."""
        if self.is_test:
            return json_text({"text": slack_text(self.title)})
        parts = [f"*{slack_text(self.project)}*, alert {slack_text(self.alert)}"]
        parts += [
            "\n".join([f"*{slack_text(head)}*", *(f"• {slack_text(line)}" for line in more)])
            for head, more in self.paragraphs
        ]
        if len(parts) > SLACK_BLOCKS:
            parts = [*parts[:SLACK_BLOCKS], f"and {len(parts) - SLACK_BLOCKS} more changes"]
        parts += [
            f"<{link['page']}|what flipped in {link['evaluation']}>, `{link['command']}`"
            if link.get("page", "").startswith("http")
            else f"`{link['command']}` shows what flipped"
            for link in self.links[:3]
        ]
        blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": _cut(part)}} for part in parts]
        return json_text({"text": _cut(slack_text(self.title)), "blocks": blocks})


def message_of(alert: Alert, changes: Sequence[AlertChange], project: str, pages: ReportPages) -> AlertMessage:
    """The message that tells of changes.

    Args:
        alert: Whose it is.
        changes: What is told, all of one message.
        project: Name of the project's folder.
        pages: The report pages; an evaluation may have none.
    """
    found: dict[str, str] = {}
    for name in {change.evaluation for change in changes if change.evaluation is not None}:
        if alert.file.report_url is not None:
            found[name] = alert.file.report_url.replace(PLACE, name)
        elif (page := pages.address(name)) is not None:
            found[name] = page
    return AlertMessage(str(changes[0].message_id), alert.name, project, changes, found)


def slack_text(text: str) -> str:
    """Text that Slack shows as it stands.

    >>> slack_text("<!channel> a & b")
    '&lt;!channel&gt; a &amp; b'
    """
    return visible_text(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _paragraphs(kind: str, changes: list[AlertChange]) -> Iterator[tuple[str, list[str]]]:
    """One line, and more about it, for changes of one kind that one look noticed in one evaluation."""
    match kind:
        case "verdict":
            yield _of_verdict(changes)
        case "model":
            for change in changes:
                yield f"model {change.subject} answers as {change.now}", _said(change)
        case _:
            yield from _of_data(changes)


def _of_verdict(changes: list[AlertChange]) -> tuple[str, list[str]]:
    whole = next((change for change in changes if change.subject is None), None)
    conditions = [change for change in changes if change.subject is not None]
    lines = [
        f"{change.before or 'new'} → {change.now}: {change.subject}: {'; '.join(_said(change))}"
        for change in conditions
    ]
    name = changes[0].evaluation
    if whole is None:
        return (
            f"{name}: {count_text(len(conditions), 'condition')} decided otherwise, the gates together as before",
            lines,
        )
    detail = json.loads(whole.detail)
    told = {change.subject for change in conditions}
    lines += [
        line for line in detail.get("conditions", []) if not any(f"{subject}" in line for subject in told if subject)
    ]
    for flip in detail.get("since_last_time", []):
        lines += [f"{flip['candidate']}: {line}" for line in (*flip["causes"], *flip["effects"])]
    return f"{name}: gates {whole.before or 'new'} → {whole.now}: {detail.get('said', '')}", lines


def _of_data(changes: list[AlertChange]) -> Iterator[tuple[str, list[str]]]:
    for change in changes:
        what = f"{change.evaluation}: " + ("" if change.subject == RUN else f"{change.subject} ")
        is_bad = change.now in NO_DATA
        if change.subject == RUN:
            yield f"{what}its last run {'failed' if is_bad else 'did not fail any more'}", _said(change)
        else:
            yield f"{what}has {change.now if is_bad else 'answers again'}", _said(change) if is_bad else []


def _said(change: AlertChange) -> list[str]:
    said = json.loads(change.detail).get("said")
    return [said] if said else []


def _told(change: AlertChange) -> dict[str, Any]:
    shown = ("change_id", "kind", "evaluation", "subject", "before", "now")
    return {
        **{name: getattr(change, name) for name in shown},
        "noticed_at": change.noticed_at.isoformat(timespec="seconds"),
        "detail": json.loads(change.detail),
    }


def _cut(text: str) -> str:
    return text if len(text) <= SLACK_BLOCK_CHARACTERS else f"{text[: SLACK_BLOCK_CHARACTERS - 1]}…"
