"""What a request may cost before it is sent, and what it did cost once it was answered."""

import json
import math
from collections.abc import Mapping
from typing import Any

from eval_assets.config.prices import Prices
from eval_assets.providers.dispatch.rates import MILLION, counted_cost_usd, dearest_rates
from eval_assets.requests.conversations import images_in, message_text
from eval_assets.requests.exchange import Reply, Request
from eval_assets.requests.used_tokens import UsedTokens, parts_of

ASSUMED_MAX_TOKENS = 4_096
"""Length assumed for a reply whose request sets no limit."""

BYTES_PER_TOKEN = 2
"""What a token of prose has at least, in most languages: for expectations, not for bounds."""

TOKENS_PER_MESSAGE = 8

TOKENS_PER_REQUEST = 256
"""What a chat template puts around the messages: a system prompt of its own, a date, the start of the reply."""

MOST_TOKENS_PER_IMAGE = 50_000
"""What the smallest models of OpenAI charge for the largest image that they look at in full, rounded up."""

EXPECTED_TOKENS_PER_IMAGE = 1_000

TOKENS_PER_TOOLBOX = 1_024
"""What a provider puts around tools and schemas to explain them to the model."""


def most_prompt_tokens(request: Request) -> int:
    """More tokens than the prompt can have, whatever the tokenizer: a token is at least one byte of UTF-8.

    Everything that is sent counts: messages with all their fields, tools, schemas among the parameters, the response
    format. Several times too much for prose.

    >>> most_prompt_tokens(Request(({"role": "user", "content": "1 2 3"},)))  # 5 bytes, 4 of the role, 8 and 256
    273
    """
    structured = [value for value in request.parameters.values() if isinstance(value, Mapping | list | tuple)]
    if request.response_format is not None:
        structured.append(request.response_format)
    structured += request.tools
    n_bytes = sum(_n_bytes(value) for message in request.messages for value in message.values())
    n_bytes += sum(map(_n_bytes, structured))
    n_around = TOKENS_PER_MESSAGE * len(request.messages) + TOKENS_PER_REQUEST
    n_of_images = MOST_TOKENS_PER_IMAGE * _n_images(request)
    return n_bytes + n_around + n_of_images + (TOKENS_PER_TOOLBOX if structured else 0)


def expected_prompt_tokens(request: Request) -> int:
    """About how many tokens the prompt has: what is counted against `tokens_per_minute` until the provider tells.

    >>> expected_prompt_tokens(Request(({"role": "user", "content": "four words of text"},)))
    17
    """
    texts = map(message_text, request.messages)
    of_images = EXPECTED_TOKENS_PER_IMAGE * _n_images(request)
    return of_images + sum(len(text.encode()) // BYTES_PER_TOKEN + TOKENS_PER_MESSAGE for text in texts)


def max_completion_tokens(request: Request) -> int:
    """The longest reply the request allows, in tokens."""
    for name in ("max_completion_tokens", "max_tokens"):
        limit = request.parameters.get(name)
        if isinstance(limit, int) and limit > 0:
            return limit
    return ASSUMED_MAX_TOKENS


def worst_case_usd(request: Request, prices: Prices) -> float:
    """What a request costs at most, if its parameters limit the reply: every token at the dearest rate for it."""
    prompt, completion = dearest_rates(prices)
    per_million = most_prompt_tokens(request) * prompt + max_completion_tokens(request) * completion
    return per_million / MILLION + prices.request_usd


def cost_usd(prompt_tokens: int, completion_tokens: int, prices: Prices) -> float:
    """What a reply of this length costs, if nothing is known of its tokens but their number.

    >>> cost_usd(1_000_000, 500_000, Prices(prompt_usd_per_million=0.15, completion_usd_per_million=0.6))
    0.45
    """
    return counted_cost_usd(UsedTokens(prompt_tokens, completion_tokens), prices)


def reply_cost_usd(reply: Reply, prices: Prices) -> float | None:
    """What a reply cost: as its provider says, else from its tokens; null if neither is known, or no price is."""
    if reply.cost_usd is not None:
        return reply.cost_usd
    if prices.as_told and (told := _told_cost(reply.usage)) is not None:
        return told
    if not prices.are_known:
        return None
    if reply.prompt_tokens is None or reply.completion_tokens is None:
        return prices.request_usd if dearest_rates(prices) == (0, 0) else None
    return counted_cost_usd(UsedTokens(reply.prompt_tokens, reply.completion_tokens, **parts_of(reply)), prices)


def _n_images(request: Request) -> int:
    return sum(1 for _ in images_in(request.messages))


def _told_cost(usage: str | None) -> float | None:
    """The dollars that a usage tells; null where it tells none.

    >>> _told_cost('{"prompt_tokens": 9, "cost": 0.0125}'), _told_cost('{"cost": -1}'), _told_cost('{"cost": "free"}')
    (0.0125, None, None)
    """
    cost = json.loads(usage).get("cost") if usage else None
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not (0 <= cost < math.inf):
        return None
    return float(cost)


def _n_bytes(value: Any) -> int:
    """Bytes of a text, or of the widest common JSON of anything else: chat templates indent it and escape letters."""
    if isinstance(value, str):
        return len(value.encode(errors="surrogatepass"))
    return len(json.dumps(value, indent=4, default=str))
