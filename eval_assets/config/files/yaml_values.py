"""The values of a YAML text, within bounds.

Plain values only: text, numbers, true and false, null, lists and mappings. What YAML would silently read as something
else than it looks like (dates, `12:30`, `007`) is refused.
"""

import math
import re
from contextlib import suppress
from typing import Any

import yaml

from eval_assets.config.problems import Location, Problem, raise_problems

MAX_CHARACTERS = 2**18
MAX_NODES = 20_000
"""Values of one file, those that aliases repeat counted each time."""
MAX_DEPTH = 50
LARGEST_INTEGER = 2**63 - 1
MAX_DIGITS = 300
BYTE_ORDER_MARK = "\ufeff"

TAG = "tag:yaml.org,2002:"
BOOLEANS = yaml.constructor.SafeConstructor.bool_values
NAMES_OF_TYPES = {"null": "no value", "timestamp": "a date"}
MISREAD_NUMBER = re.compile(r"[-+]?0[0-9_]+|.*:.*")


def composed(text: str, reader: "ValueReader") -> yaml.Node | None:
    """The nodes of a text, null if there are none.

    LibYAML reads it in a tenth of the time; what it refuses is read again in Python, whose words are the clearer ones,
    and so is a text with a byte order mark inside, which it would drop.

    Raises:
        YAMLError: It is not YAML.
        ConfigError: There are too many or too deeply nested values.
    """
    if BYTE_ORDER_MARK not in text:
        with suppress(yaml.YAMLError):
            return _composed(text, reader, yaml.CSafeLoader)
    return _composed(text, reader, yaml.SafeLoader)


def _composed(text: str, reader: "ValueReader", loader: type[yaml.SafeLoader | yaml.CSafeLoader]) -> yaml.Node | None:
    _refuse_too_much(text, reader, loader)
    return yaml.compose(text, Loader=loader)


def _refuse_too_much(text: str, reader: "ValueReader", loader: type[yaml.SafeLoader | yaml.CSafeLoader]) -> None:
    """Refuse too many or too deeply nested values before any of them is built."""
    if len(text) > MAX_CHARACTERS:
        reader.refuse(0, f"expected at most {MAX_CHARACTERS:,} characters; long texts belong in rows or prompts")
    n_nodes = depth = 0
    for event in yaml.parse(text, Loader=loader):
        line = event.start_mark.line if event.start_mark else 0
        n_nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if n_nodes > MAX_NODES:
            reader.refuse_size(line)
        if depth > MAX_DEPTH:
            reader.refuse_depth(line)


class ValueReader:
    """Turns nodes into plain values; collects lines and problems on the way.

    Args:
        file: How messages name the file.
        first_line: Line of the file at which the text begins.
    """

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
        """The name of a field, as it is written: `yes` is a name here, and so is a number; null if it is none."""
        kind = key.tag.removeprefix(TAG)
        if isinstance(key, yaml.ScalarNode) and kind in ("str", "int", "float", "bool"):
            return str(key.value) if self._is_sound(key) else None
        if isinstance(key, yaml.ScalarNode) and kind in NAMES_OF_TYPES:
            said = f"expected a name, got {key.value or 'nothing'}, which YAML reads as {NAMES_OF_TYPES[kind]}"
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
            case "bool" if node.value.lower() in BOOLEANS:
                return BOOLEANS[node.value.lower()]
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
        except (ValueError, OverflowError, IndexError):
            self._problem(node, f"expected a number, got {node.value!r:.80}; put a text in quotes")
            return None
        if MISREAD_NUMBER.fullmatch(node.value):
            self._problem(node, f"got {node.value}, which YAML reads as the number {number:g}; put it in quotes")
        elif not math.isfinite(number):
            self._problem(node, f"expected a finite number, got {node.value}")
        elif kind == "int" and not -LARGEST_INTEGER - 1 <= number <= LARGEST_INTEGER:
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
