"""What is lost with each table, and what to do; `docs/operations.md` has the same as a table."""

import re
from pathlib import Path

from eval_assets.errors import StorageError
from eval_assets.tables.input_tables import DATASET_TABLES, FILE_TABLES

DERIVED = (
    "move that folder away and run again: it is computed from the other tables, and stored replies are not paid again"
)
REMEDIES = {
    **dict.fromkeys(DATASET_TABLES, "move that folder away and run again: it is read from data/ anew"),
    **dict.fromkeys(
        FILE_TABLES,
        "move that folder away and run again: the files are read from data/ anew, only their earlier versions are lost",
    ),
    "responses": (
        "it holds the replies that were paid for: bring that folder back from a backup, or move it away, and requests "
        "whose reply is needed again are paid again; what was computed from them stays"
    ),
    "given_labels": (
        "it holds what people said: bring that folder back from a backup, or move it away and import what was exported"
    ),
    "asked_again": (
        "move that folder away: of replies that were asked for anew only the account is lost; those that were kept "
        "stay, and those that nobody decided on stay unused"
    ),
    "runs": "move that folder away: only the account of earlier runs is lost",
    "alerts": (
        "move that folder away: what was told last is lost, so that the next look takes everything as it is and tells "
        "nothing; so are alerts that had yet to be sent"
    ),
    "aggregate_history": "move that folder away: only the results of earlier runs, as charts show them, are lost",
}


COLOURS = re.compile(r"\x1b\[[0-9;]*m")
FRAME = re.compile(r"\s*\d+: ")


def damaged(table: str, uri: object, cause: object) -> StorageError:
    """The one sentence about a table that can't be read: which, where, why, and what helps.

    Args:
        table: Its name.
        uri: Where it lies.
        cause: In words, or the error of the library that tried.
    """
    remedy = REMEDIES.get(table, DERIVED)
    if _log_is_complete(Path(str(uri)) / "_delta_log"):
        checkpoints = f"{uri}/_delta_log/*checkpoint*"
        remedy = f"if a checkpoint is damaged, remove {checkpoints}, which loses nothing; else {remedy}"
    return StorageError(f"the table {table!r} in {uri} can't be read: {said_by(cause)}; {remedy}")


def said_by(error: object) -> str:
    r"""What a library says in an error, on one line, without colours and stack frames.

    >>> said_by(OSError("can't walk\n  \x1b[31m↳\x1b[0m IO error\n   0: <unknown>"))
    "can't walk ↳ IO error"
    """
    lines = COLOURS.sub("", str(error)).splitlines()
    return " ".join(line.strip() for line in lines if line.strip() and not FRAME.match(line))


def _log_is_complete(log: Path) -> bool:
    """Whether there are checkpoints that can go, since every commit they sum up is still there."""
    commits = sorted(path.stem for path in log.glob("*.json"))
    complete = bool(commits) and all(int(stem) == number for number, stem in enumerate(commits) if stem.isdecimal())
    return complete and (log / "_last_checkpoint").exists()
