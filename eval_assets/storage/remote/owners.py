"""Who claims requests, as others see it: a heartbeat in an object of its own, which who is buried can't go on with.

What is claimed is in `lane_claims`, who beats when in `sharing`.
"""

import os
import platform
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval_assets.errors import StorageError
from eval_assets.storage.atomic_files import create_whole
from eval_assets.storage.remote.object_store import ConflictError, Objects

BEAT_SECONDS = 10.0
EXPIRED_AFTER_SECONDS = 60.0
"""How long a heartbeat may stay the same, by the clock of who watches it."""

WATCH_SECONDS = 5.0
"""Between two looks at somebody's heartbeat."""

MARK = "machine_id"
"""In the state folder: names it, whatever path or machine it is reached by."""


def machine_of(state_dir: Path) -> str:
    """The mark of a state folder, made if it has none.

    Raises:
        StorageError: It can't be written.
    """
    path = state_dir / MARK
    if (found := mark_in(state_dir)) is not None:
        return found
    try:
        with suppress(FileExistsError):  # of several processes at once one makes the mark
            create_whole(path, uuid.uuid4().hex)
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror}; nothing was sent") from error
    return path.read_text(encoding="ascii")


def mark_in(state_dir: Path) -> str | None:
    """The mark of a state folder; null if it has none, or can't be reached."""
    try:
        return (state_dir / MARK).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Which process claims, for messages, and where the replies lie that it received.

    Args:
        host: Name of the machine.
        pid: Of the process.
        state_dir: Its state folder, as that machine names it.
        machine: The mark of that folder.
    """

    host: str
    pid: int
    state_dir: str
    machine: str

    @classmethod
    def here(cls, state_dir: Path) -> "Whereabouts":
        """Of this process."""
        return cls(platform.node(), os.getpid(), str(state_dir), machine_of(state_dir))

    @classmethod
    def read(cls, content: Any) -> "Whereabouts":
        """As an object holds it."""
        return cls(str(content["host"]), int(content["pid"]), str(content["state_dir"]), str(content["machine"]))

    @property
    def folder(self) -> Path | None:
        """The state folder, if it can be reached from here and is the same one."""
        folder = Path(self.state_dir)
        return folder if mark_in(folder) == self.machine else None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def owner_path(owner: str) -> str:
    """Where the heartbeat of an owner stands."""
    return f"_claims/owners/{owner}.json"


class Owner:
    """This process among those that claim; safe to use from several threads.

    Args:
        objects: Of the warehouse.
        whereabouts: Of this process.
    """

    def __init__(self, objects: Objects, whereabouts: Whereabouts) -> None:
        self.whereabouts = whereabouts
        self._objects = objects
        self._lock = threading.Lock()
        self._id = ""
        self._tag: Any = None
        self._n_beats = 0
        self._beaten_at = float("-inf")

    @property
    def id(self) -> str:
        """Who we are; another one once we were buried. Claims made under a former id are void."""
        return self._id

    @property
    def is_fresh(self) -> bool:
        """Whether the last beat is so recent that nobody can have buried us."""
        return time.monotonic() - self._beaten_at < EXPIRED_AFTER_SECONDS / 2

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next beat."""
        return bool(self._id) and time.monotonic() - self._beaten_at >= BEAT_SECONDS

    def beat(self) -> str:
        """Say that we live. Returns who we are: another one if we were buried, or hadn't been there yet.

        Raises:
            StorageError: The store can't be reached.
        """
        with self._lock:
            began = time.monotonic()
            if self._id:
                try:
                    self._say(self._tag)
                except ConflictError:
                    self._objects.remove(owner_path(self._id))
                    self._id = ""
            if not self._id:
                self._id = uuid.uuid4().hex
                self._say(None)
            self._beaten_at = began
            return self._id

    def leave(self) -> None:
        """Take the heartbeat away: whatever we still claim is void."""
        with self._lock:
            if self._id:
                self._objects.remove(owner_path(self._id))
            self._id, self._beaten_at = "", float("-inf")

    def _say(self, tag: Any) -> None:
        self._n_beats += 1
        here = self.whereabouts
        content = {"beat": self._n_beats, "host": here.host, "pid": here.pid}
        self._tag = self._objects.replace(owner_path(self._id), content, tag)


@dataclass(slots=True)
class _Watched:
    tag: Any
    changed_at: float
    looked_at: float


@dataclass(slots=True)
class OwnerWatch:
    """Tells which owners live, by whether their heartbeats change while we look.

    Args:
        objects: Of the warehouse.
    """

    objects: Objects
    _watched: dict[str, _Watched] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_dead(self, owner: str) -> bool:
        """Whether an owner is gone; one whose heartbeat stood still for too long is buried by this."""
        with self._lock:
            now = time.monotonic()
            known = self._watched.get(owner)
            if known is not None and now - known.looked_at < WATCH_SECONDS:
                return False
            found = self.objects.read(owner_path(owner))
            if found is None:
                return True
            if known is None or known.tag != found.tag:
                self._watched[owner] = _Watched(found.tag, now, now)
                return False
            known.looked_at = now
            return now - known.changed_at >= EXPIRED_AFTER_SECONDS and self._bury(owner, found.tag)

    def _bury(self, owner: str, tag: Any) -> bool:
        try:
            self.objects.replace(owner_path(owner), {"buried": uuid.uuid4().hex}, tag)
        except ConflictError:
            return False
        self.objects.remove(owner_path(owner))
        return True
