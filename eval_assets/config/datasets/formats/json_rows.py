"""Rows as JSON: one object a line, or a list of objects."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval_assets.config.datasets.formats.text_lines import text_lines
from eval_assets.errors import DatasetError

BLANK = re.compile(r"[ \t\r\n]*")
SHOWN_CHARACTERS = 80


def json_lines(path: Path, *, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and fields of each object of a JSONL file; blank lines are none.

    Raises:
        DatasetError: A line is no JSON object.
    """
    for number, line in enumerate(text_lines(path, file=file), start=1):
        text = line.removeprefix("\ufeff").strip()
        if not text:
            continue
        if text == "[":
            raise DatasetError(
                f"{file}:{number}: expected an object a line, got a list over lines; name the file .json"
            )
        try:
            row = _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            raise _no_json(error, file=file, line=number) from error
        yield number, _object(row, file=file, line=number)


def json_list(path: Path, *, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and fields of each object of a JSON file that holds a list of them.

    Raises:
        DatasetError: It is no such list.
    """
    text = "".join(text_lines(path, file=file))
    place = _after_blanks(text, 0)
    if text[place : place + 1] != "[":
        raise DatasetError(f"{file}: expected a list of objects, got {text[place : place + SHOWN_CHARACTERS]!r}")
    line, counted = 1, 0
    place = _after_blanks(text, place + 1)
    is_first = True
    while text[place : place + 1] != "]":
        if not is_first:
            if text[place : place + 1] != ",":
                said = "expected ',' or ']' after an object"
                raise DatasetError(f"{file}:{line + text.count(chr(10), counted, place)}: not valid JSON: {said}")
            place = _after_blanks(text, place + 1)
        line, counted = line + text.count("\n", counted, place), place
        try:
            row, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            raise _no_json(error, file=file, line=line) from error
        yield line, _object(row, file=file, line=line)
        place, is_first = _after_blanks(text, end), False
    if _after_blanks(text, place + 1) < len(text):
        raise DatasetError(f"{file}: not valid JSON: expected nothing after the list, got more")


def _after_blanks(text: str, place: int) -> int:
    found = BLANK.match(text, place)
    return found.end() if found else place


def _object(row: Any, *, file: str, line: int) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise DatasetError(
            f"{file}:{line}: expected an object with the row's columns, got {str(row)[:SHOWN_CHARACTERS]!r}"
        )
    return row


def _no_json(error: ValueError | RecursionError, *, file: str, line: int) -> DatasetError:
    """Why the text of a row that begins in this line is no JSON."""
    if isinstance(error, json.JSONDecodeError):
        # In a list over many lines the error knows its own.
        place = max(line, error.lineno)
        return DatasetError(f"{file}:{place}: not valid JSON: {error.msg.removesuffix(' at')} at column {error.colno}")
    if isinstance(error, RecursionError):
        return DatasetError(f"{file}:{line}: expected lists and objects a few levels deep, got hundreds of levels")
    said = str(error)
    if "integer string conversion" in said:
        said = "expected numbers of at most 4,300 digits, got a longer one; put it in quotes"
    return DatasetError(f"{file}:{line}: not valid JSON: {said}")


def _each_field_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"expected each field of an object once, got {twice!r} again")
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_each_field_once)
