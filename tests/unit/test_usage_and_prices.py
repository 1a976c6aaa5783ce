"""What providers say they used, in every shape, and what it costs: cents derived by hand."""

from dataclasses import replace

import pytest

from eval_assets.config.prices import BatchPrices, Prices, PriceTier
from eval_assets.providers.dispatch.costs import cost_usd, reply_cost_usd, worst_case_usd
from eval_assets.providers.dispatch.rates import counted_cost_usd, dearest_rates, in_batches
from eval_assets.providers.replies.guessed_tokens import with_guessed_tokens
from eval_assets.providers.replies.token_usage import counts_of, usage_of
from eval_assets.requests.used_tokens import UsedTokens
from tests.engines import question
from tests.unit.test_judge_rows import reply

CARD = Prices(
    prompt_usd_per_million=2,
    cached_usd_per_million=0.2,
    cache_write_usd_per_million=2.5,
    audio_prompt_usd_per_million=40,
    completion_usd_per_million=10,
    audio_completion_usd_per_million=80,
)
"""Ten thousand tokens at a dollar a million are a cent: 2 for a prompt, 0.2 read from a cache, 10 for a reply."""


def chat(prompt, completion, total=None, **more):
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    return {**counts, "total_tokens": prompt + completion if total is None else total, **more}


def messages(prompt, completion, read=0, written=0, **more):
    """As Anthropic sends it: the prompt without what was read from the cache or written to it."""
    cache = {"cache_read_input_tokens": read, "cache_creation_input_tokens": written}
    return {"input_tokens": prompt, "output_tokens": completion, **cache, **more}


def responses(prompt, completion, cached, reasoning):
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": prompt + completion,
    }


def converse(prompt, completion, total, **more):
    return {"inputTokens": prompt, "outputTokens": completion, "totalTokens": total, **more}


def gemini(prompt, candidates, total, **more):
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": candidates, "totalTokenCount": total}
    return {**counts, **more}


def within(cached, **more):
    return {"cached_tokens": cached, **more}


