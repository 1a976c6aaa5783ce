"""No prompt has more tokens than a budget reserves for, whatever its script: held against real vocabularies."""

import json
import warnings
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_assets.config.prices import Prices
from eval_assets.providers.dispatch.costs import expected_prompt_tokens, most_prompt_tokens, worst_case_usd
from eval_assets.requests.budget import Budget
from eval_assets.requests.exchange import Request
from tests.engines import answered, engine_on, jobs
from tests.loopback import LoopbackProvider

VOCABULARIES = ("cl100k_base", "o200k_base")
TEXTS = {
    "digits": "1 2 3 4 5 6 7 8 9 " * 200,
    "Amharic": "ሰላም ለዓለም እንዴት ነህ " * 100,
    "Burmese": "မင်္ဂလာပါ ကမ္ဘာလောက " * 100,
    "Tibetan": "བོད་སྐད་ཡིན་ " * 100,
    "symbols": "|-|-|_}{~`^" * 200,
    "punctuation": "".join(chr(33 + (number * 7919) % 15) for number in range(3_000)),
    "noise": "".join(chr(33 + (number * number * 31 + number * 17) % 93) for number in range(4_000)),
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈" * 100,
    "rare characters": "".join(chr(0x12000 + number) for number in range(900)),
    "control": "\x00\x01\x02\x7f" * 300,
    "prose": "The warehouse keeps every reply under the key of its request. " * 50,
    "spaces": " \t\n" * 1_000,
    "special": "<|endoftext|><|im_start|>" * 100,
    "nothing": "",
}


@cache
def encodings() -> list:
    """The vocabularies; the package reads some when it is imported, and `get_encoding` one anew each time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it reads its vocabularies by a function of old
        from bpe_openai import get_encoding
    return [get_encoding(name) for name in VOCABULARIES]


def n_tokens(text: str) -> int:
    return max(len(encoding.encode_ordinary(text)) for encoding in encodings())


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


@pytest.mark.parametrize("name", TEXTS)
def test_the_bound_holds_for_every_script(name):
    request = Request((user(TEXTS[name]),))
    # 4 tokens around a message and 3 to begin the reply: what the chat models of these vocabularies add.
    assert n_tokens(TEXTS[name]) + 4 + 3 <= most_prompt_tokens(request)


@settings(max_examples=60)
@given(st.lists(st.text(max_size=60), max_size=4))
def test_the_bound_holds_for_any_messages(texts):
    request = Request(tuple(user(text) for text in texts))
    assert sum(n_tokens(text) + 4 for text in texts) + 3 <= most_prompt_tokens(request)


TOOL = {"type": "function", "function": {"name": "ሰላም", "parameters": {"type": "object", "properties": {
    f"field_{number}": {"type": "string", "enum": ["ü", "ß"], "description": "1 2 3 4 5 " * 20} for number in range(20)
}}}}  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"schema": TOOL}}},
        {"parameters": {"tools": [TOOL] * 3}},
        {"parameters": {"functions": [TOOL], "chat_template_kwargs": {"documents": [TOOL]}}},
    ],
    ids=["response format", "tools", "functions"],
)
def test_what_is_sent_beside_the_messages_counts_however_a_template_writes_it(fields):
    request = Request((user("Hi"),), **fields)
    sent = fields.get("response_format") or list(fields["parameters"].values())
    for indent in (None, 2, 4):
        for plain in (True, False):
            written = json.dumps(sent, indent=indent, ensure_ascii=plain)
            assert n_tokens(written) < most_prompt_tokens(request) - most_prompt_tokens(Request((user("Hi"),)))


def test_every_field_of_a_message_counts_and_so_does_half_a_surrogate_pair():
    plain = most_prompt_tokens(Request((user("Hi"),)))
    calls = [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}]
    assert most_prompt_tokens(Request(({**user("Hi"), "tool_calls": calls},))) >= plain + len(json.dumps(calls))
    assert most_prompt_tokens(Request((user("\ud83d"),))) == plain + 1  # three bytes instead of two


def test_an_expectation_is_no_bound_and_stays_near_the_truth_for_prose():
    request = Request((user(TEXTS["prose"]),))
    truth = n_tokens(TEXTS["prose"])
    assert truth < expected_prompt_tokens(request) < 3 * truth < most_prompt_tokens(request)


def test_a_budget_is_not_exceeded_by_a_script_of_many_tokens(tmp_path):
    prices = Prices(prompt_usd_per_million=1_000.0)  # a dollar for a thousand tokens
    text = "ሰላም" * 100  # 300 characters of three bytes each
    asked = Request((user(text),), {"max_tokens": 1})
    assert worst_case_usd(asked, prices) >= n_tokens(text) / 1_000
    with LoopbackProvider() as provider:
        budget = Budget(worst_case_usd(asked, prices) * 0.99)
        engine = engine_on(provider, tmp_path, budget=budget, prices=prices)
        with pytest.raises(Exception, match="budget"):
            answered(engine, [job.__class__(asked, job.tag) for job in jobs(1)])
        assert provider.requests == 0
