"""What killed processes leave in the instance: runs that stay started, backfills that never end. The next start ends
them. A process holds the lock of a file of its own for as long as it lives, so only the dead are swept.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster._core.storage.tags import BACKFILL_ID_TAG

from eval_assets.automation.backfill import close_backfill
from eval_assets.automation.home import SUFFIX
from eval_assets.storage.locks import exclusive, is_held

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@contextlib.contextmanager
def alive(instance: dg.DagsterInstance, folder: Path, backfill_id: str) -> Iterator[None]:
    """Mark a backfill as run by this process until the block is left; after an error the next start ends it.

    Args:
        instance: Where the backfill is recorded.
        folder: Local folder for such marks, made if it is absent.
        backfill_id: The backfill.
    """
    mark = folder / f"{backfill_id}{SUFFIX}"
    with exclusive(folder / ".lock"):
        descriptor = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, json.dumps({"instance": instance.root_directory, "pid": os.getpid()}).encode())
    try:
        yield
        mark.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def end_what_the_dead_left(instance: dg.DagsterInstance, folder: Path) -> int:
    """End the runs and backfills of processes that died, so that the UI shows them as failed. Returns how many died.

    Runs of other processes, and of processes that recorded in another instance, stay as they are.
    """
    if not folder.exists():
        return 0
    n_dead = 0
    with exclusive(folder / ".lock"):
        for mark in sorted(folder.glob(f"*{SUFFIX}")):
            if is_held(mark):
                continue
            try:
                content = json.loads(mark.read_bytes())
            except ValueError:  # killed before it was written: nothing was recorded yet
                content = {"instance": instance.root_directory}
            if content["instance"] != instance.root_directory:
                continue
            _end(instance, mark.name.removesuffix(SUFFIX), content.get("pid"))
            mark.unlink(missing_ok=True)
            n_dead += 1
    return n_dead


def _end(instance: dg.DagsterInstance, backfill_id: str, pid: int | None) -> None:
    filters = dg.RunsFilter(tags={BACKFILL_ID_TAG: backfill_id}, statuses=UNFINISHED)
    for run in instance.get_runs(filters):
        instance.report_run_failed(run, f"process {pid} ended before this run did; everything answered so far is kept")
        if instance.event_log_storage.supports_global_concurrency_limits:
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    backfill = instance.get_backfill(backfill_id)
    if backfill is not None:
        close_backfill(instance, backfill, succeeded=False)
