"""Text of models and datasets in spreadsheets, where a cell that begins like a formula would be computed."""

from eval_assets.wording.foreign_text import visible_text

FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What makes a spreadsheet read a cell as a formula, spaces before it aside; the wide forms in some languages."""
QUOTE = "'"

MOST_UNITS = 32_767
"""What a cell of Excel holds, in units of UTF-16."""
CUT = " … [cut]"


def is_like_a_formula(text: str) -> bool:
    """Whether a spreadsheet that reads the text from a file might compute it.

    >>> [is_like_a_formula(text) for text in ("=1+1", " @SUM(A1)", "-5", "a=1", "")]
    [True, True, True, False, False]
    """
    return text.startswith(FORMULA) or text.lstrip(" \xa0").startswith(FORMULA)


def csv_text(text: str) -> str:
    r"""Text for a cell of a CSV file: control characters as their code, and a quote before what looks like a formula.

    A text that begins with a quote gets one too, so that taking one away gives back every text.

    >>> csv_text("=HYPERLINK(A1)"), csv_text("'tis"), csv_text("plain\x00")
    ("'=HYPERLINK(A1)", "''tis", 'plain\\u0000')
    """
    shown = visible_text(text)
    return f"{QUOTE}{shown}" if is_like_a_formula(text) or shown.startswith(QUOTE) else shown


def workbook_text(text: str) -> tuple[str, bool]:
    """Text for a cell of a workbook, where it is declared to be text: as it is, with control characters as their code.

    Returns:
        The text, and whether it was cut to what a cell holds, which its end says.

    >>> workbook_text("=1+1"), len(workbook_text("x" * 40_000)[0])
    (('=1+1', False), 32767)
    """
    shown = visible_text(text)
    if len(shown) <= MOST_UNITS // 2 or _units(shown) <= MOST_UNITS:
        return shown, False
    room = (MOST_UNITS - _units(CUT)) * 2
    return shown.encode("utf-16-le", "surrogatepass")[:room].decode("utf-16-le", "ignore") + CUT, True


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
