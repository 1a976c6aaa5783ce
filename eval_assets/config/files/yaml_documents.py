"""YAML files with line numbers and clear errors, within bounds. What fields mean is in the modules of each kind.

Plain values only: text, numbers, true and false, null, lists and mappings. What YAML would silently read as something
else than it looks like (dates, `12:30`, `007`) is refused.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from eval_assets.config.files.yaml_faults import fault_of
from eval_assets.config.problems import Location, Problem, problems_of, raise_problems

Parsed = TypeVar("Parsed", bound=BaseModel)

MAX_CHARACTERS = 2**18
MAX_NODES = 20_000
"""Values of one file, those that aliases repeat counted each time."""
MAX_DEPTH = 50
LARGEST_INTEGER = 2**63 - 1
MAX_DIGITS = 300

TAG = "tag:yaml.org,2002:"
NAMES_OF_TYPES = {"bool": "true or false", "null": "no value", "timestamp": "a date"}
MISREAD_NUMBER = re.compile(r"[-+]?0[0-9_]+|.*:.*")


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
    reader = _Reader(file, first_line)
    try:
        _count(text, reader)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
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
        return model.model_validate(document.values)
    except ValidationError as error:
        raise_problems(
            problems_of(error, file=document.file, lines=document.lines, written=document.written, model=model)
        )
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


def _count(text: str, reader: "_Reader") -> None:
    """Refuse too many or too deeply nested values before any of them is built."""
    if len(text) > MAX_CHARACTERS:
        reader.refuse(0, f"expected at most {MAX_CHARACTERS:,} characters; long texts belong in rows or prompts")
    n_nodes = depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line if event.start_mark else 0
        n_nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if n_nodes > MAX_NODES:
            reader.refuse_size(line)
        if depth > MAX_DEPTH:
            reader.refuse_depth(line)


class _Reader:
    """Turns nodes into plain values; collects lines and problems on the way."""

    def __init__(self, file: str, first_line: int) -> None:
        self.lines: dict[Location, int] = {}
        self.written: dict[Location, str] = {}
        self.problems: list[Problem] = []
        self._file, self._first_line = file, first_line
        self._numbers = yaml.constructor.SafeConstructor()
        self._n_values = 0

    def value(self, node: yaml.Node, place: Location, above: tuple[int, ...]) -> Any:
        """The value of a node; null where it has a problem.

        Args:
            node: What an alias stands for is read anew at each place, and counted.
            place: Where it stands.
            above: Identities of the nodes around it.
        """
        self._n_values += 1
        if self._n_values > MAX_NODES:
            self.refuse_size(node.start_mark.line)
        if id(node) in above:
            self.refuse(node.start_mark.line, "expected values that end, got an alias that holds itself")
        if len(above) > MAX_DEPTH:
            self.refuse_depth(node.start_mark.line)
        self.lines.setdefault(place, node.start_mark.line + self._first_line)
        within = (*above, id(node))
        if isinstance(node, yaml.MappingNode) and node.tag == f"{TAG}map":
            return self._mapping(node, place, within)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{TAG}seq":
            return [self.value(item, (*place, index), within) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        self._tag_problem(node)
        return None

    def refuse_size(self, line: int) -> None:
        """Raise that the file holds too much."""
        self.refuse(line, f"expected at most {MAX_NODES:,} values, those that aliases repeat counted each time")

    def refuse_depth(self, line: int) -> None:
        """Raise that values are nested too deeply."""
        self.refuse(line, f"expected values nested at most {MAX_DEPTH} deep")

    def refuse(self, line: int, message: str) -> None:
        """Raise that the file can't be read on, at a line of the text from 0."""
        raise_problems([*self.problems, Problem(self._file, message, line + self._first_line)])

    def _mapping(self, node: yaml.MappingNode, place: Location, above: tuple[int, ...]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for _, item in (pair for pair in node.value if pair[0].tag == f"{TAG}merge"):
            for source in item.value if isinstance(item, yaml.SequenceNode) else [item]:
                found = self.value(source, place, above)
                if isinstance(found, dict):
                    merged = {**found, **merged}
                else:
                    self._problem(source, "expected a mapping after `<<:`")
        values: dict[str, Any] = {}
        first_lines: dict[str, int] = {}
        for key, item in (pair for pair in node.value if pair[0].tag != f"{TAG}merge"):
            name = self._name(key)
            if name is None:
                continue
            if name in first_lines:
                self._problem(key, f"the field {name!r} stands twice, first in line {first_lines[name]}")
            self.lines[*place, name] = key.start_mark.line + self._first_line
            first_lines.setdefault(name, self.lines[*place, name])
            values[name] = self.value(item, (*place, name), above)
        return {**merged, **values}

    def _name(self, key: yaml.Node) -> str | None:
        """The name of a field, a number as it is written; null if it is none."""
        kind = key.tag.removeprefix(TAG)
        if isinstance(key, yaml.ScalarNode) and kind in ("str", "int", "float"):
            return str(key.value) if self._is_sound(key) else None
        if isinstance(key, yaml.ScalarNode) and kind in NAMES_OF_TYPES:
            said = f"expected a name, got {key.value or 'nothing'}, which YAML reads as {_meaning(kind, key.value)}"
            self._problem(key, f"{said}; put it in quotes")
        elif isinstance(key, yaml.ScalarNode):
            self._tag_problem(key)
        else:
            self._problem(
                key, "expected a name before the colon, got a list or mapping; put a text like this in quotes"
            )
        return None

    def _scalar(self, node: yaml.ScalarNode, place: Location) -> Any:
        kind = node.tag.removeprefix(TAG)
        if kind in ("str", "value"):
            return node.value if self._is_sound(node) else None
        self.written[place] = node.value
        match kind:
            case "null":
                return None
            case "bool":
                return self._numbers.construct_yaml_bool(node)
            case "int" | "float":
                return self._number(node, kind)
            case "timestamp":
                self._problem(node, f"got {node.value}, which YAML reads as a date; put it in quotes")
            case _:
                self._tag_problem(node)
        return None

    def _number(self, node: yaml.ScalarNode, kind: str) -> int | float | None:
        if len(node.value) > MAX_DIGITS:
            self._problem(node, f"expected a number, got one of {len(node.value):,} digits")
            return None
        try:
            number: int | float = (
                self._numbers.construct_yaml_int(node) if kind == "int" else self._numbers.construct_yaml_float(node)
            )
        except (ValueError, OverflowError):
            self._problem(node, f"expected a number, got {node.value!r:.80}; put a text in quotes")
            return None
        if MISREAD_NUMBER.fullmatch(node.value):
            self._problem(node, f"got {node.value}, which YAML reads as the number {number:g}; put it in quotes")
        elif not math.isfinite(number):
            self._problem(node, f"expected a finite number, got {node.value}")
        elif kind == "int" and abs(number) > LARGEST_INTEGER:
            self._problem(node, f"expected a whole number of at most 64 bits, got {node.value}; put a text in quotes")
        return number

    def _is_sound(self, node: yaml.ScalarNode) -> bool:
        """Whether every table and reply can hold a text."""
        try:
            node.value.encode()
        except UnicodeEncodeError:
            self._problem(node, f"expected text that UTF-8 can encode, got half a surrogate pair in {node.value!r:.80}")
            return False
        if "\0" in node.value:
            self._problem(node, f"expected text, got a NUL character in {node.value!r:.80}")
            return False
        return True

    def _tag_problem(self, node: yaml.Node) -> None:
        tag = node.tag.replace(TAG, "!!")
        said = f"expected a plain value, got the tag {tag!r:.80}, which is not read; write the value itself"
        secret = "; secrets stay in the environment, `api_key_env` names the variable" if "env" in tag.lower() else ""
        self._problem(node, said + secret)

    def _problem(self, node: yaml.Node, message: str) -> None:
        self.problems.append(Problem(self._file, message, node.start_mark.line + self._first_line))


def _meaning(kind: str, written: str) -> str:
    """What YAML makes of an unquoted text.

    >>> _meaning("bool", "yes"), _meaning("timestamp", "2024-06-01")
    ('true', 'a date')
    """
    if kind == "bool":
        return "true" if yaml.constructor.SafeConstructor.bool_values[written.lower()] else "false"
    return NAMES_OF_TYPES[kind]
