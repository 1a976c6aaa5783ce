"""How replies end: every provider's words for it, and the outcome that follows."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from eval_assets.requests.exchange import Outcome

Ending = Literal["cut", "filtered", "calls", "said"]

CUT = (
    "length", "max_length", "length_limit", "length_capped", "max_tokens", "max_new_tokens", "max_output_tokens",
    "max_completion_tokens", "max_tokens_reached", "max_model_len", "model_length", "context_length",
    "context_length_exceeded", "context_window_exceeded", "model_context_window_exceeded", "token_limit",
    "token_limit_reached", "output_token_limit", "incomplete", "truncated", "error_limit",
    "insufficient_system_resource", "pause_turn", "pause", "error", "other_error",
)  # fmt: skip
FILTERED = (
    "content_filter", "content_filtered", "content_filter_error", "content_policy_violation",
    "responsible_ai_policy_violation", "safety", "recitation", "language", "blocklist", "prohibited_content", "spii",
    "image_safety", "image_recitation", "image_prohibited_content", "model_armor", "guardrail", "guardrails",
    "guardrail_intervened", "refusal", "refused", "moderation", "moderated", "sensitive", "blocked", "flagged",
    "error_toxic",
)  # fmt: skip
CALLS = (
    "tool_calls", "tool_call", "tool_use", "tool", "tools", "function_call", "function_calls",
    "malformed_function_call", "unexpected_tool_call", "malformed_tool_call",
)  # fmt: skip


def _letters(word: str) -> str:
    """A word without case, separators and the name of its enumeration.

    >>> _letters("FinishReason.MAX_TOKENS"), _letters("maxTokens"), _letters("max-tokens")
    ('maxtokens', 'maxtokens', 'maxtokens')
    """
    return re.sub(r"[^a-z0-9]", "", word.casefold()).removeprefix("finishreason")


ENDINGS: Mapping[str, Ending] = MappingProxyType(
    {
        **{_letters(word): "cut" for word in CUT},
        **{_letters(word): "filtered" for word in FILTERED},
        **{_letters(word): "calls" for word in CALLS},
    }
)
"""Letters of a finish reason → what it means."""

PARTS: tuple[tuple[re.Pattern[str], Ending], ...] = (
    (
        re.compile("filter|safety|unsafe|harm|toxic|moderat|guardrail|censor|prohibit|polic[yi]|refus|sensitive"),
        "filtered",
    ),
    (re.compile("tool(call|use)|functioncall"), "calls"),
    (
        re.compile(
            r"limit|length|truncat|max(new|output|completion|gen\w*)?tok|tokenbudget|exhaust|contextwindow|outofcontext"
            "|timeout|timedout|abort|cancel|interrupt|preempt|disconnect|incomplete|unfinished|error|numpredict"
        ),
        "cut",
    ),
)
"""What tells of an ending in words that aren't known; without it, the model had said what it wanted to say."""


def ending_of(finish_reason: str | None) -> Ending:
    """What a finish reason means, in any provider's spelling.

    >>> ending_of("MAX_TOKENS"), ending_of("SAFETY"), ending_of("tool_use"), ending_of("stop"), ending_of(None)
    ('cut', 'filtered', 'calls', 'said', 'said')
    """
    if not finish_reason:
        return "said"
    letters = _letters(finish_reason)
    told: Ending = next((ending for part, ending in PARTS if part.search(letters)), "said")
    return ENDINGS.get(letters, told)


def finish_reason_of(choice: Any) -> str | None:
    """The finish reason of a choice as text: under its usual name, or where older and other servers put it.

    >>> finish_reason_of({"finish_reason": None, "finish_details": {"type": "max_tokens"}})
    'max_tokens'
    """
    details = choice.get("finish_details")
    for word in (
        choice.get("finish_reason"),
        details.get("type") if isinstance(details, dict) else None,
        choice.get("stop_reason"),
    ):
        if isinstance(word, str) and word.strip():
            return word
    return None


def outcome_of(output: str | None, *, finish_reason: str | None, calls: bool = False, refused: bool = False) -> Outcome:
    """The outcome of a reply that came: never `error`.

    A refusal weighs most, then a cut: what was cut is neither a whole answer nor a whole call.

    Args:
        output: What was answered; null or blank where nothing was.
        finish_reason: The provider's word.
        calls: The reply calls tools.
        refused: The reply says apart from its finish reason that it is a refusal.

    >>> outcome_of("Paris", finish_reason="stop"), outcome_of(" ", finish_reason="stop")
    ('ok', 'empty')
    """
    ending = ending_of(finish_reason)
    if refused or ending == "filtered":
        return "refused"
    if ending == "cut":
        return "truncated"
    if calls or ending == "calls":
        return "tool_call"
    return "ok" if output and output.strip() else "empty"
