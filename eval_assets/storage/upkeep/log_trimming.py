"""Entries and checkpoints of a table's log that no version which is kept needs. What they recorded stays summed up."""

from collections.abc import Iterator
from pathlib import Path

CHECKPOINT = ".checkpoint"
DIGITS = 20


def trim_log(log: Path, *, needed_from: int, n_summed_up: int) -> int:
    """Remove what only versions before `needed_from` need, oldest first. Returns how many files went.

    A version is read from the checkpoint before it and the entries from there on. A process that is killed in between
    leaves a log that lacks its oldest entries, as one that ran to its end does.

    Args:
        log: The folder `_delta_log` of a local table.
        needed_from: The first version that has to stay readable.
        n_summed_up: How many commits have their record in a summary; entries of others stay.
    """
    files = sorted(_versioned(log))
    checkpoints = sorted({version for version, path in files if CHECKPOINT in path.name})
    bases = [version for version in checkpoints if version <= needed_from]
    base = bases[-1] if bases else 0
    stay = {base, *checkpoints[-1:]}
    n_removed = 0
    for version, path in files:
        is_checkpoint = CHECKPOINT in path.name
        if (is_checkpoint and version not in stay) or (not is_checkpoint and version < min(base, n_summed_up)):
            path.unlink(missing_ok=True)
            n_removed += 1
    return n_removed


def _versioned(log: Path) -> Iterator[tuple[int, Path]]:
    for path in log.iterdir():
        number = path.name[:DIGITS]
        if len(number) == DIGITS and number.isdecimal():
            yield int(number), path