USED = {
    "OpenAI chat": (chat(10_000, 1_000), 3.0),  # 2 + 1
    "OpenAI chat, cached": (chat(10_000, 1_000, prompt_tokens_details=within(4_000)), 2.28),  # 1.2 + 0.08 + 1
    "OpenAI chat, thoughts": (chat(1_000, 2_000, completion_tokens_details={"reasoning_tokens": 1_800}), 2.2),
    "OpenAI chat, audio": (
        chat(
            10_000,
            2_000,
            prompt_tokens_details={"audio_tokens": 1_000, "cached_tokens": 0},
            completion_tokens_details={"audio_tokens": 500},
        ),
        11.3,  # 9,000: 1.8, audio: 4, 1,500: 1.5, audio: 4
    ),
    "OpenAI chat, nothing special": (
        chat(
            100,
            10,
            prompt_tokens_details=within(0, audio_tokens=0),
            completion_tokens_details={"reasoning_tokens": 0, "audio_tokens": 0, "rejected_prediction_tokens": 0},
        ),
        0.03,
    ),
    "OpenAI responses": (responses(10_000, 3_000, 6_000, 2_000), 3.92),  # 0.8 + 0.12 + 3
    "OpenAI responses, plain": (responses(5_000, 100, 0, 0), 1.1),
    "Azure chat": (chat(2_000, 500, prompt_tokens_details=None, completion_tokens_details=None), 0.9),
    "Azure responses": (responses(2_000, 1_000, 1_024, 512), 1.21568),  # 976: 0.1952, 0.02048, 1
    "Anthropic": (messages(10_000, 1_000), 3.0),
    "Anthropic, read": (messages(1_000, 1_000, read=9_000), 1.38),  # 0.2 + 0.18 + 1
    "Anthropic, little read": (messages(9_000, 1_000, read=1_000), 2.82),  # 1.8 + 0.02 + 1
    "Anthropic, written": (messages(1_000, 1_000, written=9_000), 3.45),  # 0.2 + 2.25 + 1
    "Anthropic, both": (
        messages(2_000, 500, 4_000, 4_000, cache_creation={"ephemeral_5m_input_tokens": 4_000}),
        1.98,  # 0.4 + 0.08 + 1 + 0.5
    ),
    "Anthropic on Vertex": (messages(3_000, 200, read=7_000, service_tier="standard"), 0.94),  # 0.6 + 0.14 + 0.2
    "Anthropic, cache unknown": (
        {"input_tokens": 1_000, "output_tokens": 100, "cache_read_input_tokens": None},
        0.3,
    ),
    "Bedrock": (converse(10_000, 1_000, 11_000), 3.0),
    "Bedrock, read": (converse(1_000, 1_000, 11_000, cacheReadInputTokens=9_000, cacheWriteInputTokens=0), 1.38),
    "Bedrock, written": (converse(1_000, 1_000, 11_000, cacheReadInputTokens=0, cacheWriteInputTokens=9_000), 3.45),
    "Gemini": (gemini(10_000, 1_000, 11_000), 3.0),
    "Gemini, thoughts beside": (gemini(1_000, 500, 3_000, thoughtsTokenCount=1_500), 2.2),  # 0.2 + 2
    "Gemini, cached": (gemini(10_000, 1_000, 11_000, cachedContentTokenCount=8_000), 1.56),  # 0.4 + 0.16 + 1
    "Gemini as OpenAI": (chat(1_000, 500), 0.7),
    "Gemini as OpenAI, thoughts in the total alone": (chat(1_000, 500, 3_000), 2.2),
    "vLLM": (chat(10_000, 1_000, prompt_tokens_details=None), 3.0),
    "vLLM, prefix cached": (chat(10_000, 1_000, prompt_tokens_details=within(9_984)), 1.20288),  # 16: 0.0032, 0.19968
    "Ollama": (chat(26, 298), 0.3032),
    "SGLang": (chat(1_000, 100, reasoning_tokens=0, prompt_tokens_details=within(500)), 0.21),  # 0.1 + 0.01 + 0.1
    "SGLang, thoughts": (chat(1_000, 100, reasoning_tokens=80), 0.3),
    "llama.cpp": (chat(500, 50), 0.15),
    "Databricks": (chat(10_000, 1_000, cache_read_input_tokens=8_000, cache_creation_input_tokens=0), 1.56),
    "LiteLLM": (
        chat(
            10_000,
            1_000,
            prompt_tokens_details=within(8_000),
            cache_read_input_tokens=8_000,
            cache_creation_input_tokens=1_000,
        ),
        1.61,  # 0.2 + 0.16 + 0.25 + 1
    ),
    "a gateway that counts the cache beside": (chat(1_000, 1_000, 10_000, cache_read_input_tokens=8_000), 1.36),
    "OpenRouter": (
        chat(
            10_000,
            1_000,
            prompt_tokens_details=within(5_000, cache_write_tokens=1_000, audio_tokens=0),
            completion_tokens_details={"reasoning_tokens": 400},
            cost=0.0123,
        ),
        2.15,  # 0.8 + 0.1 + 0.25 + 1
    ),
    "DeepSeek": (
        chat(
            10_000,
            1_000,
            prompt_cache_hit_tokens=7_000,
            prompt_cache_miss_tokens=3_000,
            completion_tokens_details={"reasoning_tokens": 600},
        ),
        1.74,  # 0.6 + 0.14 + 1
    ),
    "xAI, thoughts beside": (chat(1_000, 100, 2_000, completion_tokens_details={"reasoning_tokens": 900}), 1.2),
    "Groq": (chat(1_000, 100, queue_time=0.02, completion_tokens_details={"reasoning_tokens": 50}), 0.3),
    "Mistral": (chat(1_000, 100, prompt_audio_seconds=None), 0.3),
    "Together": (chat(1_000, 100, cached_tokens=400), 0.228),  # 0.12 + 0.008 + 0.1
    "Moonshot": (chat(2_000, 200, cached_tokens=2_000), 0.24),  # 0.04 + 0.2
    "DashScope": (
        chat(1_000, 500, completion_tokens_details={"reasoning_tokens": 400, "text_tokens": 100}),
        0.7,
    ),
    "MLflow's gateway": (chat(1_000, 100), 0.3),
    "counts as text": ({"prompt_tokens": "1000", "completion_tokens": "100"}, 0.3),
}


