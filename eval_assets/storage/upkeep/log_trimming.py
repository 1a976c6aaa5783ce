"""Entries and checkpoints of a table's log that no version which is kept needs. What they recorded stays summed up."""

from pathlib import Path

from eval_assets.storage.checkpoints import CHECKPOINT, is_unread, versioned


def trim_log(log: Path, *, needed_from: int, n_summed_up: int) -> int:
    """Remove what only versions before `needed_from` need, oldest first. Returns how many files went.

    A version is read from the checkpoint before it and the entries from there on. A process that is killed in between
    leaves a log that lacks its oldest entries, as one that ran to its end does.

    Args:
        log: The folder `_delta_log` of a local table.
        needed_from: The first version that has to stay readable.
        n_summed_up: How many commits have their record in a summary; entries of others stay.
    """
    files = sorted(versioned(log))
    checkpoints = sorted({version for version, path in files if CHECKPOINT in path.name})
    bases = [version for version in checkpoints if version <= needed_from]
    base = bases[-1] if bases else 0
    stay = {base, *checkpoints[-1:]}
    entries = [path for version, path in files if CHECKPOINT not in path.name and version < min(base, n_summed_up)]
    gone = [path for version, path in files if CHECKPOINT in path.name and version not in stay and is_unread(path)]
    for path in (*gone, *entries):
        path.unlink(missing_ok=True)
    return len(gone) + len(entries)
