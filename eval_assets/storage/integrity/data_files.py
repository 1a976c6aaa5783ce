"""The local files of tables: where they may lie, and whether they are as the log says before polars panics at one."""

import json
import os
import re
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from deltalake import DeltaTable

from eval_assets.errors import StorageError
from eval_assets.storage.integrity.remedies import damaged

LOCAL = "file://"
RECENT_ENTRIES = 20
UNUSABLE = re.compile(r"[\[\]|^\\=\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")
"""delta-rs panics at brackets, bars and carets, and decodes a percent sign before two hexadecimal digits; polars takes
`name=value` in a path for a partition."""


class NamedTable(DeltaTable):
    """A table whose files are named as the file system names them; delta-rs percent-encodes the folders above."""

    @property
    def table_uri(self) -> str:
        """Address of the table."""
        encoded = super().table_uri
        return unquote(encoded) if encoded.startswith(LOCAL) else encoded

    def history(self, limit: int | None = None) -> list[dict[str, Any]]:
        """What was recorded with each commit, newest first; delta-rs finds none below a folder with # or ? in it."""
        folder = self.table_uri.removeprefix(LOCAL)
        if not self.table_uri.startswith(LOCAL) or not {"#", "?"} & set(folder):
            return super().history(limit)
        log, newest = Path(folder) / "_delta_log", self.version()
        versions = range(newest, -1 if limit is None else max(newest - limit, -1), -1)
        entries = takewhile(Path.exists, (log / f"{version:020d}.json" for version in versions))
        return [_recorded(entry) for entry in entries]  # the oldest may have been removed

    def file_uris(self, *arguments: object, **options: object) -> list[str]:
        """Paths of the data files."""
        encoded = super().table_uri.removeprefix(LOCAL)
        folder = self.table_uri.removeprefix(LOCAL)
        return [folder + uri.removeprefix(encoded) for uri in super().file_uris(*arguments, **options)]  # type: ignore[arg-type]


def _recorded(entry: Path) -> dict[str, Any]:
    """What one entry of a log says about its commit."""
    actions = (json.loads(line) for line in entry.read_text(encoding="utf-8").splitlines())
    return next((action["commitInfo"] for action in actions if "commitInfo" in action), {})


def files_added(table: str, folder: Path, version: int) -> list[str] | None:
    """Paths of the files that a commit of a local table added; null where its entry of the log is gone.

    Raises:
        StorageError: A file is missing, or not as long as it was written.
    """
    try:
        entry = (folder / "_delta_log" / f"{version:020d}.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    actions = (json.loads(line) for line in entry.splitlines())
    added = {unquote(action["add"]["path"]): action["add"]["size"] for action in actions if "add" in action}
    return [_sound(table, folder, name, size) for name, size in added.items()]


def refuse_damaged_files(table: str, opened: NamedTable, known: set[str]) -> None:
    """Refuse a table whose data files are missing or not as long as they were written.

    Args:
        table: Its name.
        opened: The version that is about to be read.
        known: Files that were found sound before, which never change; those found now are added.

    Raises:
        StorageError: Names the file, and what helps.
    """
    sizes: dict[str, int] = opened._table.get_add_file_sizes()  # noqa: SLF001  the public form parses every statistic
    folder = Path(opened.table_uri.removeprefix(LOCAL))
    for name, size in sizes.items():
        if name not in known:
            _sound(table, folder, name, size)
            known.add(name)


def _sound(table: str, folder: Path, name: str, size: int) -> str:
    """Path of a file that is there as it was written."""
    path = folder / name
    try:
        found = path.stat().st_size
    except OSError as error:
        raise damaged(table, folder, f"its file {path} is gone ({error.strerror})") from error
    if found != size:
        raise damaged(table, folder, f"its file {path} is damaged: expected {size:,} bytes, got {found:,}")
    return str(path)


def refuse_damaged_log(table: str, folder: Path) -> None:
    """Refuse a local table whose log is gone while its data is there, or whose newest entries are empty files.

    Raises:
        StorageError: Says so, and what helps.
    """
    log = folder / "_delta_log"
    try:
        entries = sorted(entry.name for entry in os.scandir(log) if entry.name.endswith(".json"))
    except NotADirectoryError as error:
        raise damaged(table, folder, f"expected a folder {log}, got a file") from error
    except FileNotFoundError:
        entries = []
    if not entries and any(folder.rglob("*.parquet")):
        raise damaged(table, folder, f"its log {log} holds no commit although there are data files")
    for name in entries[-RECENT_ENTRIES:]:
        if not (log / name).stat().st_size:
            raise damaged(table, folder, f"the entry {log / name} of its log is empty")


def refuse_unusable(root: str) -> None:
    """Refuse a local folder that tables can't be kept in.

    Raises:
        StorageError: Its path holds a character that the libraries below can't open.

    >>> refuse_unusable("/home/o'brien/my project #2 (100%)/wärehouse")
    """
    if found := UNUSABLE.search(root):
        raise StorageError(
            f"expected a warehouse folder that delta-rs can open, got {found.group()!r} in {root!r}; rename that "
            "folder, or set EVAL_ASSETS_WAREHOUSE to one with none of [ ] | ^ \\ = in its path, no line break and no % "
            "before two hexadecimal digits"
        )
