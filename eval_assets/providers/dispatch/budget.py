"""What may be spent: worst-case reservations before a request is sent, the real cost after it was answered."""

import json
import threading
from collections.abc import Mapping
from typing import Any

from eval_assets.config.model import Prices
from eval_assets.errors import ConfigError
from eval_assets.providers.requests import Reply, Request

ASSUMED_MAX_TOKENS = 4_096
"""Length assumed for a reply whose request sets no limit."""

BYTES_PER_TOKEN = 2
"""What a token of prose has at least, in most languages: for expectations, not for bounds."""

TOKENS_PER_MESSAGE = 8

TOKENS_PER_REQUEST = 256
"""What a chat template puts around the messages: a system prompt of its own, a date, the start of the reply."""

TOKENS_PER_TOOLBOX = 1_024
"""What a provider puts around tools and schemas to explain them to the model."""


class Budget:
    """A ceiling in dollars, shared by all engines of a run; safe to use from several threads.

    Raises:
        ConfigError: It is below 0, or NaN, which no cost would exceed.
    """

    def __init__(self, max_usd: float) -> None:
        if not max_usd >= 0:
            raise ConfigError(f"expected a budget of 0 dollars or more, got {max_usd}")
        self.max_usd = max_usd
        self._spent = 0.0
        self._reserved = 0.0
        self._lock = threading.Lock()

    @property
    def spent_usd(self) -> float:
        """Cost of everything answered so far."""
        return self._spent

    def reserve(self, usd: float) -> bool:
        """Set aside the worst-case cost of one request; false if that could exceed the budget."""
        with self._lock:
            if self._spent + self._reserved + usd > self.max_usd:
                return False
            self._reserved += usd
            return True

    def settle(self, reserved_usd: float, cost_usd: float) -> None:
        """Replace a reservation by what the request cost, 0 if it was not answered."""
        with self._lock:
            self._reserved -= reserved_usd
            self._spent += cost_usd


class SharedBudget(Budget):
    """Several ceilings at once: what is reserved or spent counts against each of them."""

    def __init__(self, *budgets: Budget) -> None:
        super().__init__(min(budget.max_usd for budget in budgets))
        self._budgets = budgets

    @property
    def spent_usd(self) -> float:
        """Cost of everything answered so far, against the ceiling that was spent most of."""
        return max(budget.spent_usd for budget in self._budgets)

    def reserve(self, usd: float) -> bool:
        """Set aside the worst-case cost of one request in all ceilings, or in none."""
        reserved: list[Budget] = []
        for budget in self._budgets:
            if not budget.reserve(usd):
                for former in reserved:
                    former.settle(usd, 0.0)
                return False
            reserved.append(budget)
        return True

    def settle(self, reserved_usd: float, cost_usd: float) -> None:
        """Replace a reservation by what the request cost, in all ceilings."""
        for budget in self._budgets:
            budget.settle(reserved_usd, cost_usd)


def most_prompt_tokens(request: Request) -> int:
    """More tokens than the prompt can have, whatever the tokenizer: a token is at least one byte of UTF-8.

    Everything that is sent counts: messages with all their fields, tools and schemas among the parameters, the response
    format. Several times too much for prose.

    >>> most_prompt_tokens(Request(({"role": "user", "content": "1 2 3"},)))  # 5 bytes, 4 of the role, 8 and 256
    273
    """
    structured = [value for value in request.parameters.values() if isinstance(value, Mapping | list | tuple)]
    if request.response_format is not None:
        structured.append(request.response_format)
    n_bytes = sum(_n_bytes(value) for message in request.messages for value in message.values())
    n_bytes += sum(map(_n_bytes, structured))
    n_around = TOKENS_PER_MESSAGE * len(request.messages) + TOKENS_PER_REQUEST
    return n_bytes + n_around + (TOKENS_PER_TOOLBOX if structured else 0)


def expected_prompt_tokens(request: Request) -> int:
    """About how many tokens the prompt has: what is counted against `tokens_per_minute` until the provider tells.

    >>> expected_prompt_tokens(Request(({"role": "user", "content": "four words of text"},)))
    17
    """
    return sum(len(message["content"].encode()) // BYTES_PER_TOKEN + TOKENS_PER_MESSAGE for message in request.messages)


def max_completion_tokens(request: Request) -> int:
    """The longest reply the request allows, in tokens."""
    for name in ("max_completion_tokens", "max_tokens"):
        limit = request.parameters.get(name)
        if isinstance(limit, int) and limit > 0:
            return limit
    return ASSUMED_MAX_TOKENS


def worst_case_usd(request: Request, prices: Prices) -> float:
    """What a request costs at most, if its parameters limit the reply."""
    return cost_usd(most_prompt_tokens(request), max_completion_tokens(request), prices)


def cost_usd(prompt_tokens: int, completion_tokens: int, prices: Prices) -> float:
    """What a reply of this length costs.

    >>> cost_usd(1_000_000, 500_000, Prices(prompt_usd_per_million=0.15, completion_usd_per_million=0.6))
    0.45
    """
    per_million = prompt_tokens * prices.prompt_usd_per_million + completion_tokens * prices.completion_usd_per_million
    return per_million / 1_000_000 + prices.request_usd


def reply_cost_usd(reply: Reply, prices: Prices) -> float | None:
    """What a reply cost: as its provider says, else from its tokens; null if neither is known, or no price is."""
    if reply.cost_usd is not None:
        return reply.cost_usd
    if not prices.are_known:
        return None
    if prices.prompt_usd_per_million == 0 and prices.completion_usd_per_million == 0:
        return prices.request_usd
    if reply.prompt_tokens is None or reply.completion_tokens is None:
        return None
    return cost_usd(reply.prompt_tokens, reply.completion_tokens, prices)


def _n_bytes(value: Any) -> int:
    """Bytes of a text, or of the widest common JSON of anything else: chat templates indent it and escape letters."""
    if isinstance(value, str):
        return len(value.encode(errors="surrogatepass"))
    return len(json.dumps(value, indent=4, default=str))
