"""From a reply as it came to what it says: answer, thoughts, calls and outcome, for every provider in one place.

Replies are stored as they came, so a change here is free: they are read anew and nothing is asked again.
"""

from dataclasses import dataclass, replace

from eval_assets.config.model import Model, ReasoningTags
from eval_assets.providers.replies.content import called_functions, json_cell
from eval_assets.providers.replies.endings import outcome_of
from eval_assets.providers.replies.thoughts import split_thoughts
from eval_assets.requests.exchange import Reply

READING_VERSION = "1"
"""Version of these rules; a new one has predictions made anew from the stored replies."""

FILTERED = "stopped by the provider's content filter"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model's replies are to be read, as its file says.

    Args:
        reasoning_tags: Where tags around thoughts count.
        calls_are_answers: A reply that calls tools answers with its calls.
    """

    reasoning_tags: ReasoningTags = "at_start"
    calls_are_answers: bool = False


def reading_of(model: Model) -> Reading:
    """How the replies of a model are to be read."""
    return Reading(model.file.reasoning_tags, calls_are_answers=model.file.tool_calls == "as_output")


def understood(reply: Reply, reading: Reading, *, has_tools: bool = False) -> Reply:
    """Take a reply apart; `raw_output` keeps the text as it came where `output` differs from it.

    Args:
        reply: As a client gave it or the store kept it. One that brought nothing, or was understood before, stays as
            it is.
        reading: How to read it.
        has_tools: The request gave the model tools: a reply that calls them is an answer.
    """
    if reply.outcome in ("error", "skipped") or reply.raw_output is not None:
        return reply
    tagged, answer = (None, None) if reply.output is None else split_thoughts(reply.output, reading.reasoning_tags)
    outcome = reply.outcome
    if outcome not in ("refused", "truncated"):
        outcome = outcome_of(answer, finish_reason=reply.finish_reason, calls=reply.tool_calls is not None)
    may_call = has_tools or reply.trajectory is not None
    if outcome == "tool_call" and may_call and reply.tool_calls is not None and not reading.calls_are_answers:
        outcome = "ok"
    output = answer if answer and answer.strip() else None
    if outcome == "ok" == reply.outcome and output == reply.output and tagged is None and reply.reasoning is None:
        return reply
    if outcome == "tool_call" and reading.calls_are_answers and reply.tool_calls is not None:
        outcome, output = "ok", json_cell(called_functions(reply.tool_calls))
    read = replace(
        reply,
        outcome=outcome,
        output=output,
        reasoning="\n\n".join(part for part in (reply.reasoning, tagged) if part) or None,
        raw_output=None if output == reply.output else reply.output,
    )
    if outcome == "refused":
        return replace(read, error=read.error or FILTERED, error_kind=read.error_kind or "content_filter")
    return replace(read, error=_shortfall(read)) if outcome != "ok" else read


def _shortfall(reply: Reply) -> str | None:
    """Why there is no whole answer."""
    thoughts = " but thoughts" if reply.reasoning else ""
    match reply.outcome:
        case "tool_call" if reply.tool_calls is not None:
            names = ", ".join(str(call["name"] or "a tool without name") for call in called_functions(reply.tool_calls))
            return f"the reply calls {names} instead of answering"
        case "tool_call":
            return f"the reply ended with {reply.finish_reason!r} instead of answering; its calls aren't known"
        case "truncated" if reply.output is None:
            return (
                f"the tokens ran out before any answer: nothing came{thoughts} (finish reason {reply.finish_reason!r})"
            )
        case "empty":
            return f"the reply holds no text{thoughts} (finish reason {reply.finish_reason!r})"
        case _:
            return reply.error
