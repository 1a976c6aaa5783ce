"""What a plan says requests would cost, and on which basis."""

from datetime import UTC, datetime, timedelta

import pytest

from eval_assets.config.model import Model, ModelFile
from eval_assets.config.prices import Prices
from eval_assets.planning.estimates import Demand, estimate_of
from eval_assets.planning.plan_text import _cost_lines
from eval_assets.providers.identity import identity_of
from eval_assets.requests.exchange import Reply, Request
from eval_assets.requests.keys import canonical_request, key_of
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.warehouse import Warehouse

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LANE = "openai-tiny-00000000"
PRICES = Prices(prompt_usd_per_million=1.0, completion_usd_per_million=10.0)
FILE = ModelFile(provider="openai", model="tiny", prices=PRICES, limits={"max_concurrency": 2})
GENERATION = {"temperature": 0.7, "max_tokens": 100}
JUDGING = {"temperature": 0, "max_tokens": 50}


@pytest.fixture
def model() -> Model:
    return Model(name="tiny", file=FILE)


def asked(text: str, parameters) -> Request:
    return Request(({"role": "user", "content": text},), parameters)


def demand_of(model: Model, *requests: Request) -> Demand:
    demand = Demand(model)
    for request in requests:
        demand.add(request, canonical_request(identity_of(model), request))
    return demand


def stored(folder, model: Model, *paid: tuple[Request, float, int, int]) -> Warehouse:
    """A warehouse with these replies: request, latency in seconds, prompt tokens, completion tokens."""
    warehouse = Warehouse(str(folder))
    with ResponseStore(warehouse).open_lane(LANE) as writer:
        for number, (request, latency, prompt_tokens, completion_tokens) in enumerate(paid):
            canonical = canonical_request(identity_of(model), request)
            at = NOON + timedelta(seconds=number)
            reply = Reply("ok", "text", "stop", latency, at, prompt_tokens, completion_tokens, 0.0)
            writer.append(key_of(canonical), canonical, reply, "run-1")
    return warehouse


def test_without_replies_the_limit_on_tokens_is_what_it_may_cost(tmp_path, model) -> None:
    requests = [asked("x" * 400, GENERATION) for _ in range(4)]
    found = estimate_of(Warehouse(str(tmp_path)), LANE, demand_of(model, *requests))
    assert (found.n_requests, found.prompt_tokens, found.completion_tokens) == (4, 400, 400)
    assert found.cost_usd == pytest.approx(400 * 1e-6 + 400 * 1e-5)
    assert found.seconds == pytest.approx(2)  # four replies of a second each, two at once
    assert "every reply at its token limit" in found.basis


def test_judging_and_generation_by_one_model_are_estimated_apart(tmp_path, model) -> None:
    generated = [(asked(f"question {n}", GENERATION), 2.0, 20, 80) for n in range(3)]
    judged = [(asked(f"verdict {n}", JUDGING), 0.5, 20, 10) for n in range(5)]
    warehouse = stored(tmp_path, model, *generated, *judged)
    generation = estimate_of(warehouse, LANE, demand_of(model, *(asked(f"again {n}", GENERATION) for n in range(10))))
    judging = estimate_of(warehouse, LANE, demand_of(model, *(asked(f"again {n}", JUDGING) for n in range(10))))
    assert (generation.completion_tokens, generation.seconds) == (800, pytest.approx(10))
    assert generation.basis == "mean of the last 3 replies of this model to such requests"
    assert (judging.completion_tokens, judging.seconds) == (100, pytest.approx(2.5))
    assert judging.basis == "mean of the last 5 replies of this model to such requests"


def test_new_parameters_are_estimated_by_what_the_model_did_before(tmp_path, model) -> None:
    warehouse = stored(tmp_path, model, (asked("question", GENERATION), 2.0, 20, 80))
    found = estimate_of(warehouse, LANE, demand_of(model, asked("question", {"temperature": 1})))
    assert (found.completion_tokens, found.basis) == (80, "mean of the last 1 reply of this model to other requests")


def test_a_callable_costs_no_tokens_but_the_time_it_took(tmp_path) -> None:
    model = Model(name="mine", file=ModelFile(provider="callable", callable="mine:answer"))
    requests = [asked(f"question {n}", {}) for n in range(2)]
    assert estimate_of(Warehouse(str(tmp_path / "a")), LANE, demand_of(model, *requests)).basis == (
        "without tokens, 1 s each"
    )
    warehouse = stored(tmp_path / "b", model, (requests[0], 3.0, None, None))
    found = estimate_of(warehouse, LANE, demand_of(model, *requests))
    assert (found.prompt_tokens, found.completion_tokens, found.cost_usd) == (0, 0, None)  # no price is stated
    assert found.seconds == pytest.approx(2 * 3.0 / min(2, model.file.limits.max_concurrency))


@pytest.mark.parametrize(
    ("stated", "are_known"),
    [({}, False), ({"request_usd": 0.0}, True), ({"prompt_usd_per_million": 0.15}, True), ({"request_usd": 0}, True)],
)
def test_a_price_that_nobody_stated_is_unknown_and_stays_so_when_the_file_is_stored(stated, are_known) -> None:
    file = ModelFile(provider="openai", model="tiny", prices=stated)
    again = ModelFile.model_validate_json(file.model_dump_json())
    assert (file.prices.are_known, again.prices.are_known) == (are_known, are_known)
    assert again == file


def test_a_plan_without_a_price_says_so_and_names_no_sum(tmp_path) -> None:
    model = Model(name="mine", file=ModelFile(provider="callable", callable="mine:answer"))
    estimate = estimate_of(Warehouse(str(tmp_path)), LANE, demand_of(model, asked("question", {})))
    (line,) = _cost_lines((estimate,))
    assert line == "mine: 1 request, about 0 + 0 tokens, cost unknown: no price is set, 1 s (without tokens, 1 s each)"
