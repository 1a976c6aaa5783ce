"""Text files in UTF-8. YAML is read by `config.files.yaml_documents`."""

from pathlib import Path

from eval_assets.config.problems import Problem, raise_problems


def read_text(path: Path, *, file: str, max_bytes: int | None = None) -> str:
    """Read a UTF-8 file.

    Args:
        path: The file.
        file: How errors name it.
        max_bytes: Size from which on it is refused.

    Raises:
        ConfigError: The file is missing, unreadable, too large or not UTF-8; names the line and byte.
    """
    try:
        with path.open("rb") as opened:
            content = opened.read() if max_bytes is None else opened.read(max_bytes + 1)
    except FileNotFoundError:
        raise_problems([Problem(file, "the file doesn't exist")])
        raise
    except OSError as error:
        raise_problems([Problem(file, f"expected a readable file, got: {error.strerror or error}")])
        raise
    if max_bytes is not None and len(content) > max_bytes:
        raise_problems([Problem(file, f"expected at most {max_bytes:,} bytes; rows belong in files of their own")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        message = (
            f"expected UTF-8, got byte 0x{content[error.start]:02x} at offset {error.start}; save the file as UTF-8"
        )
        raise_problems([Problem(file, message, line)])
        raise
