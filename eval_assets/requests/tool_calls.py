"""Calls of tools, as providers write them: their names and arguments. Conversations around them: `conversations`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pydantic_core

from eval_assets.requests.canonical_json import json_text

ARGUMENT_FIELDS = ("arguments", "args", "input", "kwargs")
"""Where a call has its arguments; the first that is there counts."""


class NamedCall(NamedTuple):
    """One call.

    Args:
        name: Of the tool; null where the call has none.
        arguments: By name; what is no mapping stays as it came, null where there are none.
        fault: Why the arguments can't be read; null if they can.
    """

    name: str | None
    arguments: Any
    fault: str | None = None


def call_in(call: Any) -> NamedCall:
    """Read a call in the shape of OpenAI's chat or responses, of Anthropic, LangChain or MLflow.

    >>> call_in({"type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}})
    NamedCall(name='weather', arguments={'city': 'Oslo'}, fault=None)
    >>> call_in({"name": "weather", "arguments": "{city"}).fault
    "the arguments of weather are no JSON: '{city'"
    """
    if not isinstance(call, Mapping):
        return NamedCall(None, call, f"expected a call with a name, got {call!r:.80}")
    function = call["function"] if isinstance(call.get("function"), Mapping) else call
    name = function["name"] if isinstance(function.get("name"), str) else None
    fault = None if name is not None else f"expected a call with a name, got {call!r:.80}"
    given: Any = next((function[field] for field in ARGUMENT_FIELDS if field in function), None)
    if not isinstance(given, str):
        return NamedCall(name, given, fault)
    try:
        return NamedCall(name, pydantic_core.from_json(given), fault)
    except ValueError:  # no JSON, or JSON nested too deeply
        blank = not given.strip()
        return NamedCall(name, given, fault if blank else f"the arguments of {name} are no JSON: {given!r:.80}")


def calls_in(calls: str | None) -> list[NamedCall]:
    """Read a column `tool_calls`: a JSON list, or nothing.

    >>> calls_in('[{"id": "c1", "name": "weather", "args": {"city": "Oslo"}}]')[0].arguments
    {'city': 'Oslo'}
    >>> calls_in(None)
    []
    """
    return [call_in(call) for call in pydantic_core.from_json(calls)] if calls else []


def call_text(call: NamedCall) -> str:
    """How people and judges read a call.

    >>> call_text(NamedCall("weather", {"city": "Oslo", "days": 2})), call_text(NamedCall(None, [1]))
    ('weather(city="Oslo", days=2)', '(a tool without name)([1])')
    """
    name = call.name or "(a tool without name)"
    if isinstance(call.arguments, Mapping):
        return f"{name}({', '.join(f'{field}={json_text(value)}' for field, value in call.arguments.items())})"
    if call.arguments is None:
        return f"{name}()"
    given = call.arguments if isinstance(call.arguments, str) else json_text(call.arguments)
    return f"{name}({given})"


def calls_text(calls: str) -> str:
    """A column `tool_calls` as people read it, a line for each call.

    >>> calls_text('[{"name": "weather", "args": {"city": "Oslo"}}]')
    'weather(city="Oslo")'
    """
    return "\n".join(map(call_text, calls_in(calls)))


def is_of_calls(output: str) -> bool:
    """Whether an output is itself a list of calls, as of models with `tool_calls: as_output`.

    >>> is_of_calls('[{"name":"weather","arguments":{}}]'), is_of_calls("weather"), is_of_calls("[]")
    (True, False, False)
    """
    if not output.startswith('[{"name":'):
        return False
    try:
        calls = pydantic_core.from_json(output)
    except ValueError:
        return False
    return all(isinstance(call, Mapping) and set(call) == {"name", "arguments"} for call in calls)
