"""Prices of a packaged table, to be put into a model file by whoever has looked at them; nothing else reads it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from eval_assets.errors import ConfigError

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelPrice

TABLE = "genai-prices"
RATES = {
    "prompt_usd_per_million": "input_mtok",
    "completion_usd_per_million": "output_mtok",
    "cached_usd_per_million": "cache_read_mtok",
    "cache_write_usd_per_million": "cache_write_mtok",
    "audio_prompt_usd_per_million": "input_audio_mtok",
    "audio_completion_usd_per_million": "output_audio_mtok",
    "request_usd": "requests_kcount",
}
"""Field of `prices` → its name in the table."""

REQUESTS = 1_000
"""For how many requests the table states a price."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Prices of one model in the table.

    Args:
        provider: Of the table, by its name there.
        model_id: As the table calls it.
        prices: Fields of `prices` in a model file.
        source: The table and its version.
        as_of: Date of its newest entry: what changed later it doesn't know.
        pages: Where the provider states its prices.
    """

    provider: str
    model_id: str
    prices: dict[str, Any]
    source: str
    as_of: date
    pages: tuple[str, ...]


def suggested_prices(model_id: str, provider: str | None = None) -> Suggestion:
    """Look a model up.

    Args:
        model_id: As its provider spells it.
        provider: Whose prices, as the table names providers; told from the id when null.

    Raises:
        ConfigError: The table doesn't have it, or has no price for its tokens.
    """
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    own_id = model_id if provider else model_id.rpartition("/")[2]
    try:
        seller, model = snapshot.find_provider_model(own_id, None, provider, None)
    except LookupError as error:
        raise ConfigError(
            f"expected a model id as its provider spells it, got {model_id!r}; {TABLE} has no such model ({error})"
        ) from error
    now = datetime.now(UTC)
    prices = _fields(model.get_prices(now))
    if "prompt_usd_per_million" not in prices:
        raise ConfigError(f"{TABLE} has no price for the tokens of {model_id!r}; state what its provider charges")
    in_batches = _fields(model.get_prices(now, {"processing": "batch"}))
    if batch := {name: rate for name, rate in in_batches.items() if rate != prices.get(name)}:
        prices["batch"] = batch
    source = f"{TABLE} {version(TABLE)}"
    return Suggestion(seller.id, model.id, prices, source, _newest_date(snapshot), tuple(seller.pricing_urls or ()))


def as_yaml(suggestion: Suggestion) -> str:
    """The field `prices` of a model file, with a comment that says where it comes from."""
    lines = [f"# {suggestion.model_id} of {suggestion.provider}; compare with {' '.join(suggestion.pages[:1]) or '?'}"]
    lines.append("prices:")
    lines += _written(suggestion.prices, "  ")
    return "\n".join([*lines, f'  as_of: "{suggestion.as_of}"', f"  source: {suggestion.source}"])


def _written(prices: dict[str, Any], indent: str) -> Iterator[str]:
    for name, value in prices.items():
        if name == "batch":
            yield f"{indent}batch:"
            yield from _written(value, f"{indent}  ")
        elif name == "tiers":
            yield f"{indent}tiers:"
            for tier in value:
                stated = ", ".join(f"{field}: {rate}" for field, rate in tier.items())
                yield f"{indent}  - {{{stated}}}"
        else:
            yield f"{indent}{name}: {value}"


def _fields(table_prices: "ModelPrice") -> dict[str, Any]:
    """The prices under our names, rates of longer prompts as tiers."""
    fields: dict[str, Any] = {}
    tiers: dict[int, dict[str, Any]] = {}
    for name, theirs in RATES.items():
        rate = getattr(table_prices, theirs, None)
        if rate is None:
            continue
        for tier in getattr(rate, "tiers", ()):
            tiers.setdefault(tier.start, {"above_prompt_tokens": tier.start})[name] = _number(tier.price)
        base = _number(getattr(rate, "base", rate))
        fields[name] = base / REQUESTS if name == "request_usd" else base
    return {**fields, **({"tiers": [tiers[start] for start in sorted(tiers)]} if tiers else {})}


def _number(rate: Any) -> float | int:
    number = float(rate)
    return int(number) if number.is_integer() else number


def _newest_date(snapshot: "DataSnapshot") -> date:
    """The latest day from which any price of the table holds, and that has come."""
    constraints = [
        entry.constraint
        for seller in snapshot.providers
        for model in seller.models
        for entry in (*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ()))
    ]
    days = [day for constraint in constraints if isinstance(day := getattr(constraint, "start_date", None), date)]
    return max(day for day in days if day <= datetime.now(UTC).date())
