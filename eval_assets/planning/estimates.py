"""What requests would cost in tokens, dollars and seconds, and what that is based on."""

from dataclasses import dataclass

import polars as pl

from eval_assets.config.model import Model
from eval_assets.providers.budget import cost_usd, max_completion_tokens
from eval_assets.providers.requests import Request
from eval_assets.storage.warehouse import Warehouse

CHARACTERS_PER_TOKEN = 4
ASSUMED_LATENCY_SECONDS = 1.0
MEASURED_REPLIES = 1_000
WITHOUT_TOKENS = ("callable", "recorded")


@dataclass
class Demand:
    """Requests that would be sent to one model."""

    model: Model
    n_requests: int = 0
    prompt_characters: int = 0
    request_characters: int = 0
    completion_tokens_at_most: int = 0

    def add(self, request: Request, canonical: str) -> None:
        """Count one request, given with its canonical form."""
        self.request_characters += len(canonical)
        self.n_requests += 1
        self.prompt_characters += sum(len(message["content"]) for message in request.messages)
        self.completion_tokens_at_most += max_completion_tokens(request)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one model's requests would cost, and the basis of the figures."""

    model: str
    n_requests: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    seconds: float
    basis: str


def estimate_of(warehouse: Warehouse, lane: str, demand: Demand) -> Estimate:
    """Estimate from the lane's latest replies if there are any, else from the prompts' length and the token limit."""
    replies = (
        warehouse.scan("responses", {"lane": lane})
        .select(
            "requested_at",
            "latency_seconds",
            "prompt_tokens",
            "completion_tokens",
            request=pl.col("request").str.len_chars(),
        )
        .drop_nulls()
        .top_k(MEASURED_REPLIES, by="requested_at")
        .collect()
    )
    n = demand.n_requests
    if replies.height:
        means = replies.mean().row(0, named=True)
        prompt_tokens = round(demand.request_characters * means["prompt_tokens"] / max(1, means["request"]))
        completion_tokens = round(n * means["completion_tokens"])
        latency = means["latency_seconds"]
        basis = f"mean of the last {replies.height} replies of this model"
    else:
        prompt_tokens = demand.prompt_characters // CHARACTERS_PER_TOKEN
        completion_tokens = demand.completion_tokens_at_most
        latency = ASSUMED_LATENCY_SECONDS
        basis = f"{CHARACTERS_PER_TOKEN} characters per token, every reply at its token limit, {latency:g} s each"
    if demand.model.file.provider in WITHOUT_TOKENS:
        prompt_tokens = completion_tokens = 0
    limits, prices = demand.model.file.limits, demand.model.file.prices
    seconds = n * latency / min(limits.max_concurrency, max(1, n))
    if limits.requests_per_minute:
        seconds = max(seconds, 60 * n / limits.requests_per_minute)
    dollars = cost_usd(prompt_tokens, completion_tokens, prices) + (n - 1) * prices.request_usd
    return Estimate(demand.model.name, n, prompt_tokens, completion_tokens, dollars, seconds, basis)
