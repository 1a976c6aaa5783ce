"""What may be spent: worst-case reservations before a request is sent, the real cost after it was answered."""

import threading

from eval_assets.config.model import Prices
from eval_assets.providers.requests import Reply, Request

ASSUMED_MAX_TOKENS = 4_096
"""Length assumed for a reply whose request sets no limit."""

BYTES_PER_TOKEN = 2
"""Fewer bytes than a token of any common language has, so that estimates are upper bounds."""

TOKENS_PER_MESSAGE = 8


class Budget:
    """A ceiling in dollars, shared by all engines of a run; safe to use from several threads."""

    def __init__(self, max_usd: float) -> None:
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


def estimated_prompt_tokens(request: Request) -> int:
    """An upper bound of the prompt's length in tokens, without a tokenizer.

    >>> estimated_prompt_tokens(Request(({"role": "user", "content": "four words of text"},)))
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
    """What a request costs at most."""
    return cost_usd(estimated_prompt_tokens(request), max_completion_tokens(request), prices)


def cost_usd(prompt_tokens: int, completion_tokens: int, prices: Prices) -> float:
    """What a reply of this length costs.

    >>> cost_usd(1_000_000, 500_000, Prices(prompt_usd_per_million=0.15, completion_usd_per_million=0.6))
    0.45
    """
    per_million = prompt_tokens * prices.prompt_usd_per_million + completion_tokens * prices.completion_usd_per_million
    return per_million / 1_000_000 + prices.request_usd


def reply_cost_usd(reply: Reply, prices: Prices) -> float | None:
    """What a reply cost: as its provider says, else from its tokens; null if neither is known."""
    if reply.cost_usd is not None:
        return reply.cost_usd
    if prices.prompt_usd_per_million == 0 and prices.completion_usd_per_million == 0:
        return prices.request_usd
    if reply.prompt_tokens is None or reply.completion_tokens is None:
        return None
    return cost_usd(reply.prompt_tokens, reply.completion_tokens, prices)
