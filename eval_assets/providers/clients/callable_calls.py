"""Calling code of the user with what a request holds: functions, objects with a method, generators, batches.

What arguments are filled with is in `callable_arguments`; what is returned, read in `callable_replies`.
"""

import asyncio
import contextlib
import contextvars
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.call_threads import THREADS
from eval_assets.providers.clients.callable_arguments import (
    INPUTS,
    NamedArguments,
    arguments_in,
    example_values,
    filled,
    is_class_that_answers,
    named_arguments,
    plain_messages,
)
from eval_assets.providers.clients.callable_batches import BATCH_ROWS, Batches
from eval_assets.providers.clients.callable_streams import async_drained, drained
from eval_assets.providers.clients.callable_target import described, made_of, refuse_arguments
from eval_assets.providers.failures import RequestFailed
from eval_assets.requests.exchange import Request

Caller = Callable[[Request], Awaitable[Any]]

ROOT = "root"
MODEL_INPUT = "model_input"
"""What MLflow's own Python models call the frame, which they are given beside a `context`."""

FRAMES = (MODEL_INPUT, "data", "df", "frame", "dataframe", "x")
"""Arguments of a `predict` that are given a frame of pandas, whatever columns there are."""


def caller_of(found: Any, target: str, *, batch_size: int | None = None, streams: bool = False) -> Caller:
    """How a function or object is called with a request.

    Args:
        found: From `load_target`; no class whose objects answer, but one of them.
        target: How messages name it.
        batch_size: Most examples given at once to what takes many.
        streams: A runnable is asked for its answer piece by piece.

    Raises:
        ConfigError: It can't be called, or not with what there is.
    """
    if streams and (inspect.isroutine(found) or not (hasattr(found, "astream") or hasattr(found, "stream"))):
        raise ConfigError(
            f"callable {target!r}: `stream` asks runnables for their `stream`, and this has none; "
            "a function streams by yielding"
        )
    if inspect.isroutine(found):
        return _function_caller(found, target, batch_size)
    if inspect.ismodule(found) or inspect.isclass(found):
        raise ConfigError(
            f"callable {target!r}: expected a function, an object, or a class with `predict`, `invoke` or `__call__`, "
            f"got a {type(found).__name__}"
        )
    if hasattr(found, "ainvoke") or hasattr(found, "invoke"):
        return _runnable_caller(found, target, batch_size, streams=streams)
    if hasattr(found, "predict"):
        return _predict_caller(found, target, batch_size)
    if callable(found):
        return _function_caller(found, target, batch_size)
    raise ConfigError(
        f"callable {target!r}: expected a function, or an object with `invoke` or `predict`, got {found!r:.80}"
    )


def refuse_uncallable(found: Any, target: str, arguments: Mapping[str, Any], *, streams: bool = False) -> None:
    """See to it that something can be called, without making an object of a class.

    Args:
        found: From `load_target`.
        target: How messages name it.
        arguments: What a class is made with.
        streams: As of `caller_of`.

    Raises:
        ConfigError: It can't.
    """
    if not is_class_that_answers(found):
        caller_of(made_of(found, arguments, target), target, streams=streams)
        return
    refuse_arguments(found, arguments, target)
    _checked(named_arguments(found), found, target)


def _checked(arguments: NamedArguments | None, found: Any, target: str) -> NamedArguments:
    """Arguments that can be given at all.

    Raises:
        ConfigError: Several have to be given by position.
    """
    wanted = arguments or NamedArguments()
    if wanted.by_position and wanted.only_required is None:
        with contextlib.suppress(TypeError, ValueError):
            found = inspect.signature(found)
        raise ConfigError(f"callable {target!r}: expected arguments that can be given by name, got {found}")
    return wanted


def _function_caller(function: Callable[..., Any], target: str, batch_size: int | None) -> Caller:
    wanted = _checked(named_arguments(function), function, target)
    is_async = is_coroutine_function(function)

    async def call_many(requests: list[Request]) -> Any:
        rows = [dict(request.columns) for request in requests]
        parameters = requests[0].parameters
        given = {name: parameters[name] for name in wanted.names if name in parameters}
        return await _called(lambda: function(rows, **given), is_async=is_async, ending=_listed)

    batches = Batches(call_many, batch_size or BATCH_ROWS, target)

    async def call(request: Request) -> Any:
        if wanted.takes_rows(request.columns, request.parameters):
            return await batches.reply(request)
        positional, given = filled(wanted, request, target)
        return await _called(lambda: function(*positional, **given), is_async=is_async)

    return call


def rows_caller(answer: Callable[[list[Request]], Any], called: str, batch_size: int) -> Caller:
    """How something is called that answers many requests, one reply each, and blocks meanwhile.

    Args:
        answer: Answers them.
        called: How messages name it.
        batch_size: Most requests at once.
    """

    async def call_many(requests: list[Request]) -> Any:
        return await _called(lambda: answer(requests), is_async=False, ending=_records)

    return Batches(call_many, batch_size, called).reply


