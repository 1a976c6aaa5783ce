"""What pydantic finds in a file, said with line, field and what was probably meant."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from eval_assets.config.fields import SLUG_PATTERN
from eval_assets.config.files.meant_words import PROVIDERS, meant_field
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

SHORT = 60
PERCENT = 100


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
    found = []
    for item in error.errors(include_url=False):
        location = _location_in_file(item["loc"], lines, is_absent=item["type"] in ("missing", "extra_forbidden"))
        said = _said(item, location, written=written, model=model)
        found.append(Problem(file, said, line_of(location, lines), field_path(location) or None))
    return found


def _said(
    item: Mapping[str, Any], location: Location, *, written: Mapping[Location, str], model: type[BaseModel]
) -> str:
    """What was expected, what came, and what to write instead."""
    kind, loc, value = item["type"], item["loc"], item["input"]
    if kind == "extra_forbidden":
        return f"unknown field; {_instead(item, _models_above(model, loc))}"
    if kind == "string_type" and location in written:
        said = f"expected text, got {written[location] or 'nothing'}, which YAML reads as {_meaning(value)}"
        return f"{said}; put it in quotes"
    if kind == "missing":
        return f"this field is required and absent{_choices(_models_above(model, loc)[-1], str(loc[-1]))}"
    if kind == "value_error":
        return str(item["ctx"]["error"])
    if kind == "string_pattern_mismatch":
        return _no_name(loc, value)
    message = item["msg"].replace("Input should be", "expected")
    for theirs, ours in IN_WORDS.items():
        message = re.sub(theirs, ours, message)
    return f"{message}, got {value!r:.200}{_hint(item, model)}"


def _no_name(loc: Location, value: str) -> str:
    """What a name has to be like, by what it is the name of."""
    if {"api_key_env", "headers_env", "query_env"} & set(loc):
        return "expected the name of an environment variable, such as OPENAI_API_KEY, never the key itself"
    if "webhook_env" in loc:
        return "expected the name of an environment variable, such as SLACK_WEBHOOK, never the URL itself"
    if "owners" in loc:
        return f"expected team:name or an e-mail address that Dagster takes, got {value!r}"
    if loc[-1] == "metric" and ":" in value:
        function = value.rpartition(":")[2] or "mine"
        written = f"{{metric: {function}, function: {value!r}}}"
        return f"expected the name of a metric, got {value!r}; a function of yours is written {written}"
    stem = PurePath(value).stem
    is_path = stem != value and re.match(SLUG_PATTERN, stem)
    hint = f"; write its name without folder and ending, {stem!r}" if is_path else ""
    return f"expected a name of lower-case letters, digits, '.', '_' and '-', got {value!r}{hint}"


def _hint(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    """The end of a message about a value: how what was probably meant is written."""
    kind, value, name = item["type"], item["input"], item["loc"][-1] if item["loc"] else ""
    if kind == "literal_error":
        instead = PROVIDERS.get(str(value).lower()) if name == "provider" else None
        return f"; {instead}" if instead else hint_at(str(value).lower(), re.findall("'([^']*)'", item["msg"]))
    if kind in ("tuple_type", "list_type"):
        if isinstance(value, Mapping):
            return "; write `- ` before each entry"
        is_short = isinstance(value, str | int | float) and len(str(value)) < SHORT
        return f"; as in `{name}: [{value}]`" if is_short and isinstance(name, str) else ""
    if kind in ("model_type", "model_attributes_type"):
        fields = _models_above(model, (*item["loc"], ""))[-1].model_fields
        first = next((field for field, info in fields.items() if info.is_required()), next(iter(fields), None))
        return f"; as in `{f'{name}: ' if isinstance(name, str) else ''}{{{first}: …}}`" if first else ""
    bound = item.get("ctx", {}).get("lt", item.get("ctx", {}).get("le"))
    if bound == 1 and isinstance(value, int | float) and 1 < value <= PERCENT:
        return f"; it is a share, did you mean {value / PERCENT:g}?"
    return ""


def _choices(model: type[BaseModel], name: str) -> str:
    """The values of a field that has few, as the end of a message."""
    field = model.model_fields.get(name)
    if field is None or get_origin(field.annotation) is not Literal:
        return ""
    return f"; expected {', '.join(map(repr, get_args(field.annotation)))}"


def _meaning(value: Any) -> str:
    """What YAML made of an unquoted text."""
    if value is None:
        return "no value"
    return str(value).lower() if isinstance(value, bool) else f"the number {value!r}"


def _instead(item: Mapping[str, Any], models: Sequence[type[BaseModel]]) -> str:  # noqa: PLR0911  one line per way
    """What to write in place of an unknown field.

    Args:
        item: The finding.
        models: Those around the field, from the file's own to the one that doesn't have it.
    """
    name, value, fields = str(item["loc"][-1]), item["input"], list(models[-1].model_fields)
    if "parameters" in fields and (name in KNOWN_PARAMETERS or meant_parameter(name)):
        return f"it belongs under `parameters`, as in `parameters: {{{meant_parameter(name) or name}: …}}`"
    if isinstance(value, str) and value in fields and "columns" in item["loc"]:
        return f"expected our column first, then the file's, as in `{value}: {name}`"
    for field, info in models[-1].model_fields.items():
        if any(name in nested.model_fields for nested in _models_in(info.annotation)):
            return f"it belongs under `{field}`"
    if any(name in around.model_fields for around in models[:-1]):
        return f"it belongs further out, beside `{item['loc'][0]}`"
    if meant := meant_field(name, fields):
        return meant
    if "metric" in fields and "parameters" in fields and not hint_at(name, fields):
        return f"parameters of a metric stand under `parameters`, as in `parameters: {{{name}: …}}`"
    return nearest(name, fields)


def _location_in_file(location: Location, lines: Mapping[Location, int], *, is_absent: bool) -> Location:
    """Drop what pydantic adds to a location (tags of a union) and the file doesn't have.

    Args:
        location: By pydantic.
        lines: Lines of the fields there are.
        is_absent: The finding is about a field that the file may not have.
    """
    kept: Location = ()
    for index, part in enumerate(location):
        is_last = index == len(location) - 1
        if (*kept, part) in lines or (is_last and is_absent):
            kept = (*kept, part)
    return kept


def _models_above(model: type[BaseModel], location: Location) -> list[type[BaseModel]]:
    """The models around a field, from the file's own down; those of a union that its tag or name tells."""
    path, choices = [model], [model]
    for part in location[:-1]:
        told = [choice for choice in choices if part in _tags(choice)]
        if told:
            path[-1], choices = told[0], told
        elif isinstance(part, str) and part in choices[0].model_fields:
            nested = _models_in(choices[0].model_fields[part].annotation)
            if nested:
                choices = nested
                path.append(nested[0])
    return path


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    """By what pydantic names a model of a union in a location."""
    kind = model.model_fields.get("type")
    return (model.__name__, *(get_args(kind.annotation) if kind else ()))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in getattr(annotation, "__args__", ()) for found in _models_in(argument)]
