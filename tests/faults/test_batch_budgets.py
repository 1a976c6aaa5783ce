"""One ceiling for several processes: never exceeded, and what a killed one had set aside stays spent."""

import multiprocessing
import os
import signal

import pytest

from eval_assets.errors import ConfigError
from eval_assets.requests.budget import Budget
from eval_assets.storage.replies.batch_budgets import BatchBudget, batch_budget


def spend(file, granted) -> None:
    """Ask for cents until there are none left; every second one is given back."""
    budget = BatchBudget(1.0, file)
    n_spent = 0
    for _ in range(200):
        if budget.reserve(0.01):
            cost = 0.01 * (n_spent % 2)
            budget.settle(0.01, cost)
            n_spent += 1
    granted.put((n_spent // 2) * 0.01)


def test_four_processes_at_once_spend_the_ceiling_and_no_more(tmp_path) -> None:
    context = multiprocessing.get_context("spawn")
    granted = context.Queue()
    workers = [context.Process(target=spend, args=(tmp_path / "a.usd", granted)) for _ in range(4)]
    for worker in workers:
        worker.start()
    spent = sum(granted.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    assert spent == pytest.approx(1.0)
    assert BatchBudget(1.0, tmp_path / "a.usd").spent_usd == pytest.approx(1.0)
    assert not BatchBudget(1.0, tmp_path / "a.usd").reserve(0.01)


def die_with_a_reservation(file) -> None:
    BatchBudget(1.0, file).reserve(0.75)
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_process_had_set_aside_stays_spent(tmp_path) -> None:
    worker = multiprocessing.get_context("spawn").Process(target=die_with_a_reservation, args=(tmp_path / "a.usd",))
    worker.start()
    worker.join()
    budget = BatchBudget(1.0, tmp_path / "a.usd")
    assert budget.spent_usd == pytest.approx(0.75)
    assert not budget.reserve(0.5)
    assert budget.reserve(0.25)


def test_each_evaluation_of_each_batch_has_its_own_and_old_accounts_go(tmp_path) -> None:
    first = batch_budget(1.0, tmp_path, "night", "main")
    assert first.reserve(1.0)
    assert batch_budget(1.0, tmp_path, "night", "other").reserve(1.0)
    assert batch_budget(1.0, tmp_path, "morning", "main").reserve(1.0)
    assert not batch_budget(1.0, tmp_path, "night", "main").reserve(0.1)
    long_ago = 1_000_000_000
    os.utime(tmp_path / "night.other.usd", (long_ago, long_ago))
    batch_budget(1.0, tmp_path, "noon", "main")
    assert sorted(account.name for account in tmp_path.iterdir()) == ["morning.main.usd", "night.main.usd"]


@pytest.mark.parametrize("limit", [float("nan"), -0.01, float("-inf")])
def test_a_budget_that_nothing_would_exceed_is_refused(tmp_path, limit):
    # No sum is greater than NaN.
    for make in (Budget, lambda usd: BatchBudget(usd, tmp_path / "a.usd")):
        with pytest.raises(ConfigError, match="expected a budget of 0 dollars or more, got"):
            make(limit)
