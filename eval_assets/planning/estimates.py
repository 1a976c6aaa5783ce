"""What requests would cost in tokens, dollars and seconds, and what that is based on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import polars as pl

from eval_assets.config.model import Model
from eval_assets.config.prices import Prices
from eval_assets.providers.dispatch.costs import cost_usd, max_completion_tokens
from eval_assets.providers.dispatch.rates import at_length, in_batches
from eval_assets.providers.replies.guessed_tokens import CHARACTERS_PER_TOKEN
from eval_assets.providers.traits import provider_of
from eval_assets.requests.canonical_json import canonical_json
from eval_assets.requests.conversations import message_text
from eval_assets.requests.exchange import Request
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.columns import TIME
from eval_assets.wording.numbers import count_text, seconds_text

ASSUMED_LATENCY_SECONDS = 1.0
MEASURED_REPLIES = 1_000


@dataclass
class Demand:
    """Requests that would be sent to one model, in batches or by themselves; those under way in batches are counted."""

    model: Model
    is_in_batches: bool = False
    n_requests: int = 0
    n_under_way: int = 0
    prompt_characters: int = 0
    request_characters: int = 0
    completion_tokens_at_most: int = 0
    manners: set[str] = field(default_factory=set)
    _parameters: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def n_awaited(self) -> int:
        """Requests without a reply."""
        return self.n_requests + self.n_under_way

    def add(self, request: Request, canonical: str, *, is_under_way: bool = False) -> None:
        """Count one request, given with its canonical form; of one that is under way nothing is to be sent or paid."""
        if is_under_way:
            self.n_under_way += 1
            return
        if request.parameters is not self._parameters or request.response_format is not None:
            self.manners.add(_manner(request.parameters, request.response_format))
        self._parameters = request.parameters if request.response_format is None else None
        self.request_characters += len(canonical)
        self.n_requests += 1
        self.prompt_characters += sum(map(len, map(message_text, request.messages)))
        self.completion_tokens_at_most += max_completion_tokens(request)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one model's requests would cost, and the basis of the figures; the cost is null where no price is stated.

    `seconds` is null where the provider takes its time for a batch; `n_under_way` requests are in one already.
    """

    model: str
    n_requests: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    seconds: float | None
    basis: str
    n_under_way: int = 0
    is_in_batches: bool = False


def estimate_of(warehouse: Warehouse, lane: str, demand: Demand) -> Estimate:
    """Estimate from the lane's latest replies to such requests, else from all its latest ones if there are any, else
    from the prompts' length and the token limit.
    """
    has_tokens = provider_of(demand.model).has_tokens
    latest = partial(_latest_replies, warehouse, lane, has_tokens=has_tokens)
    replies = warehouse.kept("responses", f"latest replies of {lane}, {has_tokens}", latest)
    alike = replies.filter(pl.col("manner").is_in(list(demand.manners)))
    n, each = demand.n_requests, f"{seconds_text(ASSUMED_LATENCY_SECONDS)} each"
    if replies.height:
        measured = alike if alike.height else replies
        means = measured.drop("manner").mean().row(0, named=True)
        prompt_tokens = round(demand.request_characters * means["prompt_tokens"] / max(1, means["characters"]))
        completion_tokens = round(n * means["completion_tokens"])
        # Nobody measures it of replies that came in batches.
        latency = ASSUMED_LATENCY_SECONDS if means["latency_seconds"] is None else means["latency_seconds"]
        what = "such requests" if alike.height else "other requests"
        basis = f"mean of the last {count_text(measured.height, 'reply', 'replies')} of this model to {what}"
    elif not has_tokens:
        prompt_tokens = completion_tokens = 0
        latency = ASSUMED_LATENCY_SECONDS
        basis = f"without tokens, {each}"
    else:
        prompt_tokens = demand.prompt_characters // CHARACTERS_PER_TOKEN
        completion_tokens = demand.completion_tokens_at_most
        latency = ASSUMED_LATENCY_SECONDS
        basis = (
            f"{CHARACTERS_PER_TOKEN} characters per token, every reply at its token limit, {seconds_text(latency)} each"
        )
    limits, prices = demand.model.file.limits, demand.model.file.prices
    if demand.is_in_batches:
        basis += _batch_basis(prices)
        prices = in_batches(prices)
    seconds = n * latency / min(limits.max_concurrency, max(1, n))
    if limits.requests_per_minute:
        seconds = max(seconds, 60 * n / limits.requests_per_minute)
    dollars = cost_usd(prompt_tokens, completion_tokens, at_length(prices, prompt_tokens / max(1, n)))
    dollars += (n - 1) * prices.request_usd if n else -prices.request_usd
    cost = dollars if prices.are_known else None
    took = None if demand.is_in_batches else seconds
    called = demand.model.name
    return Estimate(
        called, n, prompt_tokens, completion_tokens, cost, took, basis, demand.n_under_way, demand.is_in_batches
    )


def _latest_replies(warehouse: Warehouse, lane: str, *, has_tokens: bool) -> pl.DataFrame:
    """What the lane's latest replies took, with the length of their requests and how those were to be answered."""
    tokens = pl.col("prompt_tokens", "completion_tokens")
    measured = pl.all_horizontal(tokens.is_not_null()) if has_tokens else pl.col("latency_seconds").is_not_null()
    replies = warehouse.scan("responses", {"lane": lane}).filter(measured)
    # Times first: requests are long, and only those of the latest replies are read.
    latest = replies.select("requested_at").top_k(MEASURED_REPLIES, by="requested_at").collect()["requested_at"]
    return (
        replies.filter(pl.col("requested_at") >= pl.lit(latest.min(), dtype=TIME))
        .select("requested_at", "latency_seconds", tokens if has_tokens else tokens.fill_null(0), "request")
        .top_k(MEASURED_REPLIES, by="requested_at")
        .collect()
        .select(
            "latency_seconds",
            "prompt_tokens",
            "completion_tokens",
            characters=pl.col("request").str.len_chars(),
            manner=pl.col("request").map_elements(_stored_manner, return_dtype=pl.String),
        )
    )


def _batch_basis(prices: Prices) -> str:
    if not prices.are_known:
        return ""
    return "" if prices.batch else "; what batches cost isn't stated (`prices.batch`): counted as sent at once"


def _manner(parameters: Any, response_format: Any) -> str:
    """How a request is to be answered, whatever it asks: judging and generation by one model differ in it."""
    return canonical_json([parameters, response_format])


def _stored_manner(canonical: str) -> str:
    request = json.loads(canonical)
    return _manner(request["parameters"], request.get("response_format"))
