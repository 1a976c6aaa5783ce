"""Whether functions that are candidates can be called on the data at hand, before any is.

How they are called is the same as for functions that model files name: `providers.clients.callable_calls`.
"""

import inspect
from collections.abc import Callable, Collection
from typing import Any

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.callable_arguments import (
    REQUEST_NAMES,
    NamedArguments,
    named_arguments,
    unfilled,
)
from eval_assets.requests.exchange import HIDDEN


def takes_rows(function: Callable[..., Any], columns: Collection[str]) -> bool:
    """Whether a function is given many examples at once."""
    return _arguments_of(function).takes_rows(columns)


def asks_by_name(function: Callable[..., Any], columns: Collection[str]) -> bool:
    """Whether a function asks, by name, for nothing but columns and what there is of a request."""
    arguments = _arguments_of(function)
    return not arguments.by_position and {*arguments.required} <= {*columns, *REQUEST_NAMES} - {HIDDEN}


def refuse_unfilled(function: Callable[..., Any], label: str, columns: Collection[str], given: Collection[str]) -> None:
    """Refuse a function that nothing fills an argument of.

    Args:
        function: A function, or an object that is called like one.
        label: How messages name it.
        columns: Columns of the examples.
        given: What fills further arguments: parameters, and of the objects in `inputs` the fields that all have.

    Raises:
        ConfigError: With the argument.
    """
    arguments = _arguments_of(function)
    shown = {*columns} - {HIDDEN}
    if arguments.takes_rows(columns):
        return
    missing = unfilled(arguments, {*shown, *REQUEST_NAMES, *given}, shown)
    if missing is None:
        return
    if arguments.by_position:
        raise ConfigError(f"{label}: expected arguments that can be given by name, got {inspect.signature(function)}")
    hint = "candidates aren't shown the targets" if missing == HIDDEN else nearest(missing, {*shown, *REQUEST_NAMES})
    raise ConfigError(f"{label}: nothing fills its argument {missing!r}, it is no column of the data; {hint}")


def _arguments_of(function: Callable[..., Any]) -> NamedArguments:
    """The arguments of a function; none of an object that is called with messages or a row."""
    return named_arguments(function) or NamedArguments()
