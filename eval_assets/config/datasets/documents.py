"""Text and YAML files with line numbers and clear errors. What fields mean is in the modules of each kind."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from eval_assets.config.problems import Location, Problem, problems_of, raise_problems

Parsed = TypeVar("Parsed", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed YAML mapping, and the line of each of its fields."""

    file: str
    values: dict[str, Any]
    lines: dict[Location, int]


def read_text(path: Path, *, file: str) -> str:
    """Read a UTF-8 file.

    Raises:
        ConfigError: The file is missing or not UTF-8; names the line and byte.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise_problems([Problem(file, "the file doesn't exist")])
        raise
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        message = (
            f"expected UTF-8, got byte 0x{content[error.start]:02x} at offset {error.start}; save the file as UTF-8"
        )
        raise_problems([Problem(file, message, line)])
        raise


def parse_yaml(text: str, *, file: str, first_line: int = 1) -> Document:
    """Parse a YAML mapping.

    Args:
        text: The YAML text.
        file: How errors name the file.
        first_line: Line of the file at which the text begins.

    Raises:
        ConfigError: Not YAML, not a mapping, or a key that stands twice.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + first_line
        raise_problems([Problem(file, f"not valid YAML: {error.problem}", line)])
        raise
    if node is None:
        return Document(file, {}, {(): first_line})
    lines: dict[Location, int] = {}
    problems: list[Problem] = []
    _walk(node, (), lines, problems, file=file, first_line=first_line)
    if not isinstance(node, yaml.MappingNode):
        problems.append(Problem(file, "expected `field: value` lines at the top", first_line))
    raise_problems(problems)
    return Document(file, yaml.safe_load(text), lines)


def validate(document: Document, model: type[Parsed]) -> Parsed:
    """Turn a document into a model.

    Raises:
        ConfigError: With file, line, field, what was expected and what came, for every field at once.
    """
    try:
        return model.model_validate(document.values)
    except ValidationError as error:
        raise_problems(problems_of(error, file=document.file, lines=document.lines, model=model))
        raise


def line_of_text(value: str, number: int, *, source: str, begins: int) -> int:
    r"""Line of a file in which a line of a text value stands; the field's own line where YAML folded the text.

    Args:
        value: The value of a field.
        number: A line of the value, from 1.
        source: The YAML text.
        begins: Line of the field.

    >>> line_of_text("Answer:\n{{ output }", 2, source="model: m\nprompt: |\n  Answer:\n  {{ output }", begins=2)
    4
    """
    lines = source.splitlines()
    block_line = begins + number
    wanted = "".join(value.split("\n")[number - 1 : number]).strip()
    stands_there = block_line <= len(lines) and lines[block_line - 1].strip() == wanted
    return block_line if stands_there else begins


def _walk(
    node: yaml.Node,
    location: Location,
    lines: dict[Location, int],
    problems: list[Problem],
    *,
    file: str,
    first_line: int,
) -> None:
    lines.setdefault(location, node.start_mark.line + first_line)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*location, key.value)
            line = key.start_mark.line + first_line
            if place in lines:
                problems.append(
                    Problem(file, f"the field {key.value!r} stands twice, first in line {lines[place]}", line)
                )
            lines[place] = line
            _walk(value, place, lines, problems, file=file, first_line=first_line)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*location, index), lines, problems, file=file, first_line=first_line)
