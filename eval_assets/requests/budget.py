"""What may be spent: worst-case reservations before a request is sent, the real cost after it was answered."""

import threading

from eval_assets.errors import ConfigError


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
        self._n_reserved = 0
        self._lock = threading.Lock()

    @property
    def spent_usd(self) -> float:
        """Cost of everything answered so far."""
        return self._spent

    @property
    def is_settled(self) -> bool:
        """Whether nothing is set aside in this process: what is spent won't become less than it may have been."""
        return self._n_reserved == 0

    def reserve(self, usd: float) -> bool:
        """Set aside the worst-case cost of one request; false if that could exceed the budget."""
        with self._lock:
            if self._spent + self._reserved + usd > self.max_usd:
                return False
            self._reserved += usd
            self._n_reserved += 1
            return True

    def settle(self, reserved_usd: float, cost_usd: float) -> None:
        """Replace a reservation by what the request cost, 0 if it was not answered."""
        with self._lock:
            self._reserved -= reserved_usd
            self._n_reserved -= 1
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

    @property
    def is_settled(self) -> bool:
        """Whether nothing is set aside in any of the ceilings."""
        return all(budget.is_settled for budget in self._budgets)

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
