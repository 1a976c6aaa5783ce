"""Where files may lie: inside the project folder, and what a file of `data/` must be to be read as text."""

import os
from pathlib import Path

from eval_assets.config.problems import Problem, raise_problems

MAX_BYTES = 2**20
"""Size of the largest file of `data/` that is read as a declaration; files of rows have no bound."""


def project_root(data_dir: Path) -> Path:
    """The folder that holds `data/`; `data/` itself where that would be the whole file system."""
    return data_dir if data_dir.parent == data_dir.parent.parent else data_dir.parent


def lies_outside(path: Path, root: Path) -> bool:
    """Whether a path leads out of a folder, by `..`, by being absolute, or by a link.

    >>> lies_outside(Path("/project/data/../../rows.csv"), Path("/project"))
    True
    """
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def declared_text(path: Path, *, file: str, root: Path) -> str:
    """The text of a file of `data/`, read only if it is one.

    Args:
        path: The file.
        file: How errors name it.
        root: The project folder.

    Raises:
        ConfigError: A link out of the project, a folder, no regular file, unreadable, too large, not UTF-8, or with NUL
            bytes. Nothing of what a link leads to is repeated.
    """
    fault = _fault(path, root)
    raise_problems([Problem(file, fault)] if fault else [])
    text = _read(path, file=file)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise_problems([Problem(file, "expected text, got a NUL byte; save the file as UTF-8", line)])
    return text


def _fault(path: Path, root: Path) -> str | None:
    """Why a path is no file to read; a file that vanishes meanwhile is left to the reader."""
    if lies_outside(path, root):
        return "expected a file inside the project folder, got a link that leads out of it; put a copy in its place"
    if path.is_dir():
        return "expected a file, got a folder of that name; move it elsewhere"
    if path.exists() and not path.is_file():
        return "expected a regular file, got a pipe, socket or device; move it elsewhere"
    return None


def _read(path: Path, *, file: str) -> str:
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise_problems([Problem(file, "the file doesn't exist")])
        raise
    except OSError as error:
        raise_problems([Problem(file, f"expected a readable file, got: {error.strerror or error}")])
        raise
    if len(content) > MAX_BYTES:
        raise_problems([Problem(file, f"expected at most {MAX_BYTES:,} bytes, got more")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        message = (
            f"expected UTF-8, got byte 0x{content[error.start]:02x} at offset {error.start}; save the file as UTF-8"
        )
        raise_problems([Problem(file, message, line)])
        raise
