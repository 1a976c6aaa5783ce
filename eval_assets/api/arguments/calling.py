"""How functions that are candidates are called: what fills their arguments, and batches for those that take many rows.

A function is given by name what it asks for: columns of the example, `messages` (the rendered prompt), `prompt` (its
last user message), `columns` (all of them), `sample_index`, and where `inputs` is an object, its fields. One whose only
argument has another name is given the `inputs`. One that takes `rows` is given a list of examples and returns as many
replies. Any of them may be a coroutine function. Targets are not shown.
"""

import asyncio
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.callable_target import REQUEST_NAMES, is_called_by_method
from eval_assets.stages.predictions import HIDDEN_FROM_MODELS

ROWS = "rows"
BATCH_ROWS = 64
GATHER_SECONDS = 0.005
"""How long a batch that isn't full waits for further rows."""

TAKES_INPUTS = "__eval_assets_takes_inputs__"
"""Name in a function that gives another its only argument: the other."""

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def takes_rows(function: Callable[..., Any], columns: Collection[str]) -> bool:
    """Whether a function is given many examples at once."""
    return ROWS in _required(function) and ROWS not in columns


def called_by_name(
    function: Callable[..., Any], label: str, columns: Collection[str], fields: Collection[str]
) -> Callable[..., Any]:
    """The function as one that the provider `callable` can call: itself, if it asks only for what that provider knows.

    Args:
        function: A function, or an object that is called like one.
        label: How messages name it.
        columns: Columns of the examples.
        fields: Of the objects in `inputs`, the fields that all have.

    Raises:
        ConfigError: Nothing fills one of its arguments.
    """
    if takes_rows(function, columns):
        return _Batches(function, label).reply
    required = _required(function)
    known = {*columns, *REQUEST_NAMES} - {HIDDEN_FROM_MODELS}
    missing = [name for name in required if name not in known]
    by_position = _takes_by_position(function)
    if not missing and not by_position:
        return function
    if len(required) == 1 and HIDDEN_FROM_MODELS not in missing and not {*missing} <= {*fields}:
        return _taking_inputs(function)
    if by_position:
        raise ConfigError(f"{label}: expected arguments that can be given by name, got {inspect.signature(function)}")
    unfilled = [name for name in missing if name not in fields]
    if unfilled:
        hint = (
            "candidates aren't shown the targets"
            if unfilled[0] == HIDDEN_FROM_MODELS
            else nearest(unfilled[0], known | {*fields})
        )
        raise ConfigError(f"{label}: nothing fills its argument {unfilled[0]!r}, it is no column of the data; {hint}")
    return _taking_fields(function, _names(function))


def _taking_inputs(function: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        async def ask(inputs: Any) -> Any:
            return await function(inputs)

        found: Callable[..., Any] = ask
    else:

        def answer(inputs: Any) -> Any:
            return function(inputs)

        found = answer
    setattr(found, TAKES_INPUTS, function)
    return found


def unadapted(called: Callable[..., Any]) -> tuple[Callable[..., Any], Literal["by name", "by position"] | None]:
    """The function behind one that is called by name, and how that calls it; null where no other module could."""
    if hasattr(called, TAKES_INPUTS):
        return getattr(called, TAKES_INPUTS), "by position"
    is_adapted = getattr(called, "__module__", None) == __name__
    return called, None if is_adapted else "by name"


def _taking_fields(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """Give a function columns, and fields of the inputs."""

    def arguments(columns: Mapping[str, Any], messages: Any, prompt: Any, sample_index: int) -> dict[str, Any]:
        inputs = columns.get("inputs")
        fields = inputs if isinstance(inputs, Mapping) else {}
        of_request = {"messages": messages, "prompt": prompt, "columns": columns, "sample_index": sample_index}
        known = {**of_request, **fields, **columns}
        return {name: known[name] for name in names if name in known}

    if inspect.iscoroutinefunction(function):

        async def ask(columns: Any, messages: Any, prompt: Any, sample_index: Any) -> Any:
            return await function(**arguments(columns, messages, prompt, sample_index))

        return ask
    return lambda columns, messages, prompt, sample_index: function(
        **arguments(columns, messages, prompt, sample_index)
    )


class _Batches:
    """Gathers rows that are asked for at the same time, and gives them to a function together."""

    def __init__(self, function: Callable[..., Any], label: str) -> None:
        self._function, self._label = function, label
        self._waiting: list[tuple[Mapping[str, Any], asyncio.Future[Any]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def reply(self, columns: Mapping[str, Any]) -> Any:
        """The function's reply to one row."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((columns, future))
        if self._timer is not None:
            self._timer.cancel()
        if len(self._waiting) >= BATCH_ROWS:
            self._send()
        else:
            self._timer = loop.call_later(GATHER_SECONDS, self._send)
        return await future

    def _send(self) -> None:
        batch, self._waiting, self._timer = self._waiting, [], None
        if batch:
            task = asyncio.get_running_loop().create_task(self._answer(batch))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _answer(self, batch: Sequence[tuple[Mapping[str, Any], asyncio.Future[Any]]]) -> None:
        rows = [dict(columns) for columns, _ in batch]
        try:
            replies = await self._called(rows)
        except BaseException as error:  # noqa: BLE001  code of the user, told to each row
            for _, future in batch:
                if not future.done():
                    future.set_exception(RuntimeError(f"the batch raised {type(error).__name__}: {error}"))
            return
        for (_, future), reply in zip(batch, replies, strict=True):
            if not future.done():
                future.set_result(reply)

    async def _called(self, rows: list[dict[str, Any]]) -> list[Any]:
        if inspect.iscoroutinefunction(self._function):
            found = await self._function(rows)
        else:
            found = await asyncio.to_thread(self._function, rows)
        replies = found.tolist() if hasattr(found, "tolist") else list(found)
        if len(replies) != len(rows):
            raise ValueError(f"expected {self._label} to return {len(rows)} replies, one a row, got {len(replies)}")
        return replies


def _required(function: Callable[..., Any]) -> list[str]:
    return [
        parameter.name
        for parameter in _parameters(function)
        if parameter.default is inspect.Parameter.empty and parameter.kind not in VARIADIC
    ]


def _names(function: Callable[..., Any]) -> list[str]:
    return [parameter.name for parameter in _parameters(function) if parameter.kind not in VARIADIC]


def _takes_by_position(function: Callable[..., Any]) -> bool:
    return any(parameter.kind is inspect.Parameter.POSITIONAL_ONLY for parameter in _parameters(function))


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The arguments of a function; none of an object that is called with messages or a row."""
    if is_called_by_method(function):
        return []
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a builtin, which says nothing of its arguments
        return [inspect.Parameter("inputs", inspect.Parameter.POSITIONAL_ONLY)]
