"""YAML files with line numbers and clear errors. What fields mean is in the modules of each kind."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from eval_assets.config.files.findings import problems_of
from eval_assets.config.files.yaml_faults import fault_of
from eval_assets.config.files.yaml_values import ValueReader, composed
from eval_assets.config.problems import Location, Problem, field_path, raise_problems

Parsed = TypeVar("Parsed", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed YAML mapping.

    Args:
        file: How errors name the file.
        values: Its fields.
        lines: The line of each field.
        written: How values that are no text are written: what `2` or `yes` was before it became a number or true.
    """

    file: str
    values: dict[str, Any]
    lines: dict[Location, int]
    written: dict[Location, str] = field(default_factory=dict)


def parse_yaml(text: str, *, file: str, first_line: int = 1) -> Document:
    """Parse a YAML mapping.

    Args:
        text: The YAML text.
        file: How errors name the file.
        first_line: Line of the file at which the text begins.

    Raises:
        ConfigError: Not YAML, not a mapping, a key that stands twice, a value that is no plain one, or more values or
            deeper nesting than any declaration needs.
    """
    reader = ValueReader(file, first_line)
    try:
        node = composed(text, reader)
    except yaml.YAMLError as error:
        message, line = fault_of(error, text, first_line=first_line)
        raise_problems([Problem(file, f"not valid YAML: {message}", line)])
        raise
    if node is None:
        return Document(file, {}, {(): first_line})
    values = reader.value(node, (), ())
    if not isinstance(node, yaml.MappingNode):
        reader.problems.append(Problem(file, "expected `field: value` lines at the top", first_line))
    raise_problems(reader.problems)
    return Document(file, values, reader.lines, reader.written)


def validate(document: Document, model: type[Parsed]) -> Parsed:
    """Turn a document into a model.

    Raises:
        ConfigError: With file, line, field, what was expected and what came, for every field at once.
    """
    try:
        parsed = model.model_validate(document.values)
    except ValidationError as error:
        raise_problems(
            problems_of(error, file=document.file, lines=document.lines, written=document.written, model=model)
        )
        raise
    raise_problems(
        [
            Problem(
                document.file,
                f"expected a number, got {written}; put a text in quotes",
                document.lines.get(place),
                field_path(place),
            )
            for place, written in document.written.items()
            if isinstance(_at(place, document.values), bool) and not isinstance(_at(place, parsed), bool)
        ]
    )
    return parsed


def _at(place: Location, value: Any) -> Any:
    """What stands at a place in values or in a model."""
    for part in place:
        value = getattr(value, str(part)) if isinstance(value, BaseModel) else value[part]
    return value


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
