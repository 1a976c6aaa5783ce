"""Plain completions: a text goes in, and what follows it comes out; for base models, which know no roles."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from eval_assets.providers.apis.api_form import ApiForm, drawn, nested
from eval_assets.providers.apis.message_parts import text_of_parts
from eval_assets.providers.apis.streams import STREAM_WITH_USAGE, completion_of_chunks
from eval_assets.providers.clients.openai_replies import reply_of
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.http.event_streams import events_in
from eval_assets.requests.exchange import Reply, Request


def completions_body(model_id: str, request: Request, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request: the one message as it stands. `logprobs: true` asks for those of chat completions.

    Raises:
        RequestFailed: There are several messages, tools, or more than text.
    """
    if len(request.messages) != 1 or request.tools:
        raise RequestFailed("plain completions take one text: no roles, no conversation, no tools", "unsendable")
    body = {**nested(sent), "model": model_id, "prompt": text_of_parts(request.messages[0]["content"])}
    n_likeliest, wanted = body.pop("top_logprobs", None), body.get("logprobs")
    if wanted is True:
        body["logprobs"] = n_likeliest or 1
    elif wanted is False:
        del body["logprobs"]
    return drawn(body, request.sample_index)


def completions_reply(body: Any, _request: Request, *, latency_seconds: float, requested_at: datetime) -> Reply:
    """The reply in a completion, read as a chat completion that says the same."""
    said = as_chat(body) if isinstance(body, Mapping) else body
    return reply_of(said, latency_seconds=latency_seconds, requested_at=requested_at)


def completion_of_texts(content: bytes) -> dict[str, Any]:
    """The completion that the chunks of a stream amount to, as a chat completion."""
    return completion_of_chunks(map(as_chat, events_in(content)))


def as_chat(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A completion, or a chunk of one, in the shape of chat completions; what is none stays as it is.

    >>> as_chat({"choices": [{"index": 0, "text": "Paris", "finish_reason": "stop"}]})
    {'choices': [{'index': 0, 'finish_reason': 'stop', 'message': {'content': 'Paris'}}]}
    """
    choices = body.get("choices")
    if not isinstance(choices, list):
        return body
    return {**body, "choices": [_as_chat_choice(choice) for choice in choices]}


COMPLETIONS = ApiForm(
    path="/completions",
    body=completions_body,
    reply=completions_reply,
    whole=completion_of_texts,
    streaming=STREAM_WITH_USAGE,
    formats=(),
)


def _as_chat_choice(choice: Any) -> Any:
    if not isinstance(choice, Mapping) or "text" not in choice:
        return choice
    said = {name: value for name, value in choice.items() if name not in ("text", "logprobs")}
    told = choice.get("logprobs")
    logprobs = {"logprobs": {"content": list(_tokens_of(told))}} if isinstance(told, Mapping) else {}
    return {**said, "message": {"content": choice["text"]}, **logprobs}


def _tokens_of(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each token with its log probability, and those of the likeliest in its place where they are told."""
    likeliest = iter(told.get("top_logprobs") or ())
    for token, logprob in zip(told.get("tokens") or (), told.get("token_logprobs") or (), strict=False):
        others = next(likeliest, None)
        beside = [{"token": name, "logprob": value} for name, value in others.items()] if others else []
        yield {"token": token, "logprob": logprob, "top_logprobs": beside}
