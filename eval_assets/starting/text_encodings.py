"""Text in whatever encoding it was saved, as the encodings that rows are read in."""

import codecs
import re

from eval_assets.config.datasets.formats.text_lines import MARKED
from eval_assets.errors import DatasetError
from eval_assets.wording.numbers import count_text


def as_read(content: bytes, encoding: str | None, *, file: str) -> tuple[bytes, str | None]:
    """The content in an encoding that rows are read in, and what was done; as it is where it has one.

    Args:
        content: Of a text file.
        encoding: Its encoding; told from its bytes when null.
        file: How errors name it.

    Raises:
        DatasetError: It is not in that encoding, or in none that can be told.

    >>> as_read("Größe".encode("cp1252"), None, file="a.csv")[0].decode()
    'Größe'
    """
    if encoding is not None:
        try:
            return content.decode(encoding).encode(), f"read as {encoding}, kept as UTF-8"
        except (LookupError, UnicodeError) as error:
            raise DatasetError(f"{file}: expected text in the encoding {encoding!r}: {error}") from error
    if content.startswith((codecs.BOM_UTF8, *(mark for mark, _ in MARKED))) or _is_utf8(content):
        return content, None
    if b"\0" in content[:2]:
        found = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
        try:
            return content.decode(found).encode(), f"read as {found.upper()}, kept as UTF-8"
        except UnicodeError as error:
            raise DatasetError(f"{file}: expected text, got {error}; save the file as UTF-8") from error
    return _line_by_line(content)


def _line_by_line(content: bytes) -> tuple[bytes, str]:
    """Each line as UTF-8 if it is, else as Windows-1252: tables grow from pieces of several programs."""
    lines = content.splitlines(keepends=True)
    other = [number for number, line in enumerate(lines, start=1) if not _is_utf8(line)]
    texts = [line.decode() if _is_utf8(line) else _windows(line) for line in lines]
    found = re.search(r"\w*[^\x00-\x7f]\w*", texts[other[0] - 1])
    first = f"line {other[0]} has {found.group() if found else ''!r}"
    is_mixed = any(not line.isascii() and _is_utf8(line) for line in lines)
    said = (
        f"{count_text(len(other), 'line')} in Windows-1252 among others in UTF-8: {first}; kept as UTF-8"
        if is_mixed
        else f"read as Windows-1252, as which {first}, and kept as UTF-8; --encoding names another"
    )
    return "".join(texts).encode(), said


def _windows(line: bytes) -> str:
    """A line in Windows-1252, or in Latin-1 where it has bytes that are none."""
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _is_utf8(content: bytes) -> bool:
    if b"\0" in content[:2]:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
