"""Lines for a terminal: printable ASCII, at most 100 columns, so that they survive a log file."""

import textwrap
from collections.abc import Iterator, Sequence

from eval_assets.wording.foreign_text import visible_text

WIDTH = 100
NAME_WIDTH = 34
GAP = "  "
ASCII = str.maketrans({"→": "->", "…": "...", "×": "x", "–": "-", "—": "-", "≤": "<=", "≥": ">="})


def ascii_text(text: str) -> str:
    r"""Text in printable ASCII, everything else as its code: nothing may speak to the terminal, and no two labels may
    look alike.

    >>> print(ascii_text("a → ü\x1b"))
    a -> \xfc\u001b
    """
    return visible_text(text).translate(ASCII).encode("ascii", "backslashreplace").decode()


def wrapped(head: str, text: str) -> str:
    """Text in lines of the table's width; below a head, all but the first two columns further in than that begins."""
    plain = ascii_text(f"{head}{text}")
    further_in = " " * (len(plain) - len(plain.lstrip()) + 2) if head else ""
    return textwrap.fill(plain, WIDTH, subsequent_indent=further_in, break_on_hyphens=False)


def columns_text(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right_from: int) -> Iterator[str]:
    """Columns side by side, the second folded where names are long; those that don't fit are left out from the end."""
    cells = [[ascii_text(cell) for cell in row] for row in (heads, *rows)]
    folded = [_folded(row[1]) for row in cells]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    widths[1] = max(len(part) for parts in folded for part in parts)
    while len(widths) > right_from + 1 and sum(widths) + len(GAP) * (len(widths) - 1) > WIDTH:
        widths.pop()
    for number, (row, name) in enumerate(zip(cells, folded, strict=True)):
        texts = [row[0], name[0], *row[2 : len(widths)]]
        yield _line(texts, widths, right_from)
        yield from (_line(["", part], widths, right_from) for part in name[1:])
        if number == 0:
            yield GAP.join("-" * width for width in widths)


def _line(texts: Sequence[str], widths: Sequence[int], right_from: int) -> str:
    placed = (
        text.rjust(width) if column >= right_from else text.ljust(width)
        for column, (text, width) in enumerate(zip(texts, widths, strict=False))
    )
    return GAP.join(placed).rstrip()


def _folded(name: str) -> list[str]:
    """A candidate's name in as many lines as it needs, the prompt on one of its own."""
    parts = [name] if len(name) <= NAME_WIDTH else name.replace("@", "\n  @", 1).splitlines()
    return [line for part in parts for line in (textwrap.wrap(part, NAME_WIDTH, subsequent_indent="   ") or [""])]