@pytest.mark.parametrize("provider", USED)
def test_what_a_reply_used_costs_what_its_provider_charges(provider):
    usage, cents = USED[provider]
    assert 100 * counted_cost_usd(usage_of(usage).counts, CARD) == pytest.approx(cents, abs=1e-9)


def test_forty_bodies_are_tried():
    assert len(USED) >= 40


def test_counts_mean_the_same_whoever_sends_them():
    same = UsedTokens(10_000, 1_000, cached_tokens=9_000, cache_write_tokens=0)
    assert counts_of(messages(1_000, 1_000, read=9_000)) == same
    assert counts_of(converse(1_000, 1_000, 11_000, cacheReadInputTokens=9_000, cacheWriteInputTokens=0)) == same
    assert counts_of(chat(10_000, 1_000, prompt_tokens_details=within(9_000, cache_write_tokens=0))) == same
    assert counts_of(gemini(1_000, 500, 3_000, thoughtsTokenCount=1_500)).completion_tokens == 2_000


def test_rates_that_no_file_states_are_those_of_prompt_and_reply():
    prices = Prices(prompt_usd_per_million=2, completion_usd_per_million=10)
    everything = UsedTokens(10_000, 1_000, 4_000, 2_000, 500, 100, 50)
    assert counted_cost_usd(everything, prices) == cost_usd(10_000, 1_000, prices) == 0.03
    free = Prices(prompt_usd_per_million=2, completion_usd_per_million=10, cached_usd_per_million=0)
    assert counted_cost_usd(everything, free) == pytest.approx(0.03 - 0.008)  # 4,000 of the prompt for nothing


def test_thoughts_may_have_a_rate_of_their_own():
    prices = Prices(completion_usd_per_million=10, reasoning_usd_per_million=20)
    # 1,000 said at 10: 0.01; 500 thought at 20: 0.01
    assert counted_cost_usd(UsedTokens(0, 1_500, reasoning_tokens=500), prices) == pytest.approx(0.02)


TIERED = Prices(
    prompt_usd_per_million=1,
    completion_usd_per_million=10,
    cached_usd_per_million=0.1,
    tiers=[
        {"above_prompt_tokens": 200_000, "prompt_usd_per_million": 2, "completion_usd_per_million": 15},
        {"above_prompt_tokens": 1_000_000, "prompt_usd_per_million": 4},
    ],
)


@pytest.mark.parametrize(
    ("prompt", "usd"),
    [
        (200_000, 0.21),  # 0.2 + 0.01
        (200_001, 0.415002),  # 0.400002 + 0.015: the whole request is dearer
        (1_000_001, 4.010004),  # 4.000004 + 0.01: the longer tier says nothing of replies
    ],
)
def test_a_long_prompt_makes_the_whole_request_dearer(prompt, usd):
    assert counted_cost_usd(UsedTokens(prompt, 1_000), TIERED) == pytest.approx(usd, abs=1e-9)


def test_the_worst_case_is_every_token_at_its_dearest():
    assert dearest_rates(CARD) == (40, 80)
    assert dearest_rates(TIERED) == (4, 15)
    request = question("Hi", parameters={"max_tokens": 100})
    plain = Prices(prompt_usd_per_million=4, completion_usd_per_million=15)
    assert worst_case_usd(request, TIERED) == worst_case_usd(request, plain)


def test_two_tiers_of_one_length_are_refused():
    with pytest.raises(ValueError, match="different lengths"):
        Prices(tiers=[{"above_prompt_tokens": 5}, {"above_prompt_tokens": 5}])


def test_a_date_alone_is_no_price():
    assert not Prices(as_of="2026-01-01").are_known
    assert Prices(prompt_usd_per_million=0).are_known


