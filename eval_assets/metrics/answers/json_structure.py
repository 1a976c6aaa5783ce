"""Outputs that must be JSON: whether they are, and whether they follow a JSON schema."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from eval_assets.errors import MetricError
from eval_assets.metrics.answers.patterns import PatternTimeoutError, compiled, is_found
from eval_assets.metrics.definition import REQUIRED, Metric, Parameter, Score
from eval_assets.metrics.prediction_rows import Rows
from eval_assets.requests.canonical_json import json_sha256


def strict_json(text: str) -> Any:
    """Parse a text that is one JSON value and nothing else; NaN and Infinity are no JSON.

    Raises:
        ValueError: It is something else.

    >>> strict_json('{"a": [1, null]}')
    {'a': [1, None]}
    """
    try:
        return json.loads(text, parse_constant=_no_json)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def json_validity(rows: Rows, _: Mapping[str, Any]) -> Sequence[float | Score]:
    """Parse each output: 1 if it is JSON, else 0 with the parser's reason. Code fences are no JSON."""
    scores = list[float | Score]()
    for text in rows.outputs:
        try:
            strict_json(text)
        except ValueError as error:
            scores.append(Score(0.0, reason=str(error)))
        else:
            scores.append(1.0)
    return scores


def json_schema(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float | Score]:
    """Validate each output against `schema`: 1 if it conforms, else 0 with the first violation. References to other
    documents are not fetched.

    A row for which a pattern of the schema takes longer than a second, or whose nesting is too deep to validate, is an
    error.

    Raises:
        MetricError: The schema is none, or refers to what isn't in it.
    """
    validator = rows.shared(
        ("schema", json_sha256(parameters["schema"])), lambda: schema_validator(parameters["schema"])
    )
    return [conformity(text, validator) for text in rows.outputs]


def conformity(text: str, validator: Any) -> Score:
    """Whether one text follows a schema: 1, or 0 with the first violation; an error where it can't be told.

    Args:
        text: The output.
        validator: From `schema_validator`.

    Raises:
        MetricError: The schema refers to what isn't in it.
    """
    from jsonschema import exceptions
    from referencing.exceptions import Unresolvable

    try:
        violation = exceptions.best_match(validator.iter_errors(strict_json(text)))
    except ValueError as error:
        return Score(0.0, reason=f"no JSON: {error}")
    except PatternTimeoutError as error:
        return Score(None, outcome="error", reason=str(error))
    except RecursionError:
        return Score(None, outcome="error", reason="the output or `schema` is nested too deeply to validate")
    except Unresolvable as error:
        raise MetricError(f"expected references inside `schema` of json_schema, got {error}") from error
    return Score(1.0) if violation is None else Score(0.0, reason=f"{violation.json_path}: {violation.message}")


def schema_validator(schema: Any) -> Any:
    """What validates with a schema, each of its patterns in limited time.

    Raises:
        MetricError: It is none, or its patterns can't be stopped when they take too long.
    """
    from jsonschema import exceptions, validators
    from referencing import Registry

    if _has_both("unevaluatedProperties", "patternProperties", schema):
        raise MetricError(
            "expected a `schema` of json_schema without `unevaluatedProperties` beside `patternProperties`: "
            "their patterns can't be stopped when they take too long; use `additionalProperties`"
        )
    kind = validators.validator_for(schema)
    try:
        kind.check_schema(schema)
    except exceptions.SchemaError as error:
        raise MetricError(f"expected a JSON schema as `schema` of json_schema: {error.message}") from error
    limited = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties(kind.VALIDATORS["additionalProperties"]),
    }
    extended: Any = validators.extend(kind, limited)  # type: ignore[no-untyped-call]
    return extended(schema, registry=Registry())


def _pattern(validator: Any, pattern: str, instance: Any, _: Any) -> Iterator[Any]:
    from jsonschema import exceptions

    if validator.is_type(instance, "string") and not is_found(compiled(pattern), instance):
        yield exceptions.ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: Any, _: Any) -> Iterator[Any]:
    if validator.is_type(instance, "object"):
        for pattern, subschema in patterns.items():
            for name, value in instance.items():
                if is_found(compiled(pattern), name):
                    yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(unlimited: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Let the library say what is wrong with properties that neither a name nor, in limited time, a pattern allows."""

    def additional(validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        patterns = schema.get("patternProperties", {})
        if not patterns or not validator.is_type(instance, "object"):
            yield from unlimited(validator, allowed, instance, schema)
            return
        known = schema.get("properties", {})
        extra = {
            name: value
            for name, value in instance.items()
            if name not in known and not any(is_found(compiled(pattern), name) for pattern in patterns)
        }
        yield from unlimited(validator, allowed, extra, {})

    return additional


def _has_both(one: str, other: str, schema: Any) -> bool:
    """Whether both keywords occur in a schema, at any depth."""
    found, pending = set[str](), [schema]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            found |= item.keys() & {one, other}
            pending += item.values()
        elif isinstance(item, list):
            pending += item
    return len(found) == len((one, other))


def _no_json(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON value")


METRICS = (
    Metric("json_validity", json_validity, needs=("output",), is_binary=True),
    Metric(
        "json_schema",
        json_schema,
        needs=("output",),
        is_binary=True,
        parameters={"schema": Parameter(REQUIRED, (dict,))},
        libraries=("jsonschema", "regex"),
        modules=("jsonschema",),
    ),
)
