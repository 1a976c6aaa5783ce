"""How many tokens a judge's reply may have: room to think for models that do, and twice as many after a cut."""

from collections.abc import Mapping
from typing import Any

from eval_assets.config.files.parameter_names import TOKEN_LIMITS
from eval_assets.config.model import Model
from eval_assets.config.served import thinking_budget
from eval_assets.providers.dialects.families import thinks
from eval_assets.requests.exchange import Reply

ROOM_TO_THINK = 4_096
"""Least limit, in tokens, of a judge on a model that thinks: thoughts count against it, before any verdict."""


def with_room_to_think(parameters: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """Parameters of a judge whose stated limit leaves room for thoughts, if its model has any."""
    name = _limit_in(parameters)
    if name is None or not thinks(model.file):
        return dict(parameters)
    return {**parameters, name: max(parameters[name], ROOM_TO_THINK, _room_beside_budget(parameters[name], model))}


def _room_beside_budget(limit: int, model: Model) -> int:
    """Tokens for a verdict and for the thoughts that a model's file sets aside; 0 where it sets none aside."""
    budget = thinking_budget(model.file.parameters) if model.file.spoken_api == "messages" else 0
    return budget + limit if budget else 0


def with_twice_the_room(parameters: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    """Parameters with twice the limit for another attempt; where it was cut while thinking, with room for that.

    A request that states no limit gets twice what the reply used; none, if its provider doesn't tell.

    Args:
        parameters: Of the request whose reply was cut.
        reply: The reply.

    >>> from datetime import UTC, datetime
    >>> cut = Reply("truncated", '{"just', "length", 1.0, datetime(2026, 1, 1, tzinfo=UTC))
    >>> with_twice_the_room({"max_tokens": 96}, cut)
    {'max_tokens': 192}
    """
    name = _limit_in(parameters)
    limit = reply.completion_tokens if name is None else parameters[name]
    if not isinstance(limit, int) or limit < 1:
        return dict(parameters)
    least = ROOM_TO_THINK if is_cut_while_thinking(reply) else 0
    return {**parameters, name or TOKEN_LIMITS[0]: max(2 * limit, least)}


def is_cut_while_thinking(reply: Reply) -> bool:
    """Whether the tokens ran out before any answer."""
    return reply.outcome == "truncated" and not (reply.output or "").strip()


def _limit_in(parameters: Mapping[str, Any]) -> str | None:
    return next((name for name in TOKEN_LIMITS if parameters.get(name) is not None), None)
