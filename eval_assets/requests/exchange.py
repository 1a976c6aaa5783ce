"""What goes to a model and what comes back. How it is sent is in the client modules, how often in `engine`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NotRequired, Protocol, TypedDict

Outcome = Literal["ok", "tool_call", "empty", "error", "refused", "truncated", "unparsed", "skipped"]
HIDDEN = "targets"
"""The column of an example that no candidate is shown: it is scored against it."""

UNSCORED_OUTCOMES = ("tool_call", "empty", "error", "refused", "truncated", "unparsed", "skipped")


class Message(TypedDict):
    """One chat message: text, a list of parts (texts and images), or null where the assistant only calls tools.

    `tool_calls` are the assistant's, in OpenAI's shape; a message of role `tool` names the call that it answers.
    """

    role: str
    content: str | list[dict[str, Any]] | None
    tool_calls: NotRequired[list[dict[str, Any]]]
    tool_call_id: NotRequired[str]
    name: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model, complete: two equal requests deserve the same answer.

    Args:
        messages: The rendered prompt.
        parameters: Sampling parameters, as sent.
        response_format: JSON schema or JSON mode the reply must follow, as the endpoint wants it.
        tools: What the model may call, in the shape of OpenAI's chat: `{type: function, function: {name, …}}`.
        sample_index: Which of several replies to the same messages this is.
        may_weaken_format: Whoever reads the reply looks for himself whether it follows the format, so an endpoint that
            takes none such is asked in a weaker one, or in none. No part of the request key.
        columns: The example's columns; only providers that are shown the example (callable, recorded) read them, and
            only theirs are part of the request key.
    """

    messages: tuple[Message, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    response_format: Mapping[str, Any] | None = None
    sample_index: int = 0
    columns: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Mapping[str, Any], ...] = ()
    may_weaken_format: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a model.

    `outcome` is `ok`, `tool_call` (it calls tools), `empty` (it holds no text), `truncated` (cut by the token limit),
    `refused` (content filter or refusal field) or `error` (none came). `output` is null unless text came;
    `latency_seconds` where nobody measured it (recorded predictions). `error_kind` is a short slug (`rate_limited`,
    `timeout`, `http_500`, …). `reasoning` is what the model thought, apart from the answer; `tool_calls` the JSON list
    of its calls; `trajectory` the JSON list of all its messages, where it is a whole conversation that ends in
    `output`; `usage` the JSON of what the provider says it used. `raw_output` is the text as it came, where
    `output` differs from it. What kind of tokens `prompt_tokens` and `completion_tokens` were, the other counts
    say: `UsedTokens`. `tokens_estimated` marks counts that are guessed from lengths. `answered_by` is the model as the
    provider reports it, `system_fingerprint` and `service_tier` are what it says of its servers and its service.
    `extra` is the JSON object of what code of the user returned beside its output, `first_token_seconds` the time until
    the first piece of a streamed reply, null where it came in one.
    """

    outcome: Outcome
    output: str | None
    finish_reason: str | None
    latency_seconds: float | None
    requested_at: datetime
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    error: str | None = None
    error_kind: str | None = None
    logprobs: list[dict[str, Any]] | None = None
    reasoning: str | None = None
    tool_calls: str | None = None
    trajectory: str | None = None
    usage: str | None = None
    raw_output: str | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_prompt_tokens: int | None = None
    image_prompt_tokens: int | None = None
    audio_completion_tokens: int | None = None
    tokens_estimated: bool | None = None
    answered_by: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    extra: str | None = None
    first_token_seconds: float | None = None


class AtHand(Protocol):
    """Has every reply at hand: nothing is sent, so nothing has to be waited for or paid."""

    def reply_to(self, request: Request) -> Reply:
        """The reply; raises one of `failures` if there is none."""
        ...


class Client(Protocol):
    """A provider that answers one request at a time; the engine calls it concurrently.

    `complete` returns a reply with any outcome but `error`; if none came it raises one of `failures`.
    """

    async def complete(self, request: Request) -> Reply:
        """Send one request."""
        ...

    async def aclose(self) -> None:
        """Release connections; the client is not used afterwards."""
        ...
