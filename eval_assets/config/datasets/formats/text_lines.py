"""Lines of a text file, decoded one by one. What they mean is said by the modules of each format."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from eval_assets.errors import DatasetError

MAX_LINE_BYTES = 256 * 1024 * 1024
MARKED = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def text_lines(path: Path, *, file: str) -> Iterator[str]:
    r"""Lines with their ends, which are `\n`, `\r\n` or `\r`; in UTF-8, or UTF-16 and UTF-32 that say so at the start.

    Raises:
        DatasetError: Another encoding, or a line beyond all bounds; names the line.
    """
    with path.open("rb") as content:
        head = content.read(4)
    encoding = next((encoding for mark, encoding in MARKED if head.startswith(mark)), None)
    if encoding is not None:
        yield from _marked_lines(path, encoding, file=file)
    elif b"\0" in head[:2]:
        raise DatasetError(f"{file}: expected UTF-8, got UTF-16 without the mark that says so; save the file as UTF-8")
    else:
        yield from _utf8_lines(path, file=file)


def _marked_lines(path: Path, encoding: str, *, file: str) -> Iterator[str]:
    try:
        with path.open(encoding=encoding, newline="") as lines:
            yield from lines
    except UnicodeError as error:
        raise DatasetError(
            f"{file}: expected {encoding.upper()}, as the file's first bytes say: {error}; save the file as UTF-8"
        ) from error


def _utf8_lines(path: Path, *, file: str) -> Iterator[str]:
    number = 0
    with path.open("rb") as content:
        while block := content.readline(MAX_LINE_BYTES):
            if len(block) == MAX_LINE_BYTES:
                raise DatasetError(f"{file}:{number + 1}: expected lines of at most {MAX_LINE_BYTES:,} bytes, got more")
            for line in block.splitlines(keepends=True):
                number += 1
                try:
                    text = line.decode()
                except UnicodeDecodeError as error:
                    raise DatasetError(
                        f"{file}:{number}: expected UTF-8, got byte 0x{line[error.start]:02x} at byte "
                        f"{error.start + 1} of the line; save the file as UTF-8"
                    ) from error
                yield text.removeprefix("\ufeff") if number == 1 else text
