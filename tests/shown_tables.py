"""Tables as people see them, read back from HTML, Markdown and terminals: cells by row and column, not by pattern."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import groupby

Rows = list[list[str]]


@dataclass
class ShownTable:
    """One table: what stands over it, and its cells, the heads among them."""

    title: str = ""
    rows: Rows = field(default_factory=list)

    def by_head(self) -> list[dict[str, str]]:
        """A mapping from head to cell for each row."""
        heads, *rows = self.rows
        return [dict(zip(heads, row, strict=False)) for row in rows]


class _Reader(HTMLParser):
    """Collects tables with the text of their cells; parts of a cell are parted by spaces."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[ShownTable] = []
        self._open: list[ShownTable] = []
        self._into: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._open.append(ShownTable())
        elif tag == "tr" and self._open:
            self._open[-1].rows.append([])
        elif tag in ("td", "th", "caption") and self._open:
            self._into = []
        elif tag == "svg" and self._into is not None and (label := dict(attrs).get("aria-label")):
            self._into.append(label)

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self._open:
            self.tables.append(self._open.pop())
        elif tag in ("td", "th", "caption") and self._into is not None:
            text = " ".join(" ".join(self._into).split())
            if tag == "caption":
                self._open[-1].title = text
            else:
                self._open[-1].rows[-1].append(text)
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into.append(data)


def html_tables(page: str) -> list[ShownTable]:
    """The tables of a page, by their captions."""
    reader = _Reader()
    reader.feed(page)
    return reader.tables


def markdown_tables(text: str) -> list[ShownTable]:
    """The tables of a Markdown text, each with the last heading or bold line above it."""
    tables: list[ShownTable] = []
    title = ""
    for is_table, lines in groupby(text.splitlines(), key=lambda line: line.startswith("|")):
        if is_table:
            cells = [[_unescaped(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
            tables.append(ShownTable(title, [cells[0], *cells[2:]]))
        else:
            title = next((line.strip("#* ") for line in reversed(list(lines)) if line.startswith(("#", "**"))), title)
    return tables


def terminal_tables(text: str) -> list[ShownTable]:
    """The tables of a terminal's text: cells stand under the dashes of their column, a name may go on below itself."""
    lines = text.splitlines()
    return [_terminal_table(lines, at) for at, line in enumerate(lines) if re.fullmatch(r" *-+(  +-+)+", line)]


def _terminal_table(lines: list[str], at: int) -> ShownTable:
    spans = [(dashes.start(), dashes.end()) for dashes in re.finditer("-+", lines[at])]
    title = next((line.strip().rstrip(":") for line in reversed(lines[: at - 1]) if line.strip()), "")
    table = ShownTable(title, [list(_cells(lines[at - 1], spans))])
    for line in lines[at + 1 :]:
        if not line.strip() or len(line) - len(line.lstrip()) < spans[0][0]:
            break
        cells = list(_cells(line, spans))
        if not cells[0] and cells[1].startswith("@"):
            table.rows[-1] = [f"{former}{cell}" for former, cell in zip(table.rows[-1], cells, strict=True)]
        else:
            table.rows.append(cells)
    return table


def _cells(line: str, spans: list[tuple[int, int]]) -> Iterator[str]:
    yield from (line[start:end].strip() for start, end in spans)


def _unescaped(cell: str) -> str:
    return html.unescape(re.sub(r"\\([\\\[\]$*_|<>`#+.!(){}~-])", r"\1", cell)).strip().strip("*`").strip()
