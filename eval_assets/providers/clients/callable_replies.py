"""What code of the user returned, as a reply: text, values, messages, or a mapping with further columns."""

import dataclasses
import difflib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.replies.content import calls_of, calls_of_all, json_cell, text_of, thoughts_of
from eval_assets.providers.replies.endings import finish_reason_of, outcome_of
from eval_assets.providers.replies.token_usage import Usage, usage_of
from eval_assets.requests.conversations import last_answer
from eval_assets.requests.foreign_values import finite_number, whole_number
from eval_assets.requests.used_tokens import PARTS, parts_of
from eval_assets.tables.cell_tables import METRIC_COLUMNS

OUTPUTS = ("output", "answer", "response", "result", "content")
"""Where a mapping has what was answered; the first that is there counts."""

COUNTS = ("prompt_tokens", "completion_tokens", *PARTS)
REPLY_FIELDS = (*OUTPUTS[:1], *COUNTS, "finish_reason", "reasoning", "tool_calls", "usage", "cost_usd")
"""What a mapping may say of a reply; everything else is a column beside the output."""

TAKEN = frozenset({*METRIC_COLUMNS, "predictions"} - {"context", *REPLY_FIELDS})
"""Names of columns that a row has already."""

LIKENESS = 0.9
"""From which a name is taken for a misspelt field."""

ITEMS = ("message", "reasoning", "function_call", "function_call_output")
"""What the items of a response of OpenAI's are."""

