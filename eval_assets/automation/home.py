"""The folder of the Dagster instance, and which partitions the instance has seen, without importing Dagster.

Dagster is asked once; its answer holds until a database or the settings of the instance change.
"""

import json
import os
import re
import sqlite3
from collections.abc import Collection, Mapping, MutableMapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from eval_assets.config.project import Project
from eval_assets.errors import StorageError
from eval_assets.names import Names
from eval_assets.stages.edges import file_of, partition_keys
from eval_assets.stages.stage_table import STAGES
from eval_assets.storage.atomic_files import write_atomically

if TYPE_CHECKING:
    import dagster as dg

EVENTS = "history/runs/index.db"
"""The database of events; it may have a write-ahead log beside it."""
SEEN = "seen_by_dagster.json"
PROCESSES = "processes"
"""Folder below the state folder in which running processes leave marks."""
SUFFIX = ".alive"
UNUSABLE = re.compile(r"\?|%[0-9A-Fa-f]{2}")
"""Dagster puts the folder into a SQLite URL as it is, where these mean something else."""

Seen = Mapping[str, Collection[str]]
"""Table → partitions that an instance has seen materialized."""


def dagster_home(of_project: Path, environment: MutableMapping[str, str] = os.environ) -> Path:
    """The instance's folder: `DAGSTER_HOME`, else that of the project, which `DAGSTER_HOME` names from then on.

    Raises:
        StorageError: Dagster would keep its databases in another place than a folder of that name.
    """
    if not environment.get("DAGSTER_HOME"):
        environment["DAGSTER_HOME"] = str(of_project)
    home = Path(environment["DAGSTER_HOME"])
    if not home.is_absolute():
        raise StorageError(
            f"expected DAGSTER_HOME to be an absolute path, got {str(home)!r}; {str(home.absolute())!r}?"
        )
    if found := UNUSABLE.search(str(home)):
        raise StorageError(
            f"expected a DAGSTER_HOME that SQLite's URLs can hold, got {found.group()!r} in {str(home)!r}; set "
            "DAGSTER_HOME to a folder with no ? in its path and no % before two hexadecimal digits"
        )
    return home


def remembered(home: Path, state_dir: Path, names: Names) -> Seen | None:
    """What the instance has seen, under these names, if nothing of it changed since and nobody left it runs to end."""
    if any((state_dir / PROCESSES).glob(f"*{SUFFIX}")):
        return None
    try:
        kept = json.loads((state_dir / SEEN).read_bytes())
    except (OSError, ValueError):
        return None
    if kept.get("databases") != _databases(home) or kept.get("prefix", []) != [*names.prefix]:
        return None
    seen: Seen = kept["seen"]
    return seen


def ask(home: Path, state_dir: Path, instance: "dg.DagsterInstance", names: Names) -> Seen:
    """What the instance has seen; remembered, where its events lie in a file."""
    from dagster._core.storage.event_log import SqliteEventLogStorage

    is_file = isinstance(instance.event_log_storage, SqliteEventLogStorage)
    if is_file:
        _write_back(home / EVENTS)
    before = _databases(home)
    seen = {table: sorted(instance.get_materialized_partitions(names.key(table))) for table in STAGES}
    if is_file:
        write_atomically(state_dir / SEEN, json.dumps({"databases": before, "prefix": names.prefix, "seen": seen}))
    return seen


def _write_back(database: Path) -> None:
    """Bring into a database what stands in its write-ahead log: closing it would do so later, and change its state."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(database, timeout=1)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def unseen(seen: Seen, project: Project) -> frozenset[str]:
    """Asset partitions, as `table/key`, that an instance has never seen materialized; files by their names."""
    return frozenset(
        f"{table}/{file_of(table, key)}"
        for table, keys in partition_keys(project).items()
        for key in set(keys).difference(seen.get(table, ()))
    )


def _databases(home: Path) -> list[object]:
    """Names the state of the instance: which folder, its settings, its events."""
    found: list[object] = [str(home)]
    for file in (home / "dagster.yaml", home / EVENTS, home / f"{EVENTS}-wal"):
        try:
            stat = file.stat()
        except OSError:
            found.append(None)
        else:
            found.append([stat.st_ino, stat.st_size, stat.st_mtime_ns] if stat.st_size else None)
    return found
