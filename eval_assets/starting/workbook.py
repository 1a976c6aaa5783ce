"""The rows of an Excel workbook's first sheet, read from its XML: texts, numbers, truth values and dates."""

import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

from eval_assets.errors import DatasetError

MAX_PART_BYTES = 512 * 1024 * 1024
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATIONS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
DATE_FORMATS = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
"""Numbers of the formats that come with Excel and show a date or a time."""
FIRST_DAY = datetime(1899, 12, 30, tzinfo=UTC)
CELL = re.compile(r"([A-Z]+)\d+")
CODE = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""How a workbook writes what XML can't hold, such as a carriage return, and the first sign of a text like this."""

Value = str | int | float | bool | None


def workbook_rows(path: Path) -> Iterator[tuple[int, dict[str, Value]]]:
    """Number of each row of the first sheet, as Excel shows it, and its cells under the names in its first row.

    A date is text as in ISO 8601; a cell with an error such as `#N/A` is missing.

    Raises:
        DatasetError: It is no such workbook, it is protected by a password, or it has no names of columns.
    """
    try:
        with zipfile.ZipFile(path) as parts:
            yield from _rows(_Workbook(parts, path.name))
    except (zipfile.BadZipFile, KeyError, ET.ParseError, RuntimeError) as error:
        raise DatasetError(
            f"{path.name}: expected an Excel workbook (.xlsx) without a password, got what can't be read as one "
            f"({type(error).__name__}); save the sheet as CSV (UTF-8)"
        ) from error


class _Workbook:
    def __init__(self, parts: zipfile.ZipFile, file: str) -> None:
        self._parts, self.file = parts, file
        self._texts = [_text_of(item) for item in self._tree("xl/sharedStrings.xml")]
        self._dates = self._date_styles()

    def sheet(self) -> ET.Element:
        """The first sheet."""
        first = self._tree("xl/workbook.xml", must_exist=True).find(f"{MAIN}sheets/{MAIN}sheet")
        if first is None:
            raise DatasetError(f"{self.file}: expected a workbook with a sheet, got none")
        targets = {
            relation.get("Id"): relation.get("Target", "") for relation in self._tree("xl/_rels/workbook.xml.rels")
        }
        target = targets[first.get(f"{RELATIONS}id")].removeprefix("/")
        return self._tree(target if target.startswith("xl/") else f"xl/{target}", must_exist=True)

    def value(self, cell: ET.Element) -> Value:
        """What a cell holds."""
        kind, written = cell.get("t", "n"), cell.findtext(f"{MAIN}v")
        if kind == "inlineStr":
            inline = cell.find(f"{MAIN}is")
            return None if inline is None else _text_of(inline)
        if not written or kind == "e":  # also a formula that nobody has computed yet
            return None
        if kind in ("s", "str", "b", "d"):
            return self._texts[int(written)] if kind == "s" else written == "1" if kind == "b" else written
        number = float(written)
        if int(cell.get("s", "0")) in self._dates:
            moment = FIRST_DAY + timedelta(days=round(number * 86_400) / 86_400)
            return (moment.date() if number.is_integer() else moment.replace(tzinfo=None)).isoformat()
        return int(number) if number.is_integer() else number

    def _date_styles(self) -> set[int]:
        """Numbers of the styles by which a number is shown as a date."""
        styles = self._tree("xl/styles.xml")
        formats = {
            int(own.get("numFmtId", "0")): re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", own.get("formatCode", ""))
            for own in styles.iter(f"{MAIN}numFmt")
        }
        dates = DATE_FORMATS | {number for number, code in formats.items() if re.search("[ymdhs]", code.lower())}
        used = styles.find(f"{MAIN}cellXfs")
        return {
            index
            for index, style in enumerate(used if used is not None else ())
            if int(style.get("numFmtId", "0")) in dates
        }

    def _tree(self, name: str, *, must_exist: bool = False) -> ET.Element:
        if name not in self._parts.namelist() and not must_exist:
            return ET.Element("nothing")
        size = self._parts.getinfo(name).file_size
        if size > MAX_PART_BYTES:
            raise DatasetError(f"{self.file}: expected at most {MAX_PART_BYTES:,} bytes in {name}, got {size:,}")
        content = self._parts.read(name)
        if b"<!DOCTYPE" in content:  # what would let a small file say a lot
            raise DatasetError(f"{self.file}: expected a workbook as Excel writes it, {name} declares a document type")
        return ET.fromstring(content)  # noqa: S314 - without a document type there is no entity to expand


def _rows(book: _Workbook) -> Iterator[tuple[int, dict[str, Value]]]:
    names: dict[str, str] = {}
    for row in book.sheet().iter(f"{MAIN}row"):
        cells = {
            found[1]: book.value(cell) for cell in row.iter(f"{MAIN}c") if (found := CELL.match(cell.get("r", "")))
        }
        if all(value is None for value in cells.values()):
            continue
        if not names:
            names = {column: str(value).strip() for column, value in cells.items() if value is not None}
            if len(set(names.values())) < len(names):
                raise DatasetError(
                    f"{book.file}: expected each column once in the first row, got {list(names.values())}"
                )
            continue
        yield int(row.get("r", "0")), {name: cells.get(column) for column, name in names.items()}
    if not names:
        raise DatasetError(f"{book.file}: expected a row with the names of the columns, the first sheet is empty")


def _text_of(item: ET.Element) -> str:
    """The text of a cell, of whose parts each may have a font of its own; how it is pronounced aside."""
    spoken = {text for phonetic in item.iter(f"{MAIN}rPh") for text in phonetic.iter(f"{MAIN}t")}
    written = "".join(text.text or "" for text in item.iter(f"{MAIN}t") if text not in spoken)
    return CODE.sub(lambda code: chr(int(code[1], 16)), written)
