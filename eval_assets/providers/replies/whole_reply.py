"""A reply of what was read out of a body: the same whatever API it came by."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from eval_assets.providers.replies.endings import outcome_of
from eval_assets.providers.replies.reading import FILTERED
from eval_assets.providers.replies.token_usage import Usage
from eval_assets.requests.answerer import answerer_told
from eval_assets.requests.exchange import Reply
from eval_assets.requests.used_tokens import parts_of


def whole_reply(  # noqa: PLR0913  all that a reply is made of
    body: Mapping[str, Any],
    *,
    output: str | None,
    finish_reason: str | None,
    usage: Usage,
    latency_seconds: float,
    requested_at: datetime,
    refusal: str | None = None,
    reasoning: str | None = None,
    tool_calls: str | None = None,
    logprobs: list[dict[str, Any]] | None = None,
) -> Reply:
    """Put it together, with the outcome that follows.

    Args:
        body: Says which model answered.
        output: What was answered; null where there is no text.
        finish_reason: The provider's word.
        usage: What was counted.
        latency_seconds: Until it was there.
        requested_at: UTC.
        refusal: Why it refuses, where it says so apart from its finish reason.
        reasoning: Its thoughts.
        tool_calls: Its calls, a JSON list.
        logprobs: Of its tokens.
    """
    outcome = outcome_of(output, finish_reason=finish_reason, calls=tool_calls is not None, refused=refusal is not None)
    refused = outcome == "refused"
    return Reply(
        outcome=outcome,
        output=output,
        finish_reason=finish_reason,
        latency_seconds=latency_seconds,
        requested_at=requested_at,
        prompt_tokens=usage.counts.prompt_tokens,
        completion_tokens=usage.counts.completion_tokens,
        error=(refusal or FILTERED) if refused else None,
        error_kind=("refusal" if refusal else "content_filter") if refused else None,
        logprobs=logprobs,
        reasoning=reasoning,
        tool_calls=tool_calls,
        usage=usage.detail,
        **answerer_told(body),
        **parts_of(usage.counts),  # type: ignore[arg-type]  # counts, by name
    )