def _runnable_caller(found: Any, target: str, batch_size: int | None, *, streams: bool) -> Caller:
    """Call a runnable with what its input schema asks for; with the messages where it says nothing."""
    is_async = hasattr(found, "astream" if streams else "ainvoke")
    method = "stream" if streams else "invoke"
    invoke = getattr(found, f"a{method}" if is_async else method)
    shape = _input_shape(found)

    async def call(request: Request) -> Any:
        given = _input_of(shape, request, target)
        return await _called(lambda: invoke(given, **request.parameters), is_async=is_async)

    if streams or batch_size is None or not (hasattr(found, "abatch") or hasattr(found, "batch")):
        return call
    is_async_batch = hasattr(found, "abatch")
    batch = found.abatch if is_async_batch else found.batch

    async def call_many(requests: list[Request]) -> Any:
        given = [_input_of(shape, request, target) for request in requests]
        parameters = requests[0].parameters
        return await _called(
            lambda: batch(given, return_exceptions=True, **parameters), is_async=is_async_batch, ending=_listed
        )

    return Batches(call_many, batch_size, target).reply


def _input_shape(found: Any) -> Mapping[str, Any]:
    """The JSON schema of what a runnable takes; empty where it has none."""
    schema_of = getattr(found, "get_input_jsonschema", None)
    try:
        schema = {} if schema_of is None else schema_of()
    except Exception:  # noqa: BLE001  of a schema that can't be drawn up; what isn't told is asked as a chat
        schema = {}
    return schema if isinstance(schema, Mapping) else {}


def _input_of(shape: Mapping[str, Any], request: Request, target: str) -> Any:
    """What a runnable is given: variables by name, a text, or the messages.

    Raises:
        RequestFailed: It requires a variable that there isn't.
    """
    if shape.get("type") == "string":
        return example_values(request)["prompt"]
    if shape.get("type") != "object":
        return plain_messages(request)
    # A step that takes anything is listed as the variable `root`.
    properties = [name for name in shape.get("properties", ()) if name != ROOT]
    if not properties:
        return dict(request.columns)
    known = example_values(request)
    named = {name: known[name] for name in properties if known.get(name) is not None}
    missing = [name for name in shape.get("required", ()) if name != ROOT and name not in named]
    if not missing:
        return named
    if len(missing) > 1 or INPUTS not in known or INPUTS in properties:
        raise RequestFailed(
            f"{target} wants {missing[0]!r}, which the example doesn't have; {nearest(missing[0], known)}",
            "missing_column",
        )
    return {**named, missing[0]: known[INPUTS]}


def _predict_caller(found: Any, target: str, batch_size: int | None) -> Caller:
    """Call `predict` by name where it asks for what there is, else with a frame, as a pyfunc."""
    try:
        wanted = arguments_in(list(inspect.signature(found.predict).parameters.values()))
    except (TypeError, ValueError):
        wanted = NamedArguments()
    is_async = is_coroutine_function(found.predict)

    async def call_frame(requests: list[Request]) -> Any:
        return await _called(lambda: _predicted(found, wanted, requests), is_async=is_async, ending=_records)

    frames = Batches(call_frame, batch_size or 1, target)

    async def call(request: Request) -> Any:
        if not is_given_frame(wanted, {*example_values(request), *request.parameters}):
            positional, given = filled(wanted, request, target)
            return await _called(lambda: found.predict(*positional, **given), is_async=is_async)
        if batch_size is not None:
            return await frames.reply(request)
        replies = await call_frame([request])
        return replies[0] if isinstance(replies, list) and len(replies) == 1 else replies

    return call


def is_given_frame(wanted: NamedArguments, known: set[str]) -> bool:
    """Whether `predict` is given a frame of pandas: it asks for one, or for what nothing else fills.

    >>> is_given_frame(NamedArguments(("question",), ("question",)), {"question", "inputs"})
    False
    >>> is_given_frame(NamedArguments(("data",), ("data",)), {"question", "inputs"})
    True
    """
    required = {*wanted.by_position, *wanted.required}
    return not required or not required <= known or any(name.lower() in FRAMES for name in required)


def _predicted(found: Any, wanted: NamedArguments, requests: list[Request]) -> Any:
    """Call a pyfunc-like model with a frame, a row for each request."""
    import pandas as pd

    frame = pd.DataFrame([example_values(request) for request in requests])
    parameters = dict(requests[0].parameters)
    further = {"params": parameters} if parameters else {}
    if MODEL_INPUT in wanted.required and "context" in wanted.required:
        return found.predict(context=None, model_input=frame, **further)
    return found.predict(frame, **further)


def _records(result: Any) -> Any:
    import pandas as pd

    if isinstance(result, pd.DataFrame):
        return result.to_dict("records")
    return result.tolist() if hasattr(result, "tolist") else _listed(result)


def _listed(result: Any) -> Any:
    """A batch that is yielded, as a list."""
    return list(result) if isinstance(result, Iterator) else result


def is_coroutine_function(function: Any) -> bool:
    """Whether calling something gives a coroutine, or an async generator: then it is called in the event loop."""
    return any(
        is_one(each)
        for each in (function, getattr(function, "__call__", None))  # noqa: B004  the method, not whether there is one
        for is_one in (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    )


async def _called(call: Callable[[], Any], *, is_async: bool, ending: Callable[[Any], Any] = drained) -> Any:
    """What a call comes to, awaited and drained.

    Args:
        call: Makes the call.
        is_async: It returns at once, with something to await or to iterate; else it is made in a thread of its own.
        ending: Takes the result to its end, where that may block: of a generator.
    """
    result = call() if is_async else await in_thread(lambda: ending(call()))
    if inspect.isawaitable(result):
        result = await result
    if isinstance(result, AsyncIterator):
        return await async_drained(result) if ending is drained else [piece async for piece in result]
    if isinstance(result, Iterator) or ending is _records:
        return await in_thread(lambda: ending(result))
    return result


async def in_thread(call: Callable[[], Any]) -> Any:
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
