"""What is wrong with a text that is no YAML, in words that say what to do."""

import re

import yaml

LONGEST = 200
OPENED = {"while parsing a flow sequence": ("[", "]"), "while parsing a flow mapping": ("{", "}")}


def fault_of(error: yaml.YAMLError, text: str, *, first_line: int) -> tuple[str, int]:
    r"""A message, and the line at which to mend: where a bracket or quote opens, not where the text ends.

    >>> try:
    ...     yaml.safe_load("models: [a, b\nprompts: [ask]\n")
    ... except yaml.YAMLError as error:
    ...     fault_of(error, "", first_line=1)
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
    if error.context in OPENED:
        first, last = OPENED[error.context]
        return f"the {first!r} that opens here isn't closed by {last!r}", opened
    if error.context == "while scanning a quoted scalar":
        return "the quote that opens here isn't closed; a quote inside a text has to be doubled", opened
    return _advice(said, opened), (mark.line if mark else 0) + first_line


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
