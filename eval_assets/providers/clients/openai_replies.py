"""Reading what an OpenAI-compatible endpoint sends back: replies, refusals, failures, quotas.

Sending is in `openai_client`.
"""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from eval_assets.providers.dispatch.limiter import Quota
from eval_assets.providers.failures import (
    AttemptFailure,
    PartitionFailure,
    RateLimited,
    RequestFailed,
    TransientFailure,
)
from eval_assets.providers.replies.content import calls_of, json_cell, text_of, thoughts_of
from eval_assets.providers.replies.endings import finish_reason_of, outcome_of
from eval_assets.providers.replies.reading import FILTERED
from eval_assets.providers.replies.usage import usage_of
from eval_assets.providers.requests import Reply

REFUSED_CODES = ("content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation", "flagged")
NO_MONEY_CODES = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
CONGESTED = (503, 529)
SECONDS_PER_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST_MESSAGE = 500


def reply_of(body: Any, *, latency_seconds: float, requested_at: datetime) -> Reply:
    """The reply in a body of status 200, as it came: with text, calls, a refusal, or nothing but a bill.

    Raises:
        AttemptFailure: The body holds an error, or neither a message nor a sign that anything was billed.
    """
    if not isinstance(body, Mapping):
        raise TransientFailure(f"expected a JSON object, got {type(body).__name__}", kind="invalid_json")
    if isinstance(body.get("error"), Mapping):
        raise _failure_in_body(body["error"])
    usage = usage_of(body.get("usage"))
    choice, message = _choice_in(body)
    finish_reason = finish_reason_of(choice)
    if message is None and finish_reason is None and not (usage.prompt_tokens or usage.completion_tokens):
        raise TransientFailure("expected one choice in the reply, got none", kind="empty_choice")
    message = message or {}
    content, refusal = message.get("content"), _refusal_in(message)
    output, calls = text_of(content), calls_of(message)
    logprobs = choice.get("logprobs")
    tokens = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    outcome = outcome_of(output, finish_reason=finish_reason, calls=calls is not None, refused=refusal is not None)
    refused = outcome == "refused"
    return Reply(
        outcome=outcome,
        output=output,
        finish_reason=finish_reason,
        latency_seconds=latency_seconds,
        requested_at=requested_at,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        error=(refusal or FILTERED) if refused else None,
        error_kind=("refusal" if refusal else "content_filter") if refused else None,
        logprobs=tokens if isinstance(tokens, list) else None,
        reasoning=thoughts_of(message),
        tool_calls=calls,
        usage=usage.detail,
    )


def refusal_of(status: int, body: Any, *, latency_seconds: float, requested_at: datetime) -> Reply | None:
    """The refusal that some endpoints send as an error: Azure's content filter (400), moderation (403)."""
    code, message = _error_of(body)
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


def failure_of(  # noqa: PLR0911  one line per meaning of a status
    status: int, headers: Mapping[str, str], body: Any, model_id: str
) -> AttemptFailure:
    """What a status other than 200 means for the request and for all others."""
    code, message = _error_of(body)
    said = f"HTTP {status}: {message or 'no message'}"
    match status:
        case 429 if code in NO_MONEY_CODES:
            return PartitionFailure(said, kind=code)
        case 429:
            return RateLimited(said, retry_after_seconds(headers))
        case 401:
            return PartitionFailure(f"the key was refused, {said}", kind="authentication")
        case 402 | 403:
            return PartitionFailure(f"no permission, {said}", kind="permission")
        case 404:
            return PartitionFailure(f"model {model_id!r} or its endpoint is unknown, {said}", kind="unknown_model")
        case 405 | 410 | 421:
            return PartitionFailure(f"the endpoint takes no chat completions, {said}", kind=f"http_{status}")
        case 408 | 409 | 425:
            return TransientFailure(said, kind=f"http_{status}")
        case _ if status >= 500:  # noqa: PLR2004  the class of server errors
            return TransientFailure(said, kind=f"http_{status}", congested=status in CONGESTED)
        case _:
            return RequestFailed(said, kind=code or f"http_{status}")


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the provider asks to wait; null if it doesn't say.

    >>> retry_after_seconds({"retry-after": "1.5"}), retry_after_seconds({"retry-after-ms": "20"})
    (1.5, 0.02)
    """
    milliseconds, value = headers.get("retry-after-ms"), headers.get("retry-after")
    if milliseconds is not None and (number := _number(milliseconds)) is not None:
        return max(0.0, number / 1000)
    if value is None:
        return None
    if (number := _number(value)) is not None:
        return max(0.0, number)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def quota_of(headers: Mapping[str, str]) -> Quota:
    """What the rate-limit headers say is left."""
    left = {kind: _number(headers.get(f"x-ratelimit-remaining-{kind}", "")) for kind in ("requests", "tokens")}
    reset = {kind: duration_seconds(headers.get(f"x-ratelimit-reset-{kind}", "")) for kind in ("requests", "tokens")}
    return Quota(
        remaining_requests=None if left["requests"] is None else int(left["requests"]),
        reset_requests_seconds=reset["requests"],
        remaining_tokens=None if left["tokens"] is None else int(left["tokens"]),
        reset_tokens_seconds=reset["tokens"],
    )


def duration_seconds(text: str) -> float | None:
    """Seconds of a duration as rate-limit headers write it; null if it isn't one.

    >>> duration_seconds("6m0.5s"), duration_seconds("20ms"), duration_seconds("3"), duration_seconds("soon")
    (360.5, 0.02, 3.0, None)
    """
    if (number := _number(text)) is not None:
        return number
    if not re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h|d))+", text):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    return sum(float(amount) * SECONDS_PER_UNIT[unit] for amount, unit in parts)


def now() -> datetime:
    """The time of a request."""
    return datetime.now(UTC)


def _failure_in_body(error: Mapping[str, Any]) -> AttemptFailure:
    """Some proxies send errors with status 200 and the real status inside."""
    code = _number(str(error.get("code", "")))
    if code is not None and code >= 400:  # noqa: PLR2004  an HTTP status
        return failure_of(int(code), {}, {"error": error}, "")
    return TransientFailure(f"the body holds an error: {_error_of({'error': error})[1]}", kind="error_in_body")


def _error_of(body: Any) -> tuple[str, str]:
    """Code and message of an error body, whatever its shape."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if not isinstance(error, Mapping):
        return "", str(error or "")[:LONGEST_MESSAGE]
    inner = error.get("innererror")
    code = error.get("code") or (inner.get("code") if isinstance(inner, Mapping) else None) or error.get("type") or ""
    message = error.get("message") or error.get("detail") or ""
    return re.sub(r"[^a-z0-9_]+", "_", str(code).lower()), str(message)[:LONGEST_MESSAGE]


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


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
