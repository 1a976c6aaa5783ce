"""Values by their number, for files whose rows are more than memory should hold: beyond some size they lie on disk."""

import threading
import weakref
from array import array
from tempfile import SpooledTemporaryFile
from typing import Any

import pydantic_core

HELD_BYTES = 32 * 2**20
"""Of JSON, in memory; what is larger goes to a temporary file that nobody else sees."""


class Spool:
    """What JSON can write, added once and read any number of times, from any thread.

    >>> spool = Spool()
    >>> for value in (["Paris", None], None, [0.5]):
    ...     spool.add(value)
    >>> spool.at(0), spool.at(1), spool.at(2)
    (['Paris', None], None, [0.5])
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=HELD_BYTES)  # noqa: SIM115  open as long as the spool
        self._ends = array("Q", [0])
        self._turn = threading.Lock()
        weakref.finalize(self, self._file.close)

    def add(self, value: Any) -> None:
        """Keep a value under the next number, from 0; all are added before any is read."""
        written = b"" if value is None else pydantic_core.to_json(value)
        self._file.write(written)
        self._ends.append(self._ends[-1] + len(written))

    def at(self, number: int) -> Any:
        """The value of a number."""
        start, end = self._ends[number : number + 2]
        if start == end:
            return None
        with self._turn:
            self._file.seek(start)
            written = self._file.read(end - start)
        return pydantic_core.from_json(written)
