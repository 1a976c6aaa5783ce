"""The `prices` of a model file: what a provider charges for tokens and requests, at once and in batches."""

from datetime import date
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from eval_assets.config.fields import FileModel, is_null


class PriceTier(FileModel):
    """Rates of a whole request, once its prompt is longer than this; those absent are as for shorter ones."""

    above_prompt_tokens: int = Field(ge=1, description="Tokens of the prompt that are still charged otherwise.")
    prompt_usd_per_million: float | None = Field(None, ge=0, description="Dollars for a million tokens of prompts.")
    completion_usd_per_million: float | None = Field(None, ge=0, description="Dollars for a million tokens of replies.")
    cached_usd_per_million: float | None = Field(None, ge=0, description="Of the prompt, for tokens read from a cache.")
    cache_write_usd_per_million: float | None = Field(
        None, ge=0, description="Of the prompt, for tokens written to a cache."
    )


class BatchPrices(FileModel):
    """Rates of requests in batches; those absent are as for requests that are sent at once."""

    prompt_usd_per_million: float | None = Field(None, ge=0, description="Dollars for a million tokens of prompts.")
    completion_usd_per_million: float | None = Field(None, ge=0, description="Dollars for a million tokens of replies.")
    request_usd: float | None = Field(None, ge=0, description="Dollars for each request, whatever its length.")
    cached_usd_per_million: float | None = Field(None, ge=0, description="Of the prompt, for tokens read from a cache.")
    cache_write_usd_per_million: float | None = Field(
        None, ge=0, description="Of the prompt, for tokens written to a cache."
    )
    reasoning_usd_per_million: float | None = Field(None, ge=0, description="Of replies, for thoughts.")
    audio_prompt_usd_per_million: float | None = Field(None, ge=0, description="Of the prompt, for audio.")
    image_prompt_usd_per_million: float | None = Field(None, ge=0, description="Of the prompt, for images.")
    audio_completion_usd_per_million: float | None = Field(None, ge=0, description="Of replies, for audio.")
    tiers: tuple[PriceTier, ...] | None = Field(None, description="Rates for requests with long prompts.")


class Prices(FileModel):
    """What the provider charges. Never part of a request key: a price change sends nothing."""

    prompt_usd_per_million: float = Field(0.0, ge=0, description="Dollars for a million tokens of prompts.")
    completion_usd_per_million: float = Field(0.0, ge=0, description="Dollars for a million tokens of replies.")
    request_usd: float = Field(0.0, ge=0, description="Dollars for each request, whatever its length.")
    cached_usd_per_million: float | None = Field(
        None, ge=0, description="Of the prompt, for tokens read from a cache; as the others when absent."
    )
    cache_write_usd_per_million: float | None = Field(
        None, ge=0, description="Of the prompt, for tokens written to a cache; as the others when absent."
    )
    reasoning_usd_per_million: float | None = Field(
        None, ge=0, description="Of replies, for thoughts; as the rest of a reply when absent."
    )
    audio_prompt_usd_per_million: float | None = Field(
        None, ge=0, description="Of the prompt, for audio; as the others when absent."
    )
    image_prompt_usd_per_million: float | None = Field(
        None, ge=0, description="Of the prompt, for images; as the others when absent."
    )
    audio_completion_usd_per_million: float | None = Field(
        None, ge=0, description="Of replies, for audio; as the rest of a reply when absent."
    )
    tiers: tuple[PriceTier, ...] = Field(
        (), description="Other rates for requests with long prompts; of several that fit the longest counts."
    )
    as_told: bool = Field(
        default=False,
        description="The endpoint tells the dollars of a reply as `cost` of its usage, as OpenRouter does; the rates "
        "count where it doesn't, and for budgets and estimates.",
    )
    batch: BatchPrices | None = Field(
        None, description="Rates of requests in batches; counted as the others when absent.", exclude_if=is_null
    )
    as_of: date | None = Field(None, description='When these prices were looked up, in quotes: `"2026-11-01"`.')
    source: str | None = Field(None, description="Where they were looked up.")

    @model_validator(mode="after")
    def _tiers_differ(self) -> "Prices":
        lengths = [tier.above_prompt_tokens for tier in self.tiers]
        if len(set(lengths)) < len(lengths):
            raise ValueError(f"expected tiers that begin at different lengths, got {lengths}")
        return self

    @property
    def are_known(self) -> bool:
        """Whether the file states any rate, be it 0: what nobody stated is unknown, not free."""
        return bool(self.model_fields_set - {"as_of", "source", "as_told"})

    @model_serializer(mode="wrap")
    def _as_stated(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What the file states and nothing else, so that it is told from a stated 0 when it is read back."""
        return {name: value for name, value in written(self).items() if name in self.model_fields_set}
