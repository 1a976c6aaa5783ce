"""Small local files that are replaced whole: readers, and whoever comes after a kill, find the old or the new one."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval_assets.errors import StorageError


def write_atomically(path: Path, text: str, *, to_disk: bool = False) -> None:
    """Replace a file, and make its folder if there is none; the last of several writers wins.

    Args:
        path: The file.
        text: What it holds then.
        to_disk: Wait until it would survive a power cut.
    """
    os.replace(_written_beside(path, text, to_disk=to_disk), path)  # noqa: PTH105  the atomic one


def create_whole(path: Path, text: str) -> None:
    """Create a file that survives a power cut, whole or not at all.

    Args:
        path: The file.
        text: What it holds.

    Raises:
        FileExistsError: There is one, which stays as it is.
    """
    temporary = _written_beside(path, text, to_disk=True)
    try:
        temporary.chmod(0o644)
        os.link(temporary, path)
    finally:
        temporary.unlink()


def _written_beside(path: Path, text: str, *, to_disk: bool) -> Path:
    """A new file with a text in the folder of another one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        if to_disk:
            file.flush()
            os.fsync(file.fileno())
    return Path(temporary)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file of names and what is known of each."""
    write_atomically(path, json.dumps(content, indent=1, sort_keys=True))


def read_json(path: Path | None) -> Any:
    """What such a file holds; nothing where there is none, or null is its place.

    Raises:
        StorageError: It can't be read.
    """
    if path is None or not path.exists():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(f"expected JSON in {path}, got {error}; delete the file to start anew") from error
