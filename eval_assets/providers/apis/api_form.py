"""What one API is to the client that speaks it: where requests go, how they are written, how replies are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from eval_assets.providers.apis.streams import STREAM
from eval_assets.requests.exchange import Reply, Request

SEEDS = ("seed", "random_seed")


class WritesBody(Protocol):
    """Makes the JSON body of a request."""

    def __call__(self, model_id: str, request: Request, sent: Mapping[str, Any], /) -> dict[str, Any]:
        """The body for a model id, a request, and its parameters under the names that the endpoint has for them.

        The reply format is one of the parameters.
        """
        ...


class ReadsReply(Protocol):
    """Reads the body of a success."""

    def __call__(self, body: Any, request: Request, /, *, latency_seconds: float, requested_at: datetime) -> Reply:
        """The reply; raises a failure of `failures` where the body is none."""
        ...


class JoinsEvents(Protocol):
    """Makes one body of the events of a stream."""

    def __call__(self, content: bytes, /) -> dict[str, Any]:
        """The body that they amount to, or that of an error; raises `TransientFailure` where the stream is cut."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiForm:
    """How an API is asked and answers.

    Args:
        path: Where requests go, below the base address; `{model}` stands for the model id.
        body: Writes a request.
        reply: Reads what came.
        whole: Joins what comes piece by piece.
        streaming: Parameters that ask for that.
        streamed_path: Where requests for that go, if elsewhere.
        formats: Types of reply formats that it has.
    """

    path: str
    body: WritesBody
    reply: ReadsReply
    whole: JoinsEvents
    streaming: Mapping[str, Any] = field(default_factory=lambda: STREAM)
    streamed_path: str | None = None
    formats: tuple[str, ...] = ("json_schema", "json_object")


def nested(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as a body holds them: a dot in a name leads into an object.

    >>> nested({"reasoning": {"summary": "auto"}, "reasoning.effort": "low", "top_p": 1})
    {'reasoning': {'summary': 'auto', 'effort': 'low'}, 'top_p': 1}
    """
    body: dict[str, Any] = {}
    for name, value in sorted(sent.items(), key=lambda item: "." in item[0]):
        *path, last = name.split(".")
        at = body
        for part in path:
            inner = at.get(part)
            at[part] = dict(inner) if isinstance(inner, Mapping) else {}
            at = at[part]
        at[last] = value
    return body


def drawn(body: dict[str, Any], sample_index: int) -> dict[str, Any]:
    """The body with a seed of its own for each sample: one seed for all would draw the same reply again."""
    for name in SEEDS:
        if isinstance(body.get(name), int):
            body[name] += sample_index
    return body
