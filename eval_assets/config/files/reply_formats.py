"""What a prompt asks answers to look like: JSON, or JSON that follows a schema, written inline or in a file beside it.

Whether an answer does is looked at in `metrics.answers.json_structure`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_assets.config.files.places import declared_text
from eval_assets.config.files.yaml_documents import parse_yaml
from eval_assets.errors import ConfigError

JSON_WORDS = ("json", "json_object")
SCHEMA_FILES = (".json", ".yaml", ".yml")
NAME = "answer"
"""What endpoints that want one are told as the name of the schema."""

EXPECTED = "expected `json`, a JSON schema, or a file that holds one"


@dataclass(frozen=True, slots=True)
class SchemaFiles:
    """Where files of schemas lie.

    Args:
        folder: Of the prompts.
        root: The project folder, which none may lie outside.
    """

    folder: Path
    root: Path


def reply_format(value: str | Mapping[str, Any], schemas: SchemaFiles | None = None) -> dict[str, Any]:
    """Read a declared format, as endpoints of OpenAI's kind take it.

    Args:
        value: `json`, a JSON schema, or the name of a file that holds one; also as OpenAI writes them.
        schemas: Where files are looked up; null where there are none.

    Raises:
        ConfigError: It is something else, or no JSON schema.

    >>> reply_format("json")
    {'type': 'json_object'}
    >>> reply_format({"type": "object", "properties": {}})["json_schema"]["strict"]
    False
    """
    if isinstance(value, str):
        if value.casefold() in JSON_WORDS:
            return {"type": "json_object"}
        return _of_schema(_schema_in(value, schemas), f"{value}: ")
    if value.get("type") == "json_object":
        return {"type": "json_object"}
    if value.get("type") == "json_schema":
        named = value.get("json_schema", value)
        value = named.get("schema", {}) if isinstance(named, Mapping) else {}
    return _of_schema(value, "")


def is_strict(schema: Any) -> bool:
    """Whether endpoints that enforce schemas take one: every object names all its fields, requires them and no others.

    >>> fields = {"city": {"type": "string"}}
    >>> is_strict({"type": "object", "properties": fields, "required": ["city"], "additionalProperties": False})
    True
    >>> is_strict({"type": "object", "properties": fields})
    False
    """
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        named = set(schema.get("properties", {}))
        if schema.get("additionalProperties") is not False or named != set(schema.get("required", ())):
            return False
    return all(is_strict(part) for name, part in schema.items() if name not in ("enum", "const", "default", "examples"))


def _schema_in(name: str, schemas: SchemaFiles | None) -> Any:
    if schemas is None or not name.endswith(SCHEMA_FILES):
        raise ConfigError(f"{EXPECTED}, such as `answer.schema.json`, got {name!r}")
    text = declared_text(schemas.folder / name, file=name, root=schemas.root)
    if not name.endswith(".json"):
        return parse_yaml(text, file=name).values
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{name}: not valid JSON: {error}") from error


def _of_schema(schema: Any, where: str) -> dict[str, Any]:
    from jsonschema import exceptions, validators

    if not isinstance(schema, Mapping) or not schema:
        raise ConfigError(f"{where}{EXPECTED}, got {schema!r:.80}")
    try:
        validators.validator_for(schema).check_schema(dict(schema))
    except exceptions.SchemaError as error:
        raise ConfigError(f"{where}not a JSON schema: {error.json_path}: {error.message}") from error
    named = {"name": NAME, "strict": is_strict(schema), "schema": dict(schema)}
    return {"type": "json_schema", "json_schema": named}
