"""Provider `callable`: a function, a pyfunc-like model or a LangChain runnable of the user answers.

Finding and calling it is in `callable_target`; which version of it answers, in `callable_version`.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eval_assets.config.model import Model, ModelFile
from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.callable_target import caller_of, described, load_target
from eval_assets.providers.clients.callable_version import project_dir_of
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import AttemptFailure, RequestFailed
from eval_assets.providers.replies.content import calls_of, text_of, thoughts_of
from eval_assets.providers.replies.endings import finish_reason_of, outcome_of
from eval_assets.requests.exchange import Reply, Request
from eval_assets.requests.foreign_values import whole_number

REPLY_FIELDS = ("output", "prompt_tokens", "completion_tokens", "finish_reason", "reasoning", "tool_calls")


class CallableClient:
    """Answers by calling user code: in the event loop if it is async, else each call in a thread of its own.

    An object is called by its `ainvoke` or `invoke` with the messages (LangChain), else by its `predict` with a pandas
    frame of one row that holds the `example_values` (pyfunc), else itself with those that it names as arguments.
    The model's parameters go along by name; of a parameter and a column of one name, the parameter counts.

    Args:
        target: `module:name`.
        project_dir: Where modules are looked up after `sys.path`.
        handed_over: The function or object itself where Python code hands it over; then `target` only names it.

    Raises:
        ConfigError: The name can't be imported or can't be called by name.
    """

    def __init__(self, target: str, *, project_dir: Path, handed_over: Any = None) -> None:
        self._target = target
        found = load_target(target, project_dir) if handed_over is None else handed_over
        self._call = caller_of(found, target)

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
        fields = _reply_fields(result, self._target)
        output, finish_reason = fields.get("output"), finish_reason_of(fields)
        try:
            calls = calls_of(fields)
        except ConfigError as error:
            raise RequestFailed(f"{self._target}: {error}, in 'tool_calls'", "invalid_reply") from error
        return Reply(
            outcome=outcome_of(output, finish_reason=finish_reason, calls=calls is not None),
            output=output,
            finish_reason=finish_reason,
            latency_seconds=seconds,
            requested_at=requested_at,
            prompt_tokens=whole_number(fields.get("prompt_tokens")),
            completion_tokens=whole_number(fields.get("completion_tokens")),
            reasoning=thoughts_of(fields),
            tool_calls=calls,
        )

    async def aclose(self) -> None:
        """Nothing is open; a call that never returns doesn't keep the process alive."""


def open_callable(model: Model, surroundings: Surroundings) -> CallableClient:
    """The client of a model file; imports what it names, unless Python code hands it over."""
    target, project_dir = str(model.file.callable), project_dir_of(surroundings.models_dir)
    given = surroundings.given.get(target)
    if given is not None:
        return CallableClient(target.partition(":")[2], project_dir=project_dir, handed_over=given.function)
    return CallableClient(target, project_dir=project_dir)


def callable_address(file: ModelFile) -> tuple[str, str]:
    """Endpoint and model id of a model file."""
    return "local", str(file.callable)


def _reply_fields(result: Any, target: str) -> dict[str, Any]:
    """Fields of a reply, from text, a mapping, a list, a number or a LangChain message."""
    if hasattr(result, "content") and hasattr(result, "usage_metadata"):
        return _message_fields(result)
    fields = dict(result) if isinstance(result, Mapping) else {"output": result}
    unknown = sorted(set(map(str, fields)) - set(REPLY_FIELDS))
    if unknown:
        raise RequestFailed(
            f"{target} returned the field {unknown[0]!r}; {nearest(unknown[0], REPLY_FIELDS)}", "invalid_reply"
        )
    if fields.get("output") is None and not fields.get("tool_calls"):
        raise RequestFailed(
            f"{target}: expected text, a list, or a mapping with 'output', got {result!r:.80}", "empty_reply"
        )
    for name in ("prompt_tokens", "completion_tokens"):
        if fields.get(name) is not None and whole_number(fields[name]) is None:
            raise RequestFailed(
                f"{target}: expected a whole number for {name!r}, got {fields[name]!r}", "invalid_reply"
            )
    if not isinstance(fields.get("output"), str | None):
        fields["output"] = _json_text(fields["output"], target)
    return fields


def _message_fields(message: Any) -> dict[str, Any]:
    """Fields of a LangChain message; its thoughts may be parts of the content or an extra of the provider's."""
    usage, said = message.usage_metadata or {}, getattr(message, "response_metadata", None) or {}
    extras = getattr(message, "additional_kwargs", None) or {}
    return {
        "output": text_of(message.content),
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "finish_reason": finish_reason_of(said),
        "reasoning": thoughts_of({**extras, "content": message.content}),
        "tool_calls": getattr(message, "tool_calls", None),
    }


def _json_text(value: Any, target: str) -> str:
    try:
        # Arrays and scalars of numpy know their plain form.
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=lambda item: item.tolist())
    except (TypeError, ValueError, AttributeError) as error:
        raise RequestFailed(
            f"{target}: expected a reply with a JSON form, got {value!r:.80}: {error}", "invalid_reply"
        ) from error
