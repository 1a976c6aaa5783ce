"""Provider `callable`: code of the user answers: a function, a class, a pyfunc-like model, a LangChain runnable.

Finding it is in `callable_target`, calling it in `callable_calls`, reading what it returned in `callable_replies`;
which version of it answers, in `callable_version`.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eval_assets.config.model import Model, ModelFile
from eval_assets.providers.clients.callable_calls import Caller, caller_of
from eval_assets.providers.clients.callable_replies import reply_fields
from eval_assets.providers.clients.callable_streams import Streamed
from eval_assets.providers.clients.callable_target import described, load_target, made_of
from eval_assets.providers.clients.callable_version import project_dir_of
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import AttemptFailure, RequestFailed
from eval_assets.requests.exchange import Reply, Request


class CallingClient:
    """Answers by calling code in this process.

    Args:
        call: Answers one request with anything that `callable_replies` reads.
        called: How messages name what answers.
    """

    def __init__(self, call: Caller, called: str) -> None:
        """Nothing is called yet."""
        self._call, self._target = call, called

    async def complete(self, request: Request) -> Reply:
        """Call once.

        Raises:
            RequestFailed: The code raised, wants what the example lacks, or returned what is no reply.
            AttemptFailure: The code raised one itself, to ask for another attempt or to end the partition.
        """
        requested_at, began = datetime.now(UTC), time.perf_counter()
        try:
            result = await self._call(request)
        except (AttemptFailure, KeyboardInterrupt):
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise  # we are told to stop, or the deadline passed
            raise RequestFailed(f"{self._target} cancelled itself", "callable_raised") from error
        except BaseException as error:  # user code may raise anything, `sys.exit` too; it costs one row
            raise RequestFailed(f"{self._target} raised {described(error)}", "callable_raised") from error
        seconds = time.perf_counter() - began
        streamed = result if isinstance(result, Streamed) else Streamed(result, None)
        return Reply(
            **reply_fields(streamed.result, self._target, request.columns),
            latency_seconds=seconds,
            first_token_seconds=None if streamed.first_at is None else streamed.first_at - began,
            requested_at=requested_at,
        )

    async def aclose(self) -> None:
        """Nothing is open; a call that never returns doesn't keep the process alive."""


class CallableClient(CallingClient):
    """Answers by calling user code: in the event loop if it is async, else each call in a thread of its own.

    An object is called by its `ainvoke` or `invoke` with what its input schema names, else the messages (LangChain), by
    its `predict` with a pandas frame (pyfunc) or what that names, else itself with those that it names as arguments.
    The model's parameters go along by name; of a parameter and a column of one name, the parameter counts. A class is
    made once in this process. What is yielded piece by piece is put together.

    Args:
        target: `module:name`.
        project_dir: Where modules are looked up after `sys.path`.
        handed_over: The function or object itself where Python code hands it over; then `target` only names it.
        arguments: What a class is made with.
        batch_size: Most examples given at once to what takes many.
        streams: A runnable is asked for its answer piece by piece.

    Raises:
        ConfigError: The name can't be imported or can't be called.
    """

    def __init__(
        self,
        target: str,
        *,
        project_dir: Path,
        handed_over: Any = None,
        arguments: Mapping[str, Any] | None = None,
        batch_size: int | None = None,
        streams: bool = False,
    ) -> None:
        found = load_target(target, project_dir) if handed_over is None else handed_over
        made = made_of(found, arguments or {}, target)
        super().__init__(caller_of(made, target, batch_size=batch_size, streams=streams), target)


def open_callable(model: Model, surroundings: Surroundings) -> CallableClient:
    """The client of a model file; imports what it names, unless Python code hands it over."""
    target, file = str(model.file.callable), model.file
    given = surroundings.given.get(target)
    return CallableClient(
        target if given is None else target.partition(":")[2],
        project_dir=project_dir_of(surroundings.models_dir),
        handed_over=None if given is None else given.function,
        arguments=file.arguments,
        batch_size=file.batch_size,
        streams=file.stream,
    )


def callable_address(file: ModelFile) -> tuple[str, str]:
    """Endpoint and model id of a model file."""
    return "local", str(file.callable)
