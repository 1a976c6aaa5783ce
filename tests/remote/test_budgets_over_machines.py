"""A backfill's budget is one account in the warehouse: machines together spend no more than it allows."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from eval_assets.requests.budget import Budget
from eval_assets.storage.remote import warehouse_budget
from eval_assets.storage.remote.object_store import Objects
from eval_assets.storage.remote.warehouse_budget import WarehouseBudget


@pytest.fixture
def account(store, root, monkeypatch):
    monkeypatch.setattr(warehouse_budget, "REFUSED_SECONDS", 0.0)
    return lambda max_usd: WarehouseBudget(max_usd, Objects(root, store.options), "backfill.main")


def spend(budget: Budget, usd: float, n: int) -> int:
    """How many requests of a price go through, one after the other."""
    n_sent = 0
    for _ in range(n):
        if budget.reserve(usd):
            budget.settle(usd, usd)
            n_sent += 1
    return n_sent


def test_machines_at_once_spend_what_is_allowed_and_no_more(account):
    with ThreadPoolExecutor(4) as pool:
        budgets = [account(1.0) for _ in range(4)]
        n_sent = sum(pool.map(lambda budget: spend(budget, 0.01, 100), budgets))
    # What one of them set aside and didn't use is given back at its end, for whoever comes then.
    for budget in budgets:
        budget.close()
    rest = account(1.0)
    assert n_sent + spend(rest, 0.01, 200) == 100
    assert rest.spent_usd == pytest.approx(1.0)


def test_many_requests_ask_the_account_a_few_times(store, account):
    budget = account(100.0)
    before = store.n_requests
    assert spend(budget, 0.01, 96) == 96
    # A look, and a write for each 32 requests.
    assert store.n_requests - before == 4


def test_what_turns_out_cheaper_leaves_room_and_what_a_killed_process_set_aside_does_not(account):
    first = account(1.0)
    assert first.reserve(0.8)
    first.settle(0.8, 0.1)
    first.close()
    second = account(1.0)
    assert second.reserve(0.6)  # and is never heard of again
    third = account(1.0)
    assert not third.reserve(0.4)
    assert third.reserve(0.3)
    assert third.is_settled is False
