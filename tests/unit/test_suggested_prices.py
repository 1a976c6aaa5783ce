"""Prices of the packaged table: printed with source and date, as a model file takes them; a run never sees them."""

import re

import pytest
import yaml
from click.testing import CliRunner

from eval_assets.cli.main import commands
from eval_assets.config.prices import Prices
from eval_assets.errors import ConfigError
from eval_assets.providers.dispatch.rates import in_batches
from eval_assets.providers.suggested_prices import suggested_prices


def printed(*arguments: str) -> str:
    return CliRunner().invoke(commands, ["prices", *arguments], catch_exceptions=False).output


@pytest.mark.parametrize("model_id", ["gpt-4o-mini", "gemini-2.5-pro", "claude-sonnet-4-5", "openai/gpt-5-mini"])
def test_what_is_printed_is_what_a_model_file_takes(model_id):
    text = printed(model_id)
    stated = Prices.model_validate(yaml.safe_load(text)["prices"])
    assert stated.are_known
    assert stated.prompt_usd_per_million < stated.completion_usd_per_million
    assert re.fullmatch(r"genai-prices \d+(\.\d+)+", stated.source)
    assert stated.as_of.year >= 2026


def test_rates_of_long_prompts_become_tiers():
    # Google's price list: $1.25 and $10 a million, above 200,000 tokens of prompt $2.50 and $15.
    stated = Prices.model_validate(yaml.safe_load(printed("gemini-2.5-pro"))["prices"])
    assert (stated.prompt_usd_per_million, stated.completion_usd_per_million) == (1.25, 10)
    (tier,) = stated.tiers
    assert (tier.above_prompt_tokens, tier.prompt_usd_per_million, tier.completion_usd_per_million) == (
        200_000,
        2.5,
        15,
    )


def test_a_model_that_the_table_lacks_is_said():
    with pytest.raises(ConfigError, match="'our-own-model'; genai-prices has no such model"):
        suggested_prices("our-own-model")


def test_without_a_price_in_the_file_nothing_is_known_of_the_cost():
    assert not Prices().are_known


def test_rates_of_batches_stand_beside_the_others():
    # OpenAI's price list: in batches half of $1.25, $0.125 and $10 a million.
    stated = Prices.model_validate(yaml.safe_load(printed("gpt-5"))["prices"])
    assert (stated.prompt_usd_per_million, stated.cached_usd_per_million, stated.completion_usd_per_million) == (
        1.25,
        0.125,
        10,
    )
    batch = in_batches(stated)
    assert (batch.prompt_usd_per_million, batch.cached_usd_per_million, batch.completion_usd_per_million) == (
        0.625,
        0.0625,
        5,
    )
