"""What can be wrong with a file, said with file, line and field. Finding it is the business of the loaders."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from eval_assets.config.files.parameter_names import KNOWN_PARAMETERS, meant_parameter
from eval_assets.errors import ConfigError

Location = tuple[str | int, ...]

SHOWN_LINES = 3

IN_WORDS = {
    r"a valid dictionary( or instance of \w+)?": "fields below it, each as `name: value`",
    "a valid (tuple|list)": "a list",
    "a valid string": "text",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    r"(?:Tuple|List) should have at least 1 item after validation, not 0": "expected at least one",
    " or ": ", ",
}
"""What pydantic says → what a person who writes YAML reads."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Args:
        file: The file, as the user would type it.
        message: What was expected, what came, what to do.
        line: Line in the file, from 1; null if the problem is about the whole file.
        field: Path of the field, such as `gates[0].metric`.
        remedy: What to do, where the message leaves it out.
    """

    file: str
    message: str
    line: int | None = None
    field: str | None = None
    remedy: str = ""

    def __str__(self) -> str:
        """`file:line: field: message`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        said = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return f"{place}: {self.field}: {said}" if self.field else f"{place}: {said}"


class RowProblems:
    """Problems of the rows of a file; what is wrong with one column in many rows is kept once, with their lines.

    Args:
        limit: How many different problems are listed.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._found: dict[tuple[str | int | None, str], tuple[Problem, list[int]]] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def is_full(self) -> bool:
        """Whether no further problem would be listed."""
        return len(self._found) >= self._limit

    def add(self, problem: Problem) -> None:
        """Keep a problem; rows have it in common if column and message are the same."""
        _, lines = self._found.setdefault((problem.field or problem.line, problem.message), (problem, []))
        lines.append(problem.line or 0)

    def listed(self) -> list[Problem]:
        """Each problem, at the first row that has it."""
        return [_in_lines(problem, lines) for problem, lines in list(self._found.values())[: self._limit]]


def _in_lines(problem: Problem, lines: Sequence[int]) -> Problem:
    """Say in which lines, or rows of a file without lines, a problem was found.

    >>> str(_in_lines(Problem("qa.jsonl", "the column is absent", 2, "inputs"), [2, 3, 5, 6, 9]))
    'qa.jsonl:2: inputs: the column is absent in lines 2, 3, 5 and 2 more'
    """
    if len(lines) == 1:
        return problem
    return replace(problem, message=f"{problem.message} in {places_text(problem.file, lines)}")


def places_text(file: str, places: Sequence[int | str]) -> str:
    """Name a few places in a file, and count the others.

    >>> places_text("qa.csv", [2]), places_text("qa.csv", [2, 3, 5]), places_text("qa.parquet", [2, 3, 5, 8, 9])
    ('line 2', 'lines 2, 3 and 5', 'rows 2, 3, 5 and 2 more')
    """
    shown = [str(place) for place in places[:SHOWN_LINES]]
    n_more = len(places) - SHOWN_LINES
    end = [f"{n_more} more"] if n_more > 0 else [shown.pop()]
    listed = " and ".join(filter(None, [", ".join(shown), *end]))
    return f"{line_word(file)}{'s' if len(places) > 1 else ''} {listed}"


def line_word(file: str) -> str:
    """What a place in a file is called: Parquet has no lines."""
    return "row" if file.lower().endswith(".parquet") else "line"


def raise_problems(problems: Sequence[Problem | str], *, kind: type[ConfigError] = ConfigError) -> None:
    """Raise one error that lists all problems; do nothing if there are none.

    Raises:
        ConfigError: Of the given kind, with every problem on its own line.
    """
    if problems:
        raise kind("\n".join(str(problem) for problem in problems))


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint at the valid name the writer may have meant, or the list of valid names.

    >>> nearest("promts", ["prompts", "models"])
    "did you mean 'prompts'?"
    >>> nearest("x", [])
    'there is none yet'
    """
    return _nearest(name, tuple(sorted(names)))


@lru_cache(maxsize=256)
def _nearest(name: str, valid: tuple[str, ...]) -> str:
    """As `nearest`; every row of a file may ask the same."""
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"valid names: {', '.join(valid)}" if valid else "there is none yet"


