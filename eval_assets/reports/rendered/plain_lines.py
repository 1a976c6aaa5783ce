"""Lines for a terminal: printable ASCII, at most 100 columns, so that they survive a log file."""

import textwrap

from eval_assets.wording.foreign_text import visible_text

WIDTH = 100
ASCII = str.maketrans({"→": "->", "…": "...", "×": "x", "–": "-", "—": "-", "≤": "<=", "≥": ">="})


def ascii_text(text: str) -> str:
    r"""Text in printable ASCII, everything else as its code: nothing may speak to the terminal, and no two labels may
    look alike.

    >>> print(ascii_text("a → ü\x1b"))
    a -> \xfc\u001b
    """
    return visible_text(text).translate(ASCII).encode("ascii", "backslashreplace").decode()


def wrapped(head: str, text: str) -> str:
    """Text in lines of the table's width, all but the first indented below the head."""
    plain = ascii_text(f"{head}{text}")
    return textwrap.fill(plain, WIDTH, subsequent_indent=" " * min(len(head), 8), break_on_hyphens=False)
