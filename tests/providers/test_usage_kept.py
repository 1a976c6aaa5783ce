"""Usage on its way through client, store and account: what was cached is charged so, and reuse says what it saves."""

import json
from datetime import UTC, datetime

import pytest

from eval_assets.config.prices import Prices
from eval_assets.judges.formats import FormatMemory
from eval_assets.judges.panels import judge_predictions
from eval_assets.requests.budget import Budget
from eval_assets.storage.warehouse import Warehouse
from tests.engines import answered, engine_on, jobs
from tests.loopback import Fault, LoopbackProvider
from tests.providers.test_judge_engine import model_at
from tests.unit.test_judge_rows import judge_named, predictions, verdict

USAGE = {
    "prompt_tokens": 10_000,
    "completion_tokens": 1_000,
    "prompt_tokens_details": {"cached_tokens": 4_000},
    "completion_tokens_details": {"reasoning_tokens": 800},
}
PRICES = Prices(prompt_usd_per_million=2, cached_usd_per_million=0.2, completion_usd_per_million=10)
EACH_USD = 0.0228  # 6,000 at 2, 4,000 at 0.2, 1,000 at 10 a million
CELL = {"evaluation": "e", "model": "m", "prompt": "p"}


def saying(text: str, usage: object) -> Fault:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return Fault(200, body=json.dumps({"choices": [choice], "usage": usage}).encode())


def account(engine) -> dict:
    return engine.report().as_run_row(CELL, "predictions")


def test_what_was_cached_is_stored_and_charged_and_reuse_says_what_it_saved(tmp_path):
    with LoopbackProvider(faults=lambda _: saying("So.", USAGE)) as provider:
        with engine_on(provider, tmp_path, prices=PRICES) as engine:
            first = answered(engine, jobs(3))
        paid = account(engine)
        with engine_on(provider, tmp_path, prices=PRICES, run_id="run-2") as engine:
            second = answered(engine, jobs(3))
        reused = account(engine)
        assert provider.requests == 3
    for answers in (first, second):
        kept = answers[0].reply
        assert (kept.cached_tokens, kept.reasoning_tokens, kept.cache_write_tokens) == (4_000, 800, None)
        assert kept.cost_usd == pytest.approx(EACH_USD)
        assert kept.tokens_estimated is None
    assert (paid["cached_tokens"], paid["reasoning_tokens"], paid["n_estimated"]) == (12_000, 2_400, 0)
    assert (paid["cost_usd"], paid["saved_usd"]) == (pytest.approx(3 * EACH_USD), 0)
    assert (reused["cost_usd"], reused["saved_usd"]) == (0, pytest.approx(3 * EACH_USD))
    row = Warehouse(str(tmp_path / "warehouse")).scan("responses").collect().row(0, named=True)
    assert (row["cached_tokens"], row["reasoning_tokens"]) == (4_000, 800)
    assert json.loads(row["usage"]) == USAGE


def test_usage_that_nobody_tells_is_guessed_marked_and_held_against_a_budget_at_its_worst(tmp_path):
    budget = Budget(1.0)
    with (
        LoopbackProvider(faults=lambda _: saying("So it is.", None)) as provider,
        engine_on(provider, tmp_path, prices=PRICES, budget=budget) as engine,
    ):
        (answer,) = answered(engine, jobs(1)).values()
    # "question 0": 10 characters, 3 tokens; "So it is.": 9 characters, 3 tokens
    assert (answer.reply.prompt_tokens, answer.reply.completion_tokens) == (3, 3)
    assert answer.reply.tokens_estimated
    assert answer.reply.cost_usd == pytest.approx((3 * 2 + 3 * 10) / 1_000_000)
    assert account(engine)["n_estimated"] == 1
    assert budget.spent_usd > 1_000 * answer.reply.cost_usd


def test_a_verdict_sums_up_what_its_requests_used(tmp_path):
    unreadable_first = [saying("Well.", USAGE), saying(verdict(4), USAGE)]
    with LoopbackProvider() as provider:
        provider.script(*unreadable_first)
        with engine_on(provider, tmp_path, prices=PRICES) as engine:
            (scores,) = judge_predictions(
                [predictions({})],
                [judge_named()],
                {"tiny": engine},
                models={"tiny": model_at(provider)},
                formats=FormatMemory(),
                run_id=f"run-{datetime.now(UTC):%Y}",
            )
    row = scores.row(0, named=True)
    assert (row["outcome"], row["cached_tokens"], row["reasoning_tokens"]) == ("ok", 8_000, 1_600)
    assert row["cost_usd"] == pytest.approx(2 * EACH_USD)
    assert row["tokens_estimated"] is None


def test_a_line_of_progress_says_what_reuse_saved(tmp_path):
    with LoopbackProvider(faults=lambda _: saying("So.", USAGE)) as provider:
        for run in ("run-1", "run-2"):
            with engine_on(provider, tmp_path, prices=PRICES, run_id=run) as engine:
                answered(engine, jobs(2))
            line = str(engine.report().progress)
    assert "2 reused, 0 sent" in line
    assert "$0 ($0.05 saved by reuse)" in line
