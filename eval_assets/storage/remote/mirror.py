"""The log of a table in an object store as local files: read, and written to, as a local table, then published.

delta-rs asks an object store some thirteen times to create a table, six times for a commit and five for each opening.
Entries of a log never change, so they are fetched once; a commit is made on the local copy and then put into the store,
only if nobody put one of that number. What a table holds is the business of `open_tables`.
"""

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from eval_assets.storage.commit_ledger import SIZE
from eval_assets.storage.integrity.data_files import LOCAL, NamedTable
from eval_assets.storage.remote.object_store import ConflictError, Listed, Objects

SECONDS_BETWEEN_LOOKS = 5.0
"""How long a look counts, where each is a request: what others commit is seen that late."""

CHECKPOINT_EVERY = 10
PUBLISHING_ATTEMPTS = 50
AT_ONCE = 16
FETCHED_WHOLE_BYTES = 32 * 2**20
"""Data files that are read together are fetched as they are up to so many bytes, one request each, and kept."""

ABSENT = -1
LOG = "_delta_log"
WHAT_ROWS_ARE = ("data_version", "code_version", "inputs")
"""Recorded with a commit: equal ones hold the same rows."""

LAST_CHECKPOINT = f"{LOG}/_last_checkpoint"


class MirroredTable(NamedTable):
    """A version of a table whose log lies here; its data lies in the store, and here as far as it was fetched.

    Args:
        mirror: Whose.
        version: The latest when null.
    """

    def __init__(self, mirror: "Mirror", version: int | None = None) -> None:
        self._mirror = mirror
        super().__init__(str(mirror.folder), version=version)
        self._storage_options = dict(mirror.objects.storage_options)

    @property
    def table_uri(self) -> str:
        """Address of the table in the store."""
        return self._mirror.uri

    def file_uris(self, *arguments: object, **options: object) -> list[str]:
        """Where the data files can be read: all here, or all in the store."""
        named = DeltaTable.file_uris(self, *arguments, **options)  # type: ignore[arg-type]
        encoded = DeltaTable.table_uri.fget(self).removeprefix(LOCAL).rstrip("/")  # type: ignore[attr-defined]
        names = [uri.removeprefix(LOCAL).removeprefix(f"{encoded}/") for uri in named]
        folder = str(self._mirror.folder) if self._mirror.fetch(names) else self._mirror.uri
        return [f"{folder}/{name}" for name in names]


