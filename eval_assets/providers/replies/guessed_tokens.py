"""Tokens of a reply whose provider tells none: guessed from lengths, and marked so."""

from dataclasses import replace

from eval_assets.requests.conversations import message_text
from eval_assets.requests.exchange import Reply, Request

CHARACTERS_PER_TOKEN = 4
"""Of English prose, in most tokenizers."""


def with_guessed_tokens(reply: Reply, request: Request) -> Reply:
    """The reply with both counts; one that is told stays.

    Args:
        reply: As it came.
        request: What it answers.
    """
    if reply.prompt_tokens is not None and reply.completion_tokens is not None:
        return reply
    asked = sum(map(len, map(message_text, request.messages)))
    answered = sum(len(text or "") for text in (reply.output, reply.reasoning, reply.tool_calls))
    return replace(
        reply,
        prompt_tokens=_tokens(asked) if reply.prompt_tokens is None else reply.prompt_tokens,
        completion_tokens=_tokens(answered) if reply.completion_tokens is None else reply.completion_tokens,
        tokens_estimated=True,
    )


def _tokens(n_characters: int) -> int:
    """About how many tokens so many characters are.

    >>> _tokens(0), _tokens(1), _tokens(9)
    (0, 1, 3)
    """
    return -(-n_characters // CHARACTERS_PER_TOKEN)
