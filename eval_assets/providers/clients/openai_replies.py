"""Reading what an OpenAI-compatible endpoint sends back: replies, what they used, and refusals.

Sending is in `openai_client`; what other statuses mean, in `http.statuses`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from eval_assets.providers.failures import AttemptFailure, TransientFailure
from eval_assets.providers.http.statuses import CLIENT_ERRORS, error_of, failure_of
from eval_assets.providers.replies.content import calls_of, json_cell, text_of, thoughts_of
from eval_assets.providers.replies.endings import finish_reason_of
from eval_assets.providers.replies.token_usage import usage_of
from eval_assets.providers.replies.whole_reply import whole_reply
from eval_assets.requests.exchange import Reply
from eval_assets.requests.foreign_values import finite_number

REFUSED_CODES = (
    "content_filter",
    "content filter",
    "content_policy_violation",
    "responsibleaipolicyviolation",
    "moderation",
    "flagged",
)


def reply_of(body: Any, *, latency_seconds: float, requested_at: datetime) -> Reply:
    """The reply in a body of status 200, as it came: with text, calls, a refusal, or nothing but a bill.

    Raises:
        AttemptFailure: The body holds an error, or neither a message nor a sign that anything was billed.
    """
    if not isinstance(body, Mapping):
        raise TransientFailure(f"expected a JSON object, got {type(body).__name__}", kind="invalid_json")
    if isinstance(body.get("error"), Mapping):
        raise _failure_in_body(body["error"])
    if body.get("error") and not body.get("choices"):
        raise TransientFailure(f"the body holds an error: {body['error']!s:.500}", kind="error_in_body")
    usage = usage_of(body.get("usage"))
    choice, message = _choice_in(body)
    finish_reason = finish_reason_of(choice)
    if message is None and finish_reason is None and not usage.tells_tokens:
        raise TransientFailure("expected one choice in the reply, got none", kind="empty_choice")
    message = message or {}
    logprobs = choice.get("logprobs")
    tokens = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    return whole_reply(
        body,
        output=text_of(message.get("content")),
        finish_reason=finish_reason,
        usage=usage,
        latency_seconds=latency_seconds,
        requested_at=requested_at,
        refusal=_refusal_in(message),
        reasoning=thoughts_of(message),
        tool_calls=calls_of(message),
        logprobs=tokens if isinstance(tokens, list) else None,
    )


def refusal_of(status: int, body: Any, *, latency_seconds: float, requested_at: datetime) -> Reply | None:
    """The refusal that some endpoints send as an error: Azure's content filter (400), moderation (403)."""
    code, message = error_of(body)
    if status not in (400, 403) or not any(word in f"{code} {message}".lower() for word in REFUSED_CODES):
        return None
    return Reply(
        outcome="refused",
        output=None,
        finish_reason="content_filter",
        latency_seconds=latency_seconds,
        requested_at=requested_at,
        error=message or code,
        error_kind="content_filter",
    )


def _failure_in_body(error: Mapping[str, Any]) -> AttemptFailure:
    """Some proxies send errors with status 200 and the real status inside."""
    code = finite_number(str(error.get("code", "")))
    if code is not None and CLIENT_ERRORS <= code < 600:  # noqa: PLR2004  an HTTP status
        return failure_of(int(code), {}, {"error": error}, "")
    return TransientFailure(f"the body holds an error: {error_of({'error': error})[1]}", kind="error_in_body")


def _choice_in(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    """The first choice, empty if there is none, and its message."""
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, Mapping):
        return {}, None
    message = choice.get("message")
    return choice, message if isinstance(message, Mapping) else None


def _refusal_in(message: Mapping[str, Any]) -> str | None:
    """What a refusal says, in its field or as a part of the content; null if it is none."""
    refusal, content = message.get("refusal"), message.get("content")
    for part in content if isinstance(content, list) else ():
        if isinstance(part, Mapping) and part.get("type") == "refusal":
            refusal = refusal or part.get("refusal")
    if not refusal:
        return None
    return refusal if isinstance(refusal, str) else json_cell(refusal)
