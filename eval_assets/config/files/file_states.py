"""Whether files are as they were when they were last read, told without reading them; and their hash, read once."""

import functools
import hashlib
import time
from collections.abc import Iterable
from pathlib import Path

from eval_assets.errors import ConfigError

COARSE_SECONDS = 2.0
FINE_SECONDS = 0.02
"""Two edits closer than this may carry one time stamp: on file systems that count whole seconds, and on others."""

FileState = tuple[str, int, int, int, int]


def state_of(path: Path) -> FileState | None:
    """Path, times of change, size and inode of a file; null for one that is absent."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return str(path), status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def states_of(paths: Iterable[Path]) -> tuple[FileState | None, ...]:
    """The state of each file."""
    return tuple(state_of(path) for path in paths)


def are_settled(states: Iterable[FileState | None]) -> bool:
    """Whether an edit from now on will show in the time stamps; waits for that where it is a matter of milliseconds."""
    newest = max((max(state[1], state[2]) for state in states if state is not None), default=0)
    granularity = FINE_SECONDS if newest % 1_000_000_000 else COARSE_SECONDS
    missing = granularity - (time.time() - newest / 1e9)
    if 0 < missing <= FINE_SECONDS:
        time.sleep(missing)
        return True
    return missing <= 0


def file_sha256(path: Path) -> str:
    """SHA-256, in hexadecimal, of a file's bytes, read once per state.

    Raises:
        ConfigError: It can't be read.
    """
    try:
        return _sha256_in_state(path, state_of(path))
    except OSError as error:
        raise ConfigError(f"expected a readable file {path}, got {error.strerror}") from error


@functools.lru_cache(maxsize=256)
def _sha256_in_state(path: Path, state: FileState | None) -> str:  # noqa: ARG001  the key of the cache
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
