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
    """Text in lines of the table's width; below a head, all but the first two columns further in than that begins."""
    plain = ascii_text(f"{head}{text}")
    further_in = " " * (len(plain) - len(plain.lstrip()) + 2) if head else ""
    return textwrap.fill(plain, WIDTH, subsequent_indent=further_in, break_on_hyphens=False)
