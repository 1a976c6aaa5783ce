"""Delta tables held open: brought up to date at each look instead of opened anew, their commits read once.

Opening replays the log, reading commits parses it, and a cell looks at its tables some eighty times. What is read and
written is the business of `warehouse`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from eval_assets.storage.integrity.data_files import NamedTable

LOOKS = 30
UNSEEN = -1


class OpenTable:
    """One table, for one thread: bringing it up to date changes it in place."""

    def __init__(self, uri: str, storage_options: Mapping[str, str], refuse: Callable[[NamedTable], None]) -> None:
        """Open the table, which has to exist; `refuse` raises what is wrong with a version before its rows are read."""
        self._uri, self._storage_options, self._refuse = uri, dict(storage_options), refuse
        self._log = NamedTable(uri, storage_options=self._storage_options)
        self._snapshot: NamedTable | None = None
        self._newest = UNSEEN
        self._entries: list[Mapping[str, Any]] = []

    @property
    def opened(self) -> NamedTable:
        """The table as it was opened, brought up to date at each look."""
        return self._log

    def version(self) -> int:
        """Latest version."""
        self._log.update_incremental()
        return self._log.version()

    def snapshot(self) -> NamedTable:
        """The latest version, unaffected by later ones: a lazy scan of it stays what it was."""
        if self._snapshot is None or self._snapshot.version() != self.version():
            opened = NamedTable(self._uri, storage_options=self._storage_options)
            self._refuse(opened)
            self._snapshot = opened
        return self._snapshot

    def entries(self, limit: int | None) -> tuple[int, list[Mapping[str, Any]]]:
        """Version of the newest log entry, and at least `limit` entries from it backwards, or all.

        delta-rs lists the log as it is now and numbers it by the version opened before: with a commit in between, every
        number is wrong. So a list counts only if the version was the same before and after.
        """
        for _ in range(LOOKS):
            version = self.version()
            if version < self._newest:  # the table was deleted and created anew
                self._newest, self._entries = UNSEEN, []
            n_known = len(self._entries)
            is_enough = n_known == self._newest + 1 or (limit is not None and n_known >= limit)
            if n_known and is_enough:
                unseen = version - self._newest
                newer = self._log.history(unseen) if unseen else []
                found = [*newer, *self._entries]
            else:
                found = list(self._log.history(limit))
            if self.version() == version:
                self._newest, self._entries = version, found
                return version, found
        everything = NamedTable(self._uri, storage_options=self._storage_options).history()
        return len(everything) - 1, list(everything)
