"""Outputs that must be JSON: whether they are, and whether they follow a JSON schema."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from eval_assets.errors import MetricError
from eval_assets.metrics.definition import REQUIRED, Metric, Parameter, Score, sha256_of
from eval_assets.metrics.rows import Rows


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
    """
    from jsonschema import exceptions

    validator = rows.shared(("schema", sha256_of(parameters["schema"])), lambda: _validator(parameters["schema"]))
    scores = list[float | Score]()
    for text in rows.outputs:
        try:
            violation = exceptions.best_match(validator.iter_errors(strict_json(text)))
        except ValueError as error:
            scores.append(Score(0.0, reason=f"no JSON: {error}"))
        else:
            scores.append(
                1.0 if violation is None else Score(0.0, reason=f"{violation.json_path}: {violation.message}")
            )
    return scores


def _validator(schema: Any) -> Any:
    from jsonschema import exceptions, validators
    from referencing import Registry

    kind = validators.validator_for(schema)
    try:
        kind.check_schema(schema)
    except exceptions.SchemaError as error:
        raise MetricError(f"expected a JSON schema as `schema` of json_schema: {error.message}") from error
    return kind(schema, registry=Registry())


def _no_json(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON value")


JSON_VALIDITY = Metric("json_validity", json_validity, needs=("output",), is_binary=True)
JSON_SCHEMA = Metric(
    "json_schema",
    json_schema,
    needs=("output",),
    is_binary=True,
    parameters={"schema": Parameter(REQUIRED, (dict,))},
    libraries=("jsonschema",),
    modules=("jsonschema",),
)
