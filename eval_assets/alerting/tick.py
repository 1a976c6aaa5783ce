"""One look of all alerts: what changed is noticed and kept, then what is due is sent. Both doors, the sensor and the
command, do the same; several looks at once send each message once.
"""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from eval_assets.alerting.change import AlertChange, Fact
from eval_assets.alerting.deciding import Delivery, after, claimed, due, noticed
from eval_assets.alerting.delivering import send
from eval_assets.alerting.details import Details
from eval_assets.alerting.facts import FailedRuns, Observer
from eval_assets.alerting.ledger import add, read, settle
from eval_assets.alerting.message import AlertMessage, message_of
from eval_assets.config.alert import Alert
from eval_assets.config.project import Project
from eval_assets.config.settings import Settings
from eval_assets.errors import OvertakenError
from eval_assets.storage.report_pages import ReportPages
from eval_assets.storage.warehouse import Warehouse
from eval_assets.wording.numbers import count_text

MOST_AT_ONCE = 8

MARGIN = timedelta(seconds=60)
"""How long after its timeout a message that a tick was sending is taken for left behind by a dead process."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a tick did about one alert.

    Args:
        alert: Its name.
        changes: What was sent, or tried to be; none: there was nothing to send.
        delivery: How that ended; null: nothing was tried.
        n_waiting: Changes that are yet to be told.
        is_elsewhere: Whether another look, at the same moment, sees to it.
    """

    alert: str
    changes: tuple[AlertChange, ...] = ()
    delivery: Delivery | None = None
    n_waiting: int = 0
    is_elsewhere: bool = False


def told_text(told: Told) -> str:
    """What was done about an alert, in a line.

    >>> told_text(Told("team", n_waiting=2))
    'team: 2 changes wait'
    """
    if told.is_elsewhere:
        return f"{told.alert}: left to another look"
    waiting = f"{count_text(told.n_waiting, 'change')} {'waits' if told.n_waiting == 1 else 'wait'}"
    if told.delivery is None:
        return f"{told.alert}: {waiting if told.n_waiting else 'nothing to tell'}"
    what = count_text(len(told.changes), "change")
    if told.delivery.is_taken:
        return f"{told.alert}: told of {what}{f', {waiting}' if told.n_waiting else ''}"
    first = told.changes[0]
    again = f"tried again after {first.try_at:%H:%M} UTC" if first.try_at else "given up"
    return f"{told.alert}: {what} not told, {told.delivery.said}; {again}"


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid.uuid4().hex[:16]


@dataclass(slots=True)
class Teller:
    """Looks and tells. Keep it between looks: tables that have not changed are not read again.

    Args:
        settings: Where the project lies.
        warehouse: Its tables.
        clock: Says the time, UTC.
    """

    settings: Settings
    warehouse: Warehouse
    clock: Callable[[], datetime] = _now
    _observer: Observer = field(init=False)

    def __post_init__(self) -> None:
        self._observer = Observer(self.warehouse)

    def tick(self, project: Project, failed_runs: FailedRuns) -> list[Told]:
        """Look once, for every alert whose file can be used.

        Args:
            project: The files as they stand.
            failed_runs: As Dagster knows them.

        Returns:
            What was done about each alert.
        """
        if not project.alerts:
            return []
        facts = self._observer.facts(project, failed_runs)
        details = Details(project, self.warehouse, self._observer.model_changes, failed_runs)
        # At once: a receiver that doesn't answer must not keep the others waiting.
        with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
            alerts = (loaded.item for loaded in project.alerts.values())
            return list(pool.map(lambda alert: self._see_to(alert, facts, details), alerts))

    def test(self, alert: Alert) -> Delivery:
        """Send a message that says it is a test; nothing is remembered of it."""
        message = AlertMessage(_new_id(), alert.name, self.settings.project_dir.name, (), {}, is_test=True)
        return send(alert, message, self.settings.project_dir)

    def _see_to(self, alert: Alert, facts: Sequence[Fact], details: Details) -> Told:
        """Keep what is new to one alert, and with it what is about to be sent; then send that."""
        since, changes = read(self.warehouse, alert.name)
        now = self.clock()
        new = noticed(changes, alert, facts, now, _new_id)
        last = {change.place: change.noticed_at for change in changes}
        changes += [details.told_of(one, last.get(one.place)) if one.status == "waiting" else one for one in new]
        until = now + timedelta(seconds=alert.file.timeout_seconds) + MARGIN
        message = claimed(due(changes, alert, now, _new_id), until)
        if new or message:
            try:
                add(self.warehouse, alert.name, since, _with(message, changes))
            except OvertakenError:
                return Told(alert.name, is_elsewhere=True)
        return self._told(alert, message, changes)

    def _told(self, alert: Alert, message: list[AlertChange], changes: list[AlertChange]) -> Told:
        n_waiting = sum(change.status == "waiting" for change in changes)
        if not message:
            return Told(alert.name, n_waiting=n_waiting)
        sent = message_of(alert, message, self.settings.project_dir.name, ReportPages(self.warehouse))
        delivery = send(alert, sent, self.settings.project_dir)
        ended = after(message, delivery, self.clock())
        settle(self.warehouse, alert.name, ended)
        left = n_waiting - sum(change.status != "waiting" for change in ended)
        return Told(alert.name, tuple(ended), delivery, left)


def _with(message: list[AlertChange], changes: list[AlertChange]) -> list[AlertChange]:
    by_id = {change.change_id: change for change in message}
    return [by_id.get(change.change_id, change) for change in changes]
