"""What pydantic finds in a file, said with line, field and what was probably meant."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from eval_assets.config.files.parameter_names import KNOWN_PARAMETERS, meant_parameter
from eval_assets.config.problems import Location, Problem, field_path, hint_at, line_of, nearest

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
