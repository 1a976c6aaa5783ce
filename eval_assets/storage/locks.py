"""One writer at a time per lane, on one machine: a file lock that the operating system frees when its holder dies."""

import contextlib
import fcntl
import itertools
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from eval_assets.errors import StoppedError, StorageError

POLL_SECONDS = 0.1
REMIND_SECONDS = 60.0
UNKNOWN = "another run"


@contextlib.contextmanager
def exclusive(
    path: Path,
    *,
    label: str = "",
    on_wait: Callable[[str], None] | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Iterator[None]:
    """Hold the lock of a file; wait while another process or thread holds it.

    Args:
        path: The lock file; it stays behind, empty, and means nothing then.
        label: Who we are, told to those who wait for us, such as a run id.
        on_wait: Called with one sentence that names the holder, at the first wait and whenever the holder changes, and
            once a minute with what to do if it hangs.
        stopped: Asked while waiting; true gives up.

    Raises:
        StoppedError: `stopped` said so.
        StorageError: The file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _wait(descriptor, path, on_wait, stopped)
        holder = {
            "label": label,
            "pid": os.getpid(),
            "host": platform.node(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.ftruncate(descriptor, 0)
        # The disk may be full: who holds the lock is then unknown, the lock holds all the same.
        with contextlib.suppress(OSError):
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _wait(
    descriptor: int, path: Path, on_wait: Callable[[str], None] | None, stopped: Callable[[], bool] | None
) -> None:
    said: str | None = None
    began = told_at = time.monotonic()
    for n_polls in itertools.count():
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = holder_of(path)
            # A holder that took the lock this instant has not written who it is yet, one that goes no longer says so.
            is_known = holder != UNKNOWN or (n_polls and said is None)
            if holder != said and is_known:
                said, told_at = holder, time.monotonic()
                if on_wait is not None:
                    on_wait(f"waiting for {holder}, which writes replies of the same model; its replies will be reused")
            elif time.monotonic() - told_at >= REMIND_SECONDS:
                told_at = time.monotonic()
                if on_wait is not None:
                    on_wait(
                        f"still waiting, for {told_at - began:.0f} s by now, for {holder}; if that process hangs, end "
                        "it: replies it has received are kept, and this run goes on"
                    )
            if stopped is not None and stopped():
                raise StoppedError(f"stopped while waiting for {holder}; nothing was sent") from None
            time.sleep(POLL_SECONDS)
        except OSError as error:
            raise StorageError(
                f"{path} can't be locked ({error.strerror}); choose a state directory on a local file system"
            ) from error
        else:
            return


def is_held(path: Path) -> bool:
    """Whether some process holds the lock of a file or folder; false if there is none of that name."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def holder_of(path: Path) -> str:
    """Who holds the lock, in words, as its holder wrote it."""
    try:
        holder = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return UNKNOWN
    label = holder.get("label") or UNKNOWN
    return f"{label} (process {holder.get('pid')} on {holder.get('host')}, since {holder.get('since')})"
