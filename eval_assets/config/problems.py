"""What can be wrong with a file, said with file, line and field. Finding it is the business of the loaders."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from eval_assets.errors import ConfigError

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Args:
        file: The file, as the user would type it.
        message: What was expected, what came, what to do.
        line: Line in the file, from 1; null if the problem is about the whole file.
        field: Path of the field, such as `gates[0].metric`.
    """

    file: str
    message: str
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        """`file:line: field: message`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


def raise_problems(problems: Sequence[Problem], *, kind: type[ConfigError] = ConfigError) -> None:
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
    valid = sorted(names)
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"valid names: {', '.join(valid)}" if valid else "there is none yet"


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
    error: ValidationError, *, file: str, lines: Mapping[Location, int], model: type[BaseModel]
) -> list[Problem]:
    """Translate pydantic's findings, with the line of each field and the nearest valid name of an unknown one."""
    return [_problem(dict(item), file=file, lines=lines, model=model) for item in error.errors(include_url=False)]


def _problem(  # noqa: PLR0911  one line per kind of finding
    item: Mapping[str, Any], *, file: str, lines: Mapping[Location, int], model: type[BaseModel]
) -> Problem:
    location = _location_in_file(item["loc"], lines)
    field = field_path(location) or None
    line = line_of(location, lines)
    if item["type"] == "extra_forbidden":
        hint = nearest(str(item["loc"][-1]), _fields_at(model, item["loc"][:-1]))
        return Problem(file, f"unknown field; {hint}", line, field)
    if item["type"] == "missing":
        return Problem(file, "this field is required and absent", line, field)
    if item["type"] == "value_error":
        return Problem(file, str(item["ctx"]["error"]), line, field)
    if item["type"] == "string_pattern_mismatch":
        if {"api_key_env", "headers_env"} & set(item["loc"]):
            message = "expected the name of an environment variable, such as OPENAI_API_KEY, never the key itself"
            return Problem(file, message, line, field)
        if "owners" in item["loc"]:
            return Problem(file, f"expected team:name or an e-mail address, got {item['input']!r}", line, field)
        return Problem(
            file, f"expected a name of lower-case letters, digits, '.', '_' and '-', got {item['input']!r}", line, field
        )
    message = item["msg"].replace("Input should be", "expected").replace(" or ", ", ")
    return Problem(file, f"{message}, got {item['input']!r}", line, field)


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
