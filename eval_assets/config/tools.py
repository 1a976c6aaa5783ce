"""Tools that a model may call, as prompts and examples declare them: brought into one shape, that of OpenAI's chat."""

import re
from collections.abc import Mapping
from typing import Any

TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
SCHEMA_FIELDS = ("parameters", "input_schema", "inputSchema")
"""Where others have the JSON schema of a tool's arguments: OpenAI, Anthropic, MCP."""
OTHER_FIELDS = ("description", "strict")


def tools_of(value: Any) -> tuple[dict[str, Any], ...]:
    """The tools in a list of them.

    Args:
        value: `{name, description, parameters}` each, or `{type: function, function: {…}}`.

    Raises:
        ValueError: It is no such list, or two tools have one name.

    >>> tools_of([{"name": "weather", "parameters": {"type": "object"}}])
    ({'type': 'function', 'function': {'name': 'weather', 'parameters': {'type': 'object'}}},)
    """
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"expected a list of tools with `name` and `parameters` each, got {value!r:.80}")
    tools = tuple(map(_tool, value))
    names = [tool["function"]["name"] for tool in tools]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"expected each tool once, got {twice[0]!r} again")
    return tools


def _tool(value: Any) -> dict[str, Any]:
    function = value if isinstance(value, Mapping) else {}
    function = function["function"] if isinstance(function.get("function"), Mapping) else function
    name = function.get("name")
    if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
        raise ValueError(f"expected a tool's `name` of letters, digits, `_` and `-`, 64 at most, got {value!r:.80}")
    known = {"name", "type", *SCHEMA_FIELDS, *OTHER_FIELDS}
    if unknown := sorted(str(field) for field, given in function.items() if field not in known and given is not None):
        raise ValueError(
            f"the tool {name!r} has the unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}"
        )
    schema = next((function[field] for field in SCHEMA_FIELDS if function.get(field) is not None), None)
    if schema is not None and not isinstance(schema, Mapping):
        raise ValueError(f"expected the JSON schema of its arguments as `parameters` of {name!r}, got {schema!r:.80}")
    said = {field: function[field] for field in OTHER_FIELDS if function.get(field) is not None}
    return {
        "type": "function",
        "function": {"name": name, **said, **({} if schema is None else {"parameters": dict(schema)})},
    }
