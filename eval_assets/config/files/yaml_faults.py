"""What is wrong with a text that is no YAML, in words that say what to do."""

import contextlib
import re
from collections.abc import Iterator

import yaml

LONGEST = 200
CLOSED_BY = {"[": "]", "{": "}"}


def fault_of(error: yaml.YAMLError, text: str, *, first_line: int) -> tuple[str, int]:
    r"""A message, and the line at which to mend: where a bracket or quote opens, not where the text ends.

    >>> try:
    ...     yaml.safe_load(text := "models: [a, b\nprompts: [ask]\n")
    ... except yaml.YAMLError as error:
    ...     fault_of(error, text, first_line=1)
    ("the '[' that opens here isn't closed by ']'", 1)
    """
    if isinstance(error, yaml.reader.ReaderError):
        line = text[: error.position].count("\n") + first_line
        character = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")
        return f"expected printable text, got the character U+{character:04X}", line
    if not isinstance(error, yaml.MarkedYAMLError):
        return str(error), first_line
    mark = error.problem_mark or error.context_mark
    opened = (error.context_mark.line if error.context_mark else 0) + first_line
    said = error.problem or "this can't be read"
    bracket = _open_bracket(text) if (error.context or "").startswith("while parsing a flow ") else None
    if bracket:
        first, line = bracket
        return f"the {first!r} that opens here isn't closed by {CLOSED_BY[first]!r}", line + first_line
    if error.context == "while scanning a quoted scalar":
        return "the quote that opens here isn't closed; a quote inside a text has to be doubled", opened
    return _advice(said, opened), (mark.line if mark else 0) + first_line


def _tokens(text: str) -> Iterator[yaml.Token]:
    """The tokens of a text, up to one that is none."""
    with contextlib.suppress(yaml.YAMLError):
        yield from yaml.scan(text, Loader=yaml.SafeLoader)


def _open_bracket(text: str) -> tuple[str, int] | None:
    """The innermost bracket that is closed by none of its kind, and its line from 0; null if there is none."""
    opened: list[tuple[str, int]] = []
    for token in _tokens(text):
        if isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
            opened.append((token.id, token.start_mark.line if token.start_mark else 0))
        elif isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken):
            if not opened or CLOSED_BY[opened[-1][0]] != token.id:
                break
            opened.pop()
    return opened[-1] if opened else None


def _advice(said: str, opened: int) -> str:
    """PyYAML's words, with what to do about the commonest."""
    if said == "mapping values are not allowed here":
        return "expected one `field: value` a line, indented like its neighbours; put a text that holds ': ' in quotes"
    if "'\\t'" in said:
        return "expected spaces, got a tab; indent with spaces"
    if found := re.fullmatch(r"found character ('.+') that cannot start any token", said):
        return f"put a text that begins with {found[1]} in quotes"
    if found := re.fullmatch(r"expected <block end>, but found (.+)", said):
        return f"expected a line that goes on what begins in line {opened}, indented like it; got {found[1]}"
    if said == "but found another document":
        return "expected one document, got a second one after '---'"
    return said[:LONGEST]
