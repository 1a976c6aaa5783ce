"""Delta tables held open: brought up to date at each look instead of opened anew, their commits read once.

Opening replays the log, reading commits parses it, and a cell looks at its tables some eighty times. What is read and
written is the business of `warehouse`.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.storage.checkpoints import thin_checkpoints
from eval_assets.storage.commit_ledger import SIZE, newest_summed_up, sum_up, sum_up_newest, summed_up
from eval_assets.storage.integrity.data_files import NamedTable
from eval_assets.storage.remote.mirror import Mirror
from eval_assets.storage.snapshots import Commit, newest_of_each

LOOKS = 30
UNSEEN = -1
REOPENED_AFTER = 50
"""Commits: delta-rs keeps each that came after the opening apart, and every further one takes it longer."""
NOT_OURS = {"version", "operationParameters", "operationMetrics", "engineInfo", "clientVersion"}
"""What delta-rs records besides, which nobody asks for."""


@dataclass
class _Read:
    """Commits as far as they were read, newest first, and what was made of them."""

    newest: int = UNSEEN
    commits: list[Commit] = field(default_factory=list)
    is_whole: bool = False
    n_summed_up: int = 0
    newest_until: int = UNSEEN
    by_partition: dict[str, Commit] = field(default_factory=dict)


class OpenTable:
    """One table, for one thread: bringing it up to date changes it in place.

    Args:
        table: Its name.
        uri: Where it lies; it has to exist.
        storage_options: Of its object store.
        refuse: Raises what is wrong with a version before its rows are read.
        mirror: Its log here; null of a local table.
    """

    def __init__(
        self,
        table: str,
        uri: str,
        storage_options: Mapping[str, str],
        refuse: Callable[[NamedTable], None],
        mirror: Mirror | None = None,
    ) -> None:
        self._table, self._uri, self._storage_options, self._refuse = table, uri, dict(storage_options), refuse
        self._mirror = mirror
        self._log = self._opened_anew()
        self._note_look()
        self._snapshot: NamedTable | None = None
        self._kept: dict[str, pl.DataFrame] = {}
        self._read = _Read()

    @property
    def opened(self) -> NamedTable:
        """The table as it was opened, brought up to date at each look."""
        return self._log

    @property
    def is_latest(self) -> bool:
        """Whether two files of the log tell that nothing was committed since; of a remote table, whether we looked."""
        if self._mirror is not None:
            is_same = (self._log.version(), self._generation) == (self._mirror.version, self._mirror.generation)
            return is_same and self._mirror.is_recent
        if self._entry_state is None or self._state_of_entry() != self._entry_state:
            return False
        return not os.access(self._entry(self._log.version() + 1), os.F_OK)

    def version(self) -> int:
        """Latest version."""
        if not self.is_latest:
            self._look()
        return self._log.version()

    def _look(self) -> None:
        if self._mirror is not None:
            self._mirror.look()
        is_other = self._mirror is not None and self._mirror.generation != self._generation
        if is_other or (self._entry_state is not None and self._state_of_entry() != self._entry_state):
            # The entry we know is another one or gone: the table was made anew, or its log cut off by maintenance.
            self._log = self._opened_anew()
            self._snapshot = None
            self._read = _Read()
        elif self._is_to_be_opened:
            self._log = self._opened_anew()
        elif self._mirror is not None:
            self._mirror.bring_up_to_date(self._log)
        else:
            self._log.update_incremental()
        self._note_look()

    def write(self, action: Callable[[NamedTable], None]) -> None:
        """Have the latest version written to; the one that comes of it is open without another look at the log."""
        self.version()
        if self._is_to_be_opened:
            self._log = self._opened_anew()
        if self._mirror is not None:
            mirror = self._mirror
            mirror.publish(lambda: action(mirror.opened()))  # on a version of its own: an attempt may be undone
            return
        try:
            action(self._log)
        finally:
            self._entry_state = self._state_of_entry()

    @property
    def _is_to_be_opened(self) -> bool:
        """Whether the table as it is open is a snapshot too, or opening it anew costs less than all that came since."""
        return self._log is self._snapshot or self._log.version() - self._opened_at >= REOPENED_AFTER

    def _opened_anew(self) -> NamedTable:
        self._generation = 0 if self._mirror is None else self._mirror.generation
        opened = self._opened()
        self._opened_at = opened.version()
        return opened

    def _opened(self) -> NamedTable:
        return NamedTable(self._uri) if self._mirror is None else self._mirror.opened()

    def _note_look(self) -> None:
        self._entry_state = self._state_of_entry()

    def snapshot(self) -> NamedTable:
        """The latest version, unaffected by later ones: a lazy scan of it stays what it was."""
        version = self.version()  # which forgets the snapshot if the table is another one
        if self._snapshot is None or self._snapshot.version() != version:
            # The table as it is open: who looks at it or writes to it next opens it anew. Most are never written again.
            self._refuse(self._log)
            self._snapshot = self._log
            self._kept = {}
        return self._snapshot

    def kept(self, partition: str, read: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """Rows of a partition in the version that `snapshot` gave, read once as long as it is the latest."""
        if partition not in self._kept:
            self._kept[partition] = read()
        return self._kept[partition]

    def commits(self, limit: int | None) -> list[Commit]:
        """At least `limit` commits, newest first, or all that are known.

        delta-rs lists the log as it is now and numbers it by the version opened before: with a commit in between, every
        number is wrong. So a list counts only if the version was the same before and after.
        """
        for _ in range(LOOKS):
            version = self.version()
            if version < self._read.newest:  # the table was deleted and created anew
                self._read = _Read()
            if not (
                self._read.commits and (self._read.is_whole or (limit is not None and len(self._read.commits) >= limit))
            ):
                found, is_whole = self._from_the_beginning(version, limit)
            elif version > self._read.newest:
                found, is_whole = (
                    [*self._logged(version, version - self._read.newest), *self._read.commits],
                    self._read.is_whole,
                )
            else:
                return self._read.commits
            if self.version() == version:
                self._read.newest, self._read.commits, self._read.is_whole = version, found, is_whole
                return found
        opened = self._opened()
        return self._numbered(opened.version(), opened.history())

    def newest_of_each(self) -> tuple[int, dict[str, Commit]]:
        """The latest version, and partition → the newest commit that replaced it."""
        if self._read.newest_until == UNSEEN:
            self._begin_with_summary()
        commits = self.commits(max(1, self.version() - self._read.newest_until))
        n_unseen = commits[0].version - self._read.newest_until
        if n_unseen > len(commits):  # others committed meanwhile, or the table is another one
            commits = self.commits(None)
            n_unseen = commits[0].version - self._read.newest_until
        if n_unseen:
            self._read.by_partition = self._read.by_partition | newest_of_each(commits[:n_unseen])
            self._read.newest_until = commits[0].version
        return self._read.newest_until, self._read.by_partition

    def sum_up(self) -> int:
        """Have all commits summed up that fill a summary, and old checkpoints thinned out. Returns how many are."""
        commits = self.commits(None)
        if len(commits) == commits[0].version + 1:  # else the first ones are lost
            entries = [commit.metadata for commit in reversed(commits)]
            n_known = self._read.n_summed_up = sum_up(
                self._uri, entries, self._storage_options, known=self._read.n_summed_up
            )
            newest = newest_of_each(commits[len(commits) - n_known :])
            records = {commit.version: commit.metadata for commit in newest.values()}
            if n_known:
                sum_up_newest(self._uri, n_known - 1, records, self._storage_options)
        if self._mirror is None:
            with suppress(OSError):  # a read-only folder: they only take space
                thin_checkpoints(Path(self._uri) / "_delta_log", every=SIZE)
        return self._read.n_summed_up

    def _begin_with_summary(self) -> None:
        """Know what the last summary says of the newest commits; the entries after it are read then."""
        found = newest_summed_up(self._uri, self.version(), self._storage_options)
        if found is not None:
            self._read.newest_until, records = found
            commits = [self._commit(version, record) for version, record in records.items()]
            self._read.by_partition = newest_of_each(commits)

    def _from_the_beginning(self, version: int, limit: int | None) -> tuple[list[Commit], bool]:
        """Commits up to a version without those known, and whether they are all."""
        if limit is not None and limit <= version:
            return self._logged(version, limit), False
        old = summed_up(self._uri, version, self._storage_options)
        self._read.n_summed_up = len(old)
        newer = self._logged(version, version + 1 - len(old)) if version + 1 > len(old) else []
        return [*newer, *self._numbered(len(old) - 1, list(reversed(old)))], True

    def _logged(self, version: int, n: int) -> list[Commit]:
        return self._numbered(version, self._log.history(n)[:n])

    def _numbered(self, newest: int, entries: list[Any]) -> list[Commit]:
        return [self._commit(newest - age, entry) for age, entry in enumerate(entries)]

    def _commit(self, version: int, entry: Mapping[str, Any]) -> Commit:
        recorded = {key: str(value) for key, value in entry.items() if key not in NOT_OURS}
        return Commit(self._table, self._uri, version, recorded)

    def _state_of_entry(self) -> tuple[int, int] | None:
        """What tells the log entry of our version from another; null of a remote table, and where it isn't there."""
        if self._mirror is not None:
            return None
        try:
            found = os.stat(self._entry(self._log.version()))  # noqa: PTH116  a path takes as long to make as to look at
        except OSError:
            return (UNSEEN, UNSEEN)
        return found.st_ino, found.st_mtime_ns

    def _entry(self, version: int) -> str:
        """An entry of a local log; a text: these are looked at some four thousand times in a run of 20 cells."""
        return f"{self._uri}/_delta_log/{version:020d}.json"
