"""Finding what `module:function` names, and calling it with what a request holds.

What it returns is read in `callable_client`.
"""

import asyncio
import contextlib
import contextvars
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.call_threads import THREADS
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.redaction import redacted
from eval_assets.requests.conversations import content_text
from eval_assets.requests.exchange import Request
from eval_assets.user_code.naming import load_named

Caller = Callable[[Request], Awaitable[Any]]

REQUEST_NAMES = ("messages", "prompt", "columns", "sample_index", "tools")
"""What a function can ask for by name besides columns and parameters."""

METHODS = ("ainvoke", "invoke", "predict")
"""By which objects answer that are given messages or a row."""


@dataclass(frozen=True, slots=True)
class NamedArguments:
    """What a function of the user can be given by name.

    Args:
        names: All of them.
        required: Those without a default.
        takes_any: It takes any further ones.
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    takes_any: bool


def is_called_by_method(found: Any) -> bool:
    """Whether something is an object that is given messages or a row, not a function that asks for arguments."""
    return any(hasattr(found, method) for method in METHODS) and not inspect.isroutine(found)


def named_arguments(found: Any) -> NamedArguments | None:
    """The arguments of what `load_target` found; null for objects that are called with messages or a row."""
    if is_called_by_method(found):
        return None
    return _arguments_in(inspect.signature(found))


def load_target(target: str, project_dir: Path) -> Any:
    """Import what `module:name` names; `name` may be dotted.

    Args:
        target: As the model file says.
        project_dir: The folder that holds `data/`. Its modules may be named; installed ones of the same name win.

    Raises:
        ConfigError: Malformed, no such module or name, one that may not be named, or the import itself failed.
    """
    try:
        return load_named(target, project_dir)
    except ConfigError as error:
        raise ConfigError(f"callable {target!r}: {error}") from error
    except Exception as error:  # importing runs user code, which may raise anything
        module_name = target.partition(":")[0]
        raise ConfigError(f"callable {target!r}: importing {module_name!r} failed: {described(error)}") from error


def described(error: BaseException) -> str:
    """Type and message of an exception of user code, free of secrets.

    >>> described(ValueError("no such city"))
    'ValueError: no such city'
    """
    try:
        said = str(error)
    except Exception:  # noqa: BLE001  its `__str__` is user code, too
        said = ""
    return redacted(f"{type(error).__name__}: {said}") if said else type(error).__name__


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
        "messages": _messages(request),
        "prompt": user_texts[-1] if user_texts else None,
        "columns": dict(request.columns),
        "sample_index": request.sample_index,
    }


def caller_of(found: Any, target: str) -> Caller:
    """How a function or object is called with a request.

    Args:
        found: From `load_target`.
        target: How messages name it.

    Raises:
        ConfigError: It can't be called, or not by name.
    """
    if inspect.isroutine(found):
        return _function_caller(found, target)
    if inspect.isclass(found) or inspect.ismodule(found):
        raise ConfigError(
            f"callable {target!r}: expected a function or an object, got a {type(found).__name__}; name an instance"
        )
    if hasattr(found, "ainvoke"):
        return lambda request: found.ainvoke(_messages(request), **request.parameters)
    if hasattr(found, "invoke"):
        return lambda request: _in_thread(lambda: found.invoke(_messages(request), **request.parameters))
    if hasattr(found, "predict"):
        return lambda request: _in_thread(lambda: _predict(found, request))
    if callable(found):
        return _function_caller(found, target)
    raise ConfigError(
        f"callable {target!r}: expected a function, or an object with `invoke` or `predict`, got {found!r:.80}"
    )


def _function_caller(function: Callable[..., Any], target: str) -> Caller:
    try:
        signature = inspect.signature(function)
    except ValueError as error:
        raise ConfigError(
            f"callable {target!r}: its arguments can't be read; wrap it in a function of yours"
        ) from error
    if any(parameter.kind is inspect.Parameter.POSITIONAL_ONLY for parameter in signature.parameters.values()):
        raise ConfigError(f"callable {target!r}: expected arguments that can be given by name, got {signature}")
    wanted = _arguments_in(signature)
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004

    async def call(request: Request) -> Any:
        known = {**example_values(request), **request.parameters}
        arguments = {name: known[name] for name in wanted.names if name in known}
        missing = [name for name in wanted.required if name not in known]
        if missing:
            raise RequestFailed(
                f"{target} wants {missing[0]!r}, which the example doesn't have; {nearest(missing[0], known)}",
                "missing_column",
            )
        if wanted.takes_any:
            arguments = {**request.parameters, **arguments}
        elif unknown := sorted(set(request.parameters) - set(arguments)):
            hint = nearest(unknown[0], wanted.names)
            raise RequestFailed(f"{target} takes no parameter {unknown[0]!r}; {hint}", "unsupported_parameter")
        return await (function(**arguments) if is_async else _in_thread(lambda: function(**arguments)))

    return call


def _arguments_in(signature: inspect.Signature) -> NamedArguments:
    parameters = signature.parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = [parameter for parameter in parameters if parameter.kind in kinds]
    return NamedArguments(
        names=tuple(parameter.name for parameter in named),
        required=tuple(parameter.name for parameter in named if parameter.default is inspect.Parameter.empty),
        takes_any=any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters),
    )


def _messages(request: Request) -> list[dict[str, Any]]:
    return [dict(message) for message in request.messages]


def _predict(found: Any, request: Request) -> Any:
    """Call a pyfunc-like model with one row."""
    import pandas as pd

    frame = pd.DataFrame([example_values(request)])
    result = found.predict(frame, params=dict(request.parameters)) if request.parameters else found.predict(frame)
    if isinstance(result, pd.DataFrame):
        result = result.to_dict("records")
    elif hasattr(result, "tolist"):
        result = result.tolist()
    return result[0] if isinstance(result, list) and len(result) == 1 else result


async def _in_thread(call: Callable[[], Any]) -> Any:
    """Run blocking code in a daemon thread: a call that never returns mustn't keep the process from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def run() -> None:
        result, failure = None, None
        try:
            result = context.run(call)
        except BaseException as error:  # noqa: BLE001  handed to the waiting coroutine
            # Those steer coroutines; a future refuses them, or they would end the one that waits.
            steers = isinstance(error, StopIteration | GeneratorExit | asyncio.CancelledError)
            failure = RuntimeError(described(error)) if steers else error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, result, failure)

    THREADS.run(run)
    return await future
