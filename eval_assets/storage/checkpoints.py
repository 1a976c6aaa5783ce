"""Files of a table's log by their versions, and which checkpoints nobody opens a table with any more.

A checkpoint names every file of the table, and there is one every few commits: kept all, they outgrow the table itself.
"""

import time
from collections.abc import Iterator
from pathlib import Path

CHECKPOINT = ".checkpoint"
DIGITS = 20
UNREAD_SECONDS = 86_400


def versioned(log: Path) -> Iterator[tuple[int, Path]]:
    """Entries and checkpoints with their versions.

    Args:
        log: The folder `_delta_log` of a local table.
    """
    for path in log.iterdir():
        number = path.name[:DIGITS]
        if len(number) == DIGITS and number.isdecimal():
            yield int(number), path


def is_unread(checkpoint: Path) -> bool:
    """Whether nobody is still opening the table with this checkpoint, after a later one was written."""
    return time.time() - checkpoint.stat().st_mtime > UNREAD_SECONDS


def thin_checkpoints(log: Path, *, every: int) -> int:
    """Remove checkpoints that later ones replaced. Returns how many files went.

    The last one of all stays, and for whoever opens a former version the first one in so many commits.

    Args:
        log: The folder `_delta_log` of a local table.
        every: Commits with one checkpoint left.
    """
    files = sorted((version, path) for version, path in versioned(log) if CHECKPOINT in path.name)
    stay = {version // every: version for version, _ in reversed(files)}
    last = files[-1][0] if files else None
    gone = [path for version, path in files if version not in {*stay.values(), last} and is_unread(path)]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)
