"""What code of the user is given: columns, messages and parameters by the names it asks for.

A function whose only argument has another name is given the `inputs`; where `inputs` is an object, its fields can be
asked for, too. One that takes `rows` is given many examples at once. The rules are the same for functions that files
name and for those that Python code hands over.
"""

import difflib
import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from eval_assets.config.problems import nearest
from eval_assets.providers.failures import RequestFailed
from eval_assets.requests.conversations import content_text
from eval_assets.requests.exchange import HIDDEN, Request

REQUEST_NAMES = ("messages", "prompt", "columns", "sample_index", "tools")
"""What a function can ask for by name besides columns and parameters."""

INPUTS = "inputs"
ROWS = "rows"
"""The argument that stands for many examples at once, unless a column has this name."""

METHODS = ("ainvoke", "invoke", "predict")
"""By which objects answer that are given messages or a row."""

LIKENESS = 0.9
"""From which two names are taken for one, misspelt."""

BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class NamedArguments:
    """What code of the user can be given.

    Args:
        names: All arguments that can be given by name.
        required: Those without a default.
        takes_any: It takes any further ones.
        by_position: The required ones that can't be given by name.
    """

    names: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    takes_any: bool = False
    by_position: tuple[str, ...] = ()

    @property
    def only_required(self) -> str | None:
        """The one argument that has to be given; null where there are none, or several."""
        required = (*self.by_position, *self.required)
        return required[0] if len(required) == 1 else None

    def takes_rows(self, columns: Collection[str], parameters: Collection[str] = ()) -> bool:
        """Whether many examples are given at once."""
        return ROWS in self.required and ROWS not in columns and ROWS not in parameters


def is_called_by_method(found: Any) -> bool:
    """Whether something is an object that is given messages or a row, not a function that asks for arguments."""
    return any(hasattr(found, method) for method in METHODS) and not inspect.isroutine(found)


def is_class_that_answers(found: Any) -> bool:
    """Whether something is a class whose objects answer, so that one of them has to be made first."""
    return inspect.isclass(found) and any(
        name in vars(base) for base in found.__mro__ for name in (*METHODS, "__call__")
    )


def named_arguments(found: Any) -> NamedArguments | None:
    """The arguments of code of the user; null for what is called by a method with messages or a row.

    Of a class those of its objects. A builtin that says nothing of its arguments takes one, by position.
    """
    if is_called_by_method(found):
        return None
    is_class = is_class_that_answers(found)
    try:
        parameters = list(inspect.signature(found.__call__ if is_class else found).parameters.values())
    except (TypeError, ValueError):
        return NamedArguments(by_position=(INPUTS,))
    return arguments_in(parameters[1:] if is_class else parameters)


def arguments_in(parameters: Collection[inspect.Parameter]) -> NamedArguments:
    """Read the parameters of a signature."""
    named = [parameter for parameter in parameters if parameter.kind in BY_NAME]
    needed = [parameter for parameter in parameters if parameter.default is inspect.Parameter.empty]
    return NamedArguments(
        names=tuple(parameter.name for parameter in named),
        required=tuple(parameter.name for parameter in needed if parameter.kind in BY_NAME),
        takes_any=any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters),
        by_position=tuple(
            parameter.name for parameter in needed if parameter.kind is inspect.Parameter.POSITIONAL_ONLY
        ),
    )


def example_values(request: Request) -> dict[str, Any]:
    """What a function can ask for by name besides the model's parameters.

    Each column of the example; `messages`, the rendered prompt; `prompt`, the text of its last user message; `columns`,
    all columns at once; `sample_index`, which of several replies this is; `tools`, those of the prompt, unless a column
    has that name.
    """
    user_texts = [content_text(message["content"]) for message in request.messages if message["role"] == "user"]
    return {
        **({"tools": [dict(tool) for tool in request.tools]} if request.tools else {}),
        **request.columns,
        "messages": plain_messages(request),
        "prompt": user_texts[-1] if user_texts else None,
        "columns": dict(request.columns),
        "sample_index": request.sample_index,
    }


def plain_messages(request: Request) -> list[dict[str, Any]]:
    """The rendered prompt as plain mappings, which code of the user may change."""
    return [dict(message) for message in request.messages]


def is_given_inputs(arguments: NamedArguments, known: Collection[str], columns: Collection[str]) -> bool:
    """Whether the only argument is given the `inputs`, whatever it is called.

    Args:
        arguments: Of the function.
        known: What it could be given by name.
        columns: Columns of the examples. One that the argument seems to mean is not passed over.
    """
    only = arguments.only_required
    if only is None or only == HIDDEN or INPUTS not in columns or (only in known and not arguments.by_position):
        return False
    return not difflib.get_close_matches(only, [name for name in columns if name != INPUTS], 1, LIKENESS)


def unfilled(arguments: NamedArguments, known: Collection[str], columns: Collection[str]) -> str | None:
    """The first argument that nothing fills; null if there is none. Arguments as of `is_given_inputs`."""
    if is_given_inputs(arguments, known, columns):
        return None
    if arguments.by_position:
        return arguments.by_position[0]
    return next((name for name in arguments.required if name not in known), None)


def filled(arguments: NamedArguments, request: Request, target: str) -> tuple[list[Any], dict[str, Any]]:
    """What a function is given for a request: by position, and by name.

    The model's parameters come before a column of their name, columns before fields of the inputs.

    Args:
        arguments: Of the function.
        request: What is asked.
        target: How messages name the function.

    Raises:
        RequestFailed: It wants what there isn't, or a parameter is given that it doesn't take.
    """
    columns, parameters = request.columns, request.parameters
    inputs = columns.get(INPUTS)
    known = {**(inputs if isinstance(inputs, Mapping) else {}), **example_values(request), **parameters}
    missing = unfilled(arguments, known, columns)
    if missing is not None:
        raise RequestFailed(
            f"{target} wants {missing!r}, which the example doesn't have; {nearest(missing, known)}", "missing_column"
        )
    given = {name: known[name] for name in arguments.names if name in known}
    positional = []
    if is_given_inputs(arguments, known, columns):
        if arguments.by_position:
            positional = [inputs]
        else:
            given[str(arguments.only_required)] = inputs
    if arguments.takes_any:
        return positional, {**parameters, **given}
    if unknown := sorted(set(parameters) - set(given)):
        hint = nearest(unknown[0], arguments.names)
        raise RequestFailed(f"{target} takes no parameter {unknown[0]!r}; {hint}", "unsupported_parameter")
    return positional, given
