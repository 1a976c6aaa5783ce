"""What an alert knows and has told, in the table `alerts` of the warehouse: whoever looks next goes on from there.

A partition is replaced only as it was read, so of two looks at once one writes, and only that one sends.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

import polars as pl

from eval_assets.alerting.change import AlertChange
from eval_assets.errors import OvertakenError
from eval_assets.stages.content_hash import content_sha256
from eval_assets.storage.committing import COMMIT_ATTEMPTS
from eval_assets.storage.snapshots import Snapshot
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.alert_tables import ALERTS

TABLE = "alerts"
KEPT = 200
"""Changes of the past that are kept for each alert, besides those that say what is known and those yet to be told."""


def known_changes(warehouse: Warehouse, alert: str) -> list[AlertChange]:
    """What an alert knows, the oldest first; empty if it never looked."""
    return _read(warehouse, alert)[1]


def add(warehouse: Warehouse, alert: str, since: Snapshot, changes: Sequence[AlertChange]) -> None:
    """Replace what an alert knows.

    Args:
        warehouse: The tables.
        alert: Its name.
        since: As it was read.
        changes: What it knows now.

    Raises:
        OvertakenError: Another look has written meanwhile.
    """
    rows = [{"alert": alert, **change.columns} for change in _pruned(changes)]
    frame = pl.DataFrame(rows, schema=ALERTS)
    version = content_sha256([change.change_id + change.status for change in changes])
    warehouse.replace(TABLE, frame, {"alert": alert}, {"data_version": version}, since=since)


def read(warehouse: Warehouse, alert: str) -> tuple[Snapshot, list[AlertChange]]:
    """What an alert knows, and the version of the table that says so."""
    warehouse.create(TABLE)
    return _read(warehouse, alert)


def settle(warehouse: Warehouse, alert: str, message: Iterable[AlertChange]) -> None:
    """Note what became of a message, whatever else was written meanwhile.

    Raises:
        OvertakenError: Others kept writing; the message will be sent again.
    """
    by_id = {change.change_id: change for change in message}
    for _ in range(COMMIT_ATTEMPTS):
        since, changes = _read(warehouse, alert)
        with suppress(OvertakenError):
            add(warehouse, alert, since, [by_id.get(change.change_id, change) for change in changes])
            return
    raise OvertakenError(f"table {TABLE!r}: {COMMIT_ATTEMPTS} attempts lost against other writers; sent again later")


def _read(warehouse: Warehouse, alert: str) -> tuple[Snapshot, list[AlertChange]]:
    snapshot = warehouse.snapshot(TABLE)
    rows = snapshot.scan({"alert": alert}).drop("alert").collect()
    return snapshot, [AlertChange(**row) for row in rows.iter_rows(named=True)]


def _pruned(changes: Sequence[AlertChange]) -> list[AlertChange]:
    last = {change.place: change.change_id for change in changes}
    n_over = len(changes) - KEPT
    return [
        change
        for number, change in enumerate(changes)
        if number >= n_over or change.status == "waiting" or last[change.place] == change.change_id
    ]
