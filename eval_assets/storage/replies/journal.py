"""Journal segments: local files that keep replies from the moment they arrive until they are in the Delta table.

A record is one line, `length checksum json`, added by one write, so that it survives the death of the process.
Which records there are, and when a segment may go, is the business of `lane_writer`.
"""

import contextlib
import os
import re
import time
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic_core

from eval_assets.errors import StorageError, StorageFullError

ALLOCATION_BYTES = 4 * 2**20
HEADER = re.compile(rb"([0-9a-f]{8}) ([0-9a-f]{8}) ", re.ASCII)
HEADER_BYTES = 18


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a segment held. `n_torn` counts records cut short by a crash or damaged on disk: they are not replies."""

    records: tuple[Mapping[str, Any], ...]
    n_torn: int


class Segment:
    """A journal file open for writing, with space allocated ahead of what is written.

    Args:
        path: The file; it must not exist.
        allocate_bytes: Space to claim at once.

    Raises:
        StorageFullError: The disk has no room for it.
    """

    def __init__(self, path: Path, allocate_bytes: int = ALLOCATION_BYTES) -> None:
        self.path = path
        self._offset = 0
        self._allocated = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageFullError(
                f"the reply journal {path} can't be created: {error.strerror}; nothing was sent"
            ) from error
        try:
            self.ensure(allocate_bytes)
        except StorageFullError:
            os.close(self._descriptor)
            path.unlink(missing_ok=True)
            raise

    def ensure(self, n_bytes: int) -> None:
        """Make sure that this many bytes can still be written.

        Raises:
            StorageFullError: The disk has no room for them.
        """
        wanted = self._offset + n_bytes
        if wanted <= self._allocated:
            return
        wanted += ALLOCATION_BYTES
        try:
            _allocate(self._descriptor, self._allocated, wanted - self._allocated)
        except OSError as error:
            raise StorageFullError(
                f"no room to keep further replies: {self.path.parent} has no {wanted - self._allocated:,} bytes left "
                f"({error.strerror}); replies received so far are kept; free some space and run again"
            ) from error
        self._allocated = wanted

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record; when this returns it survives kill -9.

        Raises:
            StorageFullError: The record is longer than what was ensured, and the disk has no room for it.
        """
        self.write(framed(record))

    def write(self, lines: bytes) -> None:
        """Write framed records; when this returns they survive kill -9. Raises as `append` does."""
        view = memoryview(lines)
        offset = self._offset
        try:
            while view:
                written = os.pwrite(self._descriptor, view, offset)
                view, offset = view[written:], offset + written
        except OSError as error:
            raise StorageFullError(f"a reply could not be kept in {self.path}: {error.strerror}") from error
        self._offset = offset

    def close(self) -> None:
        """Close the file and give back what was allocated ahead; the records stay."""
        os.ftruncate(self._descriptor, self._offset)
        os.close(self._descriptor)


def framed(record: Mapping[str, Any]) -> bytes:
    r"""One line of a journal.

    >>> framed({"a": 1})
    b'00000007 561bacaf {"a":1}\n'
    """
    body = pydantic_core.to_json(record)
    return b"%08x %08x %b\n" % (len(body), zlib.crc32(body), body)


def read_segment(path: Path) -> Recovered:
    """Read what a segment holds, whole records only; also while another process writes it.

    Raises:
        StorageError: The file exists and can't be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Recovered((), 0)
    except OSError as error:
        raise StorageError(f"the reply journal {path} can't be read: {error.strerror}") from error
    records: list[Mapping[str, Any]] = []
    n_torn = 0
    for line in content.rstrip(b"\0").split(b"\n"):
        header = HEADER.match(line)
        body = line[HEADER_BYTES:]
        if header and int(header[1], 16) == len(body) and int(header[2], 16) == zlib.crc32(body):
            records.append(pydantic_core.from_json(body))
        elif line.strip(b"\0"):
            n_torn += 1
    return Recovered(tuple(records), n_torn)


def journal_path(folder: Path, lane: str) -> Path:
    """A new journal file of a lane; names sort by age."""
    return folder / f"{lane}.{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.journal"


def journals_of(folder: Path, lane: str) -> list[Path]:
    """Journal files of a lane, oldest first."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(
            path for path in folder.iterdir() if path.name.startswith(f"{lane}.") and path.suffix == ".journal"
        )
    return []


def _allocate(descriptor: int, offset: int, n_bytes: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, offset, n_bytes)
        return
    zeros = bytes(2**20)  # macOS: writing zeros is the only portable claim
    end = offset + n_bytes
    while offset < end:
        offset += os.pwrite(descriptor, zeros[: end - offset], offset)