ROLES = {"ai": "assistant", "human": "user"}
"""LangChain's words for who speaks."""


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """Fields of a reply that user code gave, whatever it returned; what it says nothing of is null."""

    output: Any = None
    finish_reason: str | None = None
    reasoning: str | None = None
    tool_calls: str | None = None
    usage: Usage = dataclasses.field(default_factory=lambda: usage_of(None))
    cost_usd: float | None = None
    trajectory: Sequence[Mapping[str, Any]] | None = None
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def reply_fields(result: Any, target: str, columns: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Arguments of a `Reply`, but for its times.

    Args:
        result: What the code returned.
        target: How messages name it.
        columns: Of the example: what comes back as it was given, as chains do with their inputs, is passed over.

    Raises:
        RequestFailed: It is no reply.
    """
    try:
        said = _said(_without_echoes(result, columns or {}), target)
        output = said.output if isinstance(said.output, str | None) else _json_text(said.output)
        extra = json_cell(_plain(said.extra)) if said.extra else None
        trajectory = None if said.trajectory is None else json_cell(_plain(said.trajectory))
    except ConfigError as error:
        raise RequestFailed(f"{target}: {error}", "invalid_reply") from error
    if output is None and said.tool_calls is None:
        raise RequestFailed(
            f"{target}: expected text, a list, messages, or a mapping with 'output', got {result!r:.80}", "empty_reply"
        )
    counts = said.usage.counts
    return {
        "outcome": outcome_of(output, finish_reason=said.finish_reason, calls=said.tool_calls is not None),
        "output": output,
        "finish_reason": said.finish_reason,
        "reasoning": said.reasoning,
        "tool_calls": said.tool_calls,
        "trajectory": trajectory,
        "prompt_tokens": counts.prompt_tokens,
        "completion_tokens": counts.completion_tokens,
        **parts_of(counts),
        "usage": said.usage.detail,
        "cost_usd": said.cost_usd,
        "extra": extra,
    }


def _without_echoes(result: Any, columns: Mapping[str, Any]) -> Any:
    if not isinstance(result, Mapping):
        return result
    return {
        name: value
        for name, value in result.items()
        if name not in TAKEN or name not in columns or not _is_same(value, columns[name])
    }


def _is_same(value: Any, given: Any) -> bool:
    return value is given or (type(value) is type(given) and isinstance(value, str | int | float) and value == given)


def _said(result: Any, target: str) -> Said:
    if _is_message(result):
        return _of_message(result)
    if hasattr(result, "choices") and hasattr(result, "model_dump"):  # a completion of the openai client
        result = result.model_dump()
    if isinstance(result, Mapping):
        if _is_completion(result):
            return _of_completion(result)
        if _is_response(result):
            return _of_response(result)
        return _of_plain_message(result) if _speaks(result) else _of_mapping(result, target)
    if _are_messages(result):
        return _of_messages(result)
    return Said(output=_plain(result))


def _of_mapping(result: Mapping[str, Any], target: str) -> Said:
    fields = {str(name): value for name, value in result.items()}
    output = next((name for name in OUTPUTS if fields.get(name) is not None), None)
    of_messages = _of_messages(fields.pop("messages")) if _are_messages(fields.get("messages")) else Said()
    extra = {name: value for name, value in fields.items() if name not in (*REPLY_FIELDS, output)}
    _refuse_names(extra, target)
    for name in COUNTS:
        if fields.get(name) is not None and whole_number(fields[name]) is None:
            raise ConfigError(f"expected a whole number for {name!r}, got {fields[name]!r}")
    cost = fields.get("cost_usd")
    if cost is not None and (not isinstance(cost, int | float) or finite_number(cost) is None or cost < 0):
        raise ConfigError(f"expected dollars for 'cost_usd', got {cost!r}")
    usage = usage_of(_plain(fields["usage"])) if fields.get("usage") is not None else of_messages.usage
    told = {name: whole_number(fields[name]) for name in COUNTS if fields.get(name) is not None}
    try:
        calls = calls_of(fields)
    except ConfigError as error:
        raise ConfigError(f"{error}, in 'tool_calls'") from error
    return Said(
        output=of_messages.output if output is None else _plain(fields[output]),
        finish_reason=finish_reason_of(fields) or of_messages.finish_reason,
        reasoning=thoughts_of(fields) or of_messages.reasoning,
        tool_calls=calls or of_messages.tool_calls,
        trajectory=of_messages.trajectory,
        usage=usage._replace(counts=dataclasses.replace(usage.counts, **told)),
        cost_usd=None if cost is None else float(cost),
        extra=extra,
    )


def _refuse_names(extra: Mapping[str, Any], target: str) -> None:
    """Refuse fields that mean something else: misspelt ones, and columns that a row has already."""
    for name in extra:
        returned = f"{target} returned the field {name!r}"
        if name in TAKEN:
            raise RequestFailed(f"{returned}, which is a column of the row already; rename it", "invalid_reply")
        if difflib.get_close_matches(name, REPLY_FIELDS, 1, LIKENESS):
            raise RequestFailed(f"{returned}; {nearest(name, REPLY_FIELDS)}", "invalid_reply")


def _is_completion(result: Mapping[str, Any]) -> bool:
    choices = result.get("choices")
    return isinstance(choices, list) and bool(choices) and isinstance(choices[0], Mapping)


def _of_completion(result: Mapping[str, Any]) -> Said:
    """A chat completion as OpenAI's endpoint, and MLflow's chat models, return it."""
    choice = result["choices"][0]
    message = choice.get("message") if isinstance(choice.get("message"), Mapping) else {}
    return dataclasses.replace(
        _of_plain_message(message), finish_reason=finish_reason_of(choice), usage=usage_of(result.get("usage"))
    )


def _is_response(result: Mapping[str, Any]) -> bool:
    items = result.get("output")
    return isinstance(items, list) and bool(items) and all(map(_is_item, items))


def _is_item(item: Any) -> bool:
    return isinstance(item, Mapping) and item.get("type") in ITEMS


def _of_response(result: Mapping[str, Any]) -> Said:
    """A response as OpenAI's Responses API, and MLflow's agents, return it: a list of items, the messages answer."""
    items = result["output"]
    messages = [_message_of_item(item) for item in items if item["type"] != "reasoning"]
    thoughts = [thoughts_of(item) for item in items if item["type"] == "reasoning"]
    answered = _of_messages(messages) if messages else Said()
    return dataclasses.replace(
        answered,
        reasoning="\n".join(thought for thought in thoughts if thought) or None,
        usage=usage_of(_plain(result.get("usage"))),
        trajectory=answered.trajectory if len(messages) > 1 else None,
    )


def _message_of_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item of a response as a message of a chat."""
    match item["type"]:
        case "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            call = {"id": item.get("call_id"), "type": "function", "function": function}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
        case "function_call_output":
            return {"role": "tool", "tool_call_id": item.get("call_id"), "content": text_of(item.get("output"))}
        case _:
            return {"role": item.get("role", "assistant"), "content": text_of(item.get("content"))}


def _is_message(value: Any) -> bool:
    """Whether a value is a message of LangChain."""
    return hasattr(value, "content") and hasattr(value, "usage_metadata")


def _are_messages(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and bool(value) and all(map(_speaks, value))


def _speaks(value: Any) -> bool:
    if isinstance(value, Mapping):
        return isinstance(value.get("role"), str) and ("content" in value or "tool_calls" in value)
    return hasattr(value, "content") and isinstance(getattr(value, "type", None), str)


def _of_messages(messages: Sequence[Any]) -> Said:
    """The last text of the assistant, the calls of all its messages, usage over all; the talk is kept whole."""
    trajectory = [_plain_message(each) for each in messages]
    last = messages[-1]
    said = _of_plain_message(last) if isinstance(last, Mapping) else _of_message(last)
    told = [usage for each in messages if (usage := _usage_of_message(each)).detail is not None]
    return dataclasses.replace(
        said,
        output=last_answer(trajectory),
        tool_calls=calls_of_all(trajectory),
        usage=said.usage if len(told) <= 1 else _summed(told),
        trajectory=trajectory,
    )


def _of_plain_message(message: Mapping[str, Any]) -> Said:
    return Said(output=text_of(message.get("content")), reasoning=thoughts_of(message), tool_calls=calls_of(message))


def _of_message(message: Any) -> Said:
    """A message of LangChain; its thoughts may be parts of the content or an extra of the provider's."""
    extras = getattr(message, "additional_kwargs", None) or {}
    fields = {**extras, "content": message.content}
    return Said(
        output=text_of(message.content),
        finish_reason=finish_reason_of(getattr(message, "response_metadata", None) or {}),
        reasoning=thoughts_of(fields),
        tool_calls=calls_of({**fields, "tool_calls": getattr(message, "tool_calls", None)}),
        usage=_usage_of_message(message),
    )


def _usage_of_message(message: Any) -> Usage:
    return usage_of(getattr(message, "usage_metadata", None))


def _summed(told: Sequence[Usage]) -> Usage:
    counts = {}
    for name in COUNTS:
        known = [count for usage in told if (count := getattr(usage.counts, name)) is not None]
        counts[name] = sum(known) if known else None
    detail = json_cell([json.loads(usage.detail) for usage in told if usage.detail is not None])
    return Usage(dataclasses.replace(told[0].counts, **counts), detail)


def _plain_message(message: Any) -> dict[str, Any]:
    if isinstance(message, Mapping):
        return dict(message)
    plain = {"role": ROLES.get(message.type, message.type), "content": message.content}
    further = {name: getattr(message, name, None) for name in ("tool_calls", "tool_call_id")}
    return plain | {name: value for name, value in further.items() if value}


def _plain(value: Any) -> Any:
    """A value as JSON knows it."""
    match value:
        case str() | int() | float() | None:
            return value
        case Mapping():
            return {str(name): _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case set() | frozenset():
            return sorted((_plain(item) for item in value), key=repr)
        case _:
            return _plain_object(value)


def _plain_object(value: Any) -> Any:
    """An object as JSON knows it: of pydantic (as LangChain's documents), of a data class, of numpy, a date."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    raise ConfigError(f"expected a reply with a JSON form, got {value!r:.80}")


def _json_text(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"expected a reply with a JSON form, got {value!r:.80}: {error}") from error