def hint_at(name: str, names: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The end of a message: the valid name the writer may have meant; empty if none is close.

    >>> hint_at("opnai", ["openai", "callable"]), hint_at("x", ["openai"])
    ("; did you mean 'openai'?", '')
    """
    close = difflib.get_close_matches(name, sorted(names), n=1, cutoff=cutoff)
    return f"; did you mean {close[0]!r}?" if close else ""


def field_path(location: Location) -> str:
    """Write a location as a path.

    >>> field_path(("gates", 0, "metric"))
    'gates[0].metric'
    """
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def problems_of(
    error: ValidationError,
    *,
    file: str,
    lines: Mapping[Location, int],
    written: Mapping[Location, str],
    model: type[BaseModel],
) -> list[Problem]:
    """Translate pydantic's findings, with the line of each field and the nearest valid name of an unknown one.

    Args:
        error: The findings.
        file: How messages name the file.
        lines: The line of each field.
        written: How values that are no text are written in the file.
        model: What was expected.
    """
    items = [dict(item) for item in error.errors(include_url=False)]
    return [_problem(item, file=file, lines=lines, written=written, model=model) for item in items]


def _problem(  # noqa: PLR0911  one line per kind of finding
    item: Mapping[str, Any],
    *,
    file: str,
    lines: Mapping[Location, int],
    written: Mapping[Location, str],
    model: type[BaseModel],
) -> Problem:
    location = _location_in_file(item["loc"], lines)
    field = field_path(location) or None
    line = line_of(location, lines)
    if item["type"] == "extra_forbidden":
        return Problem(file, f"unknown field; {_instead(item, _fields_at(model, item['loc'][:-1]))}", line, field)
    if item["type"] == "string_type" and location in written:
        said = f"expected text, got {written[location] or 'nothing'}, which YAML reads as {_meaning(item['input'])}"
        return Problem(file, f"{said}; put it in quotes", line, field)
    if item["type"] == "missing":
        return Problem(file, "this field is required and absent", line, field)
    if item["type"] == "value_error":
        return Problem(file, str(item["ctx"]["error"]), line, field)
    if item["type"] == "string_pattern_mismatch":
        if {"api_key_env", "headers_env", "query_env"} & set(item["loc"]):
            message = "expected the name of an environment variable, such as OPENAI_API_KEY, never the key itself"
            return Problem(file, message, line, field)
        if "owners" in item["loc"]:
            return Problem(
                file, f"expected team:name or an e-mail address that Dagster takes, got {item['input']!r}", line, field
            )
        return Problem(
            file, f"expected a name of lower-case letters, digits, '.', '_' and '-', got {item['input']!r}", line, field
        )
    message = item["msg"].replace("Input should be", "expected")
    for theirs, ours in IN_WORDS.items():
        message = re.sub(theirs, ours, message)
    choices = re.findall("'([^']*)'", item["msg"]) if item["type"] == "literal_error" else []
    hint = hint_at(str(item["input"]).lower(), choices)
    return Problem(file, f"{message}, got {item['input']!r:.200}{hint}", line, field)


def _meaning(value: Any) -> str:
    """What YAML made of an unquoted text."""
    if value is None:
        return "no value"
    return str(value).lower() if isinstance(value, bool) else f"the number {value!r}"


def _instead(item: Mapping[str, Any], fields: Sequence[str]) -> str:
    """What to write in place of an unknown field."""
    name, value = str(item["loc"][-1]), item["input"]
    if "parameters" in fields and (name in KNOWN_PARAMETERS or meant_parameter(name)):
        return f"it belongs under `parameters`, as in `parameters: {{{meant_parameter(name) or name}: …}}`"
    if isinstance(value, str) and value in fields and "columns" in item["loc"]:
        return f"expected our column first, then the file's, as in `{value}: {name}`"
    return nearest(name, fields)


def line_of(location: Location, lines: Mapping[Location, int]) -> int | None:
    """Line of a field, or of the nearest field around it."""
    for length in range(len(location), -1, -1):
        if location[:length] in lines:
            return lines[location[:length]]
    return None


def relative(path: Path, root: Path) -> str:
    """A path as the user would type it: from the folder that holds `data/`."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _location_in_file(location: Location, lines: Mapping[Location, int]) -> Location:
    """Drop what pydantic adds to a location (tags of a union) and the file doesn't have."""
    kept: Location = ()
    for index, part in enumerate(location):
        is_last = index == len(location) - 1
        if (*kept, part) in lines or (is_last and isinstance(part, str)):
            kept = (*kept, part)
    return kept


def _fields_at(model: type[BaseModel], location: Location) -> list[str]:
    """Names of the fields a nested model has; the top model's if the way there is unclear."""
    current: Any = model
    for part in location:
        if isinstance(part, str) and part in getattr(current, "model_fields", {}):
            nested = _models_in(current.model_fields[part].annotation)
            current = nested[0] if nested else current
    return list(current.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in getattr(annotation, "__args__", ()) for found in _models_in(argument)]
