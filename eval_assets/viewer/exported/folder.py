"""The folder that an export is written to: whole or not at all, and never over somebody's files."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from eval_assets.errors import ExportError

MARKER = "eval-assets-export.txt"
"""Says that the folder was written by an export, and may be replaced by one."""
MARKED = "Written by `eval-assets view --export`, which replaces this folder as a whole. Begin at index.html.\n"
OWN = frozenset({MARKER, "index.html", "static", "evaluations"})


@contextmanager
def written_folder(target: Path) -> Iterator[Path]:
    """A folder to write into, which takes the target's place if nothing fails; else the target is what it was.

    Raises:
        ExportError: The target holds something that no export wrote, or can't be written.
    """
    target = Path(os.path.abspath(target))  # noqa: PTH100 - `..` is no name, and a link stays one
    with can_be_written(target):
        refuse_foreign(target)
        ending = uuid4().hex[:8]
        begun, former = (target.with_name(f".{target.name}.{word}-{ending}") for word in ("begun", "former"))
        begun.mkdir(parents=True)
    try:
        yield begun
        with can_be_written(target):
            refuse_foreign(target)
            (begun / MARKER).write_text(MARKED, encoding="utf-8")
            if target.exists():
                os.replace(target, former)  # noqa: PTH105  the atomic one
            os.replace(begun, target)  # noqa: PTH105
    except BaseException:
        if former.exists() and not target.exists():
            os.replace(former, target)  # noqa: PTH105
        raise
    finally:
        for each in (begun, former):
            shutil.rmtree(each, ignore_errors=True)


@contextmanager
def can_be_written(path: Path) -> Iterator[None]:
    """Say of a file or folder that can't be written what kept it from that."""
    try:
        yield
    except OSError as error:
        raise ExportError(f"--export: {path} can't be written: {error.strerror or error}") from error


def refuse_foreign(target: Path) -> None:
    """Raise where an export would remove what it didn't write."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ExportError(f"--export: expected a folder, or a name for one, got {target}; name another")
    found = {path.name for path in target.iterdir()} if target.exists() else set()
    foreign = sorted(found - OWN if MARKER in found else found)
    if foreign:
        few = ", ".join(foreign[:3]) + (", …" if len(foreign) > 3 else "")  # noqa: PLR2004 - as many as one reads
        raise ExportError(
            f"--export: expected an empty folder, or one written by an export, got {target}, which holds {few}; "
            "name another, or remove them"
        )