class Mirror:
    """The log of one table; safe to use from several threads.

    Args:
        objects: Of the warehouse.
        table: Its name.
        folder: Where its log is kept, and data files that were fetched or written.
    """

    def __init__(self, objects: Objects, table: str, folder: Path) -> None:
        self.objects, self.folder, self.uri = objects, folder, f"{objects.root.rstrip('/')}/{table}"
        self._table = table
        self._turn = threading.RLock()
        self._looked_at = float("-inf")
        self._newest: Listed | None = None
        self._began_at: int | None = None
        self.version = ABSENT
        self.generation = 0
        """Grows when the table turns out to be another one: what was opened before is of the former."""

    @property
    def is_recent(self) -> bool:
        """Whether the last look counts."""
        return time.monotonic() - self._looked_at < SECONDS_BETWEEN_LOOKS

    def look_anew(self) -> None:
        """Have the next look be one, however short ago the last one was."""
        self._looked_at = float("-inf")

    def look(self) -> int:
        """Latest version, negative if there is no table; fetches what is new."""
        with self._turn:
            if not self.is_recent:
                self._pull()
            return self.version

    def opened(self, version: int | None = None) -> MirroredTable:
        """A version of the table, the latest known when null; never one that is being published."""
        with self._turn:
            return MirroredTable(self, version)

    def bring_up_to_date(self, table: NamedTable) -> None:
        """Let a version that was opened be the latest one known."""
        with self._turn:
            table.update_incremental()

    def made_meanwhile(self, opened: NamedTable, recorded: Mapping[str, str]) -> str | None:
        """The id of a commit that replaced a partition with the same rows while this process worked; null for none.

        Several machines with one plan compute the same cells; what was there before is replaced all the same, since
        whoever runs something anew may want to mend it.

        Args:
            opened: The table as it is to be written.
            recorded: What is to be recorded with the commit.
        """
        n_made = 0 if self._began_at is None else opened.version() - self._began_at
        if "data_version" not in recorded or n_made <= 0:
            return None
        newest = next((one for one in opened.history(n_made) if one.get("partition") == recorded["partition"]), {})
        is_same = all(newest.get(name) == recorded.get(name) for name in WHAT_ROWS_ARE)
        return newest.get("commit_id") if is_same else None

    def publish(self, make: Callable[[], object]) -> int:
        """Commit. Returns the version that it became.

        Args:
            make: Commits to the local copy; called again where somebody else was faster.

        Raises:
            CommitFailedError: What was committed meanwhile doesn't go together with it.
        """
        for _ in range(PUBLISHING_ATTEMPTS):
            with self._turn:
                before = self._data_files()
                try:
                    make()
                    made = self._made()
                    self._put_data(self._data_files() - before)
                    self._put_entries(made)
                except (ConflictError, CommitFailedError) as error:
                    self._undo(before)
                    self._pull()
                    if isinstance(error, CommitFailedError):
                        raise
                except BaseException:
                    self._undo(before)
                    raise
                else:
                    self._looked_at = time.monotonic()
                    if made:
                        self._put_checkpoint()
                    return self.version
        raise CommitFailedError(f"{PUBLISHING_ATTEMPTS} attempts lost against other writers of {self.uri}")

    def fetch(self, names: Collection[str]) -> bool:
        """Have data files here; false if they are too large to be read whole."""
        missing = [name for name in names if not (self.folder / name).exists()]
        if not missing:
            return True
        sizes = self._sizes(missing)
        if sum(sizes) > FETCHED_WHOLE_BYTES:
            return False
        self._fetch([f"{self._table}/{name}" for name in missing])
        return True

    def _sizes(self, names: Collection[str]) -> list[int]:
        known: dict[str, int] = self.opened()._table.get_add_file_sizes()  # noqa: SLF001  the public form parses every statistic
        return [known.get(name, FETCHED_WHOLE_BYTES) for name in names]

    def _pull(self) -> None:
        began = time.monotonic()
        offset = None if self._newest is None else f"{self._table}/{LOG}/{self.version - 1:020d}.json"
        found = self.objects.listed(f"{self._table}/{LOG}/", after=offset)
        if self._newest is not None and self._newest not in found:
            self._forget()
            found = self.objects.listed(f"{self._table}/{LOG}/")
        entries = {int(Path(one.path).stem): one for one in found if one.path.endswith(".json")}
        if entries:
            newest = max(entries)
            first = self.version + 1
            if first == 0:
                first = self._fetch_checkpoint(found, newest)
            self._fetch([entries[version].path for version in sorted(entries) if version >= first])
            self.version, self._newest = newest, entries[newest]
        if self._began_at is None:
            self._began_at = self.version
        self._looked_at = began

    def _fetch_checkpoint(self, found: Collection[Listed], newest: int) -> int:
        """Fetch the newest checkpoint. Returns the first entry to fetch: those not summed up are read, too."""
        checkpoints = [one.path for one in found if one.path.endswith(".checkpoint.parquet")]
        if not checkpoints:
            return 0
        path = max(checkpoints)
        self._fetch([path, f"{self._table}/{LAST_CHECKPOINT}"])
        return min(int(Path(path).name.partition(".")[0]), (newest + 1) // SIZE * SIZE - SIZE)

    def _fetch(self, paths: Collection[str]) -> None:
        def fetch(path: str) -> None:
            place = self.folder / Path(path).relative_to(self._table)
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = place.with_name(f"{place.name}.{threading.get_ident()}.partial")
            partial.write_bytes(self.objects.bytes_of(path))
            partial.replace(place)

        if len(paths) == 1:
            fetch(next(iter(paths)))
        elif paths:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(fetch, paths))

    def _data_files(self) -> set[Path]:
        return {path for path in self.folder.rglob("*.parquet") if path.parent.name != LOG}

    def _made(self) -> list[Path]:
        """Entries that are only here, in their order."""
        log = self.folder / LOG
        made, version = [], self.version + 1
        while (entry := log / f"{version:020d}.json").exists():
            made.append(entry)
            version += 1
        return made

    def _put_data(self, files: Collection[Path]) -> None:
        def put(path: Path) -> None:
            self.objects.write(f"{self._table}/{path.relative_to(self.folder)}", path)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(put, files))

    def _put_entries(self, entries: Collection[Path]) -> None:
        for entry in entries:
            path = f"{self._table}/{LOG}/{entry.name}"
            self._newest = Listed(path, self.objects.create(path, entry.read_bytes()))
            self.version = int(entry.stem)

    def _undo(self, files: Collection[Path]) -> None:
        """Remove what was made here and not published."""
        for entry in self._made():
            entry.unlink()
        for path in self._data_files() - set(files):
            path.unlink()

    def _put_checkpoint(self) -> None:
        if self.version and self.version % CHECKPOINT_EVERY == 0:
            self.opened().create_checkpoint()
            log = self.folder / LOG
            for path in (*log.glob(f"{self.version:020d}.checkpoint*.parquet"), log / "_last_checkpoint"):
                self.objects.write(f"{self._table}/{LOG}/{path.name}", path.read_bytes())

    def _forget(self) -> None:
        """The table is another one."""
        for folder, _, names in os.walk(self.folder):
            for name in names:
                (Path(folder) / name).unlink()
        self.version, self._newest = ABSENT, None
        self._began_at = ABSENT
        self.generation += 1
