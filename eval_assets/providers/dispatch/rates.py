"""Arithmetic of prices: which rate holds for which tokens of a reply, and what they come to."""

from functools import lru_cache

from eval_assets.config.prices import BatchPrices, Prices
from eval_assets.requests.used_tokens import UsedTokens

MILLION = 1_000_000


def counted_cost_usd(counts: UsedTokens, prices: Prices) -> float:
    """What tokens cost; those that aren't told count as none. The whole request is charged as its prompt's length says.

    >>> prices = Prices(prompt_usd_per_million=2, cached_usd_per_million=0.5, completion_usd_per_million=8)
    >>> counted_cost_usd(UsedTokens(1_000_000, 500_000, cached_tokens=600_000), prices)  # 0.8 + 0.3 + 4
    5.1
    """
    prompt, completion = counts.prompt_tokens or 0, counts.completion_tokens or 0
    rates = at_length(prices, prompt)
    prompt_rate, completion_rate = rates.prompt_usd_per_million, rates.completion_usd_per_million
    per_million = prompt * prompt_rate + completion * completion_rate
    # What is of a kind costs the difference more or less.
    for tokens, rate, common in (
        (counts.cached_tokens, rates.cached_usd_per_million, prompt_rate),
        (counts.cache_write_tokens, rates.cache_write_usd_per_million, prompt_rate),
        (counts.audio_prompt_tokens, rates.audio_prompt_usd_per_million, prompt_rate),
        (counts.image_prompt_tokens, rates.image_prompt_usd_per_million, prompt_rate),
        (counts.reasoning_tokens, rates.reasoning_usd_per_million, completion_rate),
        (counts.audio_completion_tokens, rates.audio_completion_usd_per_million, completion_rate),
    ):
        if tokens and rate is not None:
            per_million += tokens * (rate - common)
    return per_million / MILLION + prices.request_usd


@lru_cache(maxsize=256)
def dearest_rates(prices: Prices) -> tuple[float, float]:
    """The highest rates that a token of a prompt, and one of a reply, can be charged at."""
    levels = [prices, *(at_length(prices, tier.above_prompt_tokens + 1) for tier in prices.tiers)]

    def dearest(*kinds: str) -> float:
        rates = (getattr(level, f"{kind}_usd_per_million") for level in levels for kind in kinds)
        return float(max(rate for rate in rates if rate is not None))

    of_prompt = dearest("prompt", "cached", "cache_write", "audio_prompt", "image_prompt")
    return of_prompt, dearest("completion", "reasoning", "audio_completion")


def at_length(prices: Prices, prompt_tokens: float) -> Prices:
    """The prices that hold for a prompt of this length, without tiers."""
    if not prices.tiers:
        return prices
    reached = [tier for tier in prices.tiers if prompt_tokens > tier.above_prompt_tokens]
    highest = max(reached, key=lambda tier: tier.above_prompt_tokens, default=None)
    stated = {} if highest is None else highest.model_dump(exclude={"above_prompt_tokens"}, exclude_none=True)
    return prices.model_copy(update={"tiers": (), **stated})


def in_batches(prices: Prices) -> Prices:
    """The prices of requests in batches, as far as the file states any of their own.

    >>> stated = Prices(prompt_usd_per_million=2, cached_usd_per_million=1, batch=BatchPrices(prompt_usd_per_million=1))
    >>> (in_batches(stated).prompt_usd_per_million, in_batches(stated).cached_usd_per_million)
    (1.0, 1.0)
    """
    if prices.batch is None:
        return prices
    rates = {name: rate for name in BatchPrices.model_fields if (rate := getattr(prices.batch, name)) is not None}
    return prices.model_copy(update={**rates, "batch": None})