def test_what_a_file_states_is_read_back_as_stated():
    assert Prices.model_validate(TIERED.model_dump(mode="json")) == TIERED


def test_tokens_that_nobody_told_are_guessed_and_marked():
    silent = reply("Because it is so.", prompt_tokens=None, completion_tokens=None, cost_usd=None)
    guessed = with_guessed_tokens(silent, question("Why is it so?"))
    assert (guessed.prompt_tokens, guessed.completion_tokens, guessed.tokens_estimated) == (4, 5, True)
    # 13 characters asked, 17 answered, four to a token; told counts are not touched.
    told = reply("So.", prompt_tokens=9, completion_tokens=2)
    assert with_guessed_tokens(told, question("Why?")) is told


def test_a_cost_that_the_provider_told_stands():
    assert reply_cost_usd(reply("So.", cost_usd=0.25), CARD) == 0.25


def test_batches_cost_what_the_file_states_of_them_and_else_what_it_states():
    prices = Prices(
        prompt_usd_per_million=2,
        completion_usd_per_million=10,
        cached_usd_per_million=0.2,
        tiers=(PriceTier(above_prompt_tokens=200_000, prompt_usd_per_million=4),),
        batch=BatchPrices(prompt_usd_per_million=1, completion_usd_per_million=5),
    )
    counts = UsedTokens(1_000_000, 100_000, cached_tokens=0)
    # Long prompts have no rate of their own in batches: they cost what they would at once.
    assert counted_cost_usd(counts, in_batches(prices)) == pytest.approx(4.0 + 0.5)
    short = UsedTokens(100_000, 10_000, cached_tokens=50_000)
    assert counted_cost_usd(short, in_batches(prices)) == pytest.approx(0.05 + 0.01 + 0.05)
    assert dearest_rates(in_batches(prices)) == (4, 5)
    assert in_batches(Prices(request_usd=1)) == Prices(request_usd=1)


def test_a_cost_that_is_told_counts_where_the_file_says_so():
    usage = '{"prompt_tokens": 10000, "completion_tokens": 1000, "cost": 0.0123}'
    told = reply("yes", cost_usd=None, usage=usage, prompt_tokens=10_000, completion_tokens=1_000)
    rates = {"prompt_usd_per_million": 2, "completion_usd_per_million": 10}
    assert reply_cost_usd(told, Prices(as_told=True)) == 0.0123
    assert reply_cost_usd(told, Prices(as_told=True, **rates)) == 0.0123
    assert reply_cost_usd(told, Prices(**rates)) == pytest.approx(0.03)  # credits or euros, for all that is known
    untold = replace(told, usage='{"prompt_tokens": 10000}')
    assert reply_cost_usd(untold, Prices(as_told=True, **rates)) == pytest.approx(0.03)
    assert reply_cost_usd(untold, Prices(as_told=True)) is None


@pytest.mark.parametrize(
    ("usage", "cents"),
    [
        # 9,000 tokens of text: 1.8, 1,000 of images: 0.5, 1,000 of the reply: 1
        (chat(10_000, 1_000, prompt_tokens_details={"image_tokens": 1_000, "text_tokens": 9_000}), 3.3),
        (
            gemini(
                10_000,
                1_000,
                11_000,
                promptTokensDetails=[
                    {"modality": "TEXT", "tokenCount": 9_000},
                    {"modality": "IMAGE", "tokenCount": 1_000},
                ],
            ),
            3.3,
        ),
        (chat(10_000, 1_000, prompt_tokens_details={"image_tokens": None}), 3.0),
        (gemini(10_000, 1_000, 11_000, promptTokensDetails=[None, {"modality": "IMAGE"}]), 3.0),
    ],
)
def test_images_of_a_prompt_have_a_rate_of_their_own(usage, cents):
    prices = CARD.model_copy(update={"image_prompt_usd_per_million": 5.0})
    assert 100 * counted_cost_usd(counts_of(usage), prices) == pytest.approx(cents)
