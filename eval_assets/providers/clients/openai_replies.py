"""Reading what an OpenAI-compatible endpoint sends back: replies and refusals.

Sending is in `openai_client`; what other statuses mean, in `http.statuses`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from eval_assets.providers.failures import AttemptFailure, TransientFailure
from eval_assets.providers.http.headers import finite_number
from eval_assets.providers.http.statuses import CLIENT_ERRORS, error_of, failure_of
from eval_assets.providers.requests import Reply

REFUSED_CODES = ("content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation", "flagged")


def reply_of(body: Any, *, latency_seconds: float, requested_at: datetime) -> Reply:
    """The reply in a body of status 200.

    Raises:
        AttemptFailure: The body holds an error, no choice, or a choice without text.
    """
    if not isinstance(body, Mapping):
        raise TransientFailure(f"expected a JSON object, got {type(body).__name__}", kind="invalid_json")
    if isinstance(body.get("error"), Mapping):
        raise _failure_in_body(body["error"])
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise TransientFailure("expected one choice in the reply, got none", kind="empty_choice")
    choice = choices[0]
    message = choice.get("message") or {}
    finish_reason = choice.get("finish_reason")
    output = _text_of(message.get("content"))
    refusal = message.get("refusal")
    usage = body.get("usage") or {}
    logprobs = (choice.get("logprobs") or {}).get("content")
    if not refusal and finish_reason not in ("content_filter", "length") and output is None:
        raise TransientFailure(
            f"expected text in the reply, got none (finish reason {finish_reason!r})", kind="empty_choice"
        )
    refused = bool(refusal) or finish_reason == "content_filter"
    return Reply(
        outcome="refused" if refused else "truncated" if finish_reason == "length" else "ok",
        output=output,
        finish_reason=finish_reason,
        latency_seconds=latency_seconds,
        requested_at=requested_at,
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
        error=(refusal or "stopped by the provider's content filter") if refused else None,
        error_kind=("refusal" if refusal else "content_filter") if refused else None,
        logprobs=logprobs if isinstance(logprobs, list) else None,
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


def now() -> datetime:
    """The time of a request."""
    return datetime.now(UTC)


def _failure_in_body(error: Mapping[str, Any]) -> AttemptFailure:
    """Some proxies send errors with status 200 and the real status inside."""
    code = finite_number(str(error.get("code", "")))
    if code is not None and CLIENT_ERRORS <= code < 600:  # noqa: PLR2004  an HTTP status
        return failure_of(int(code), {}, {"error": error}, "")
    return TransientFailure(f"the body holds an error: {error_of({'error': error})[1]}", kind="error_in_body")


def _text_of(content: Any) -> str | None:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else None
