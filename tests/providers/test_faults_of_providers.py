"""Provider × fault → how rows end, how many requests are sent, what is counted as their cost.

The table of `docs/provider-failures.md` at work, in each API: 12 rows are asked one after the other, and the fault
befalls all of them unless said otherwise. A token costs a millionth of a dollar; a question has 2 and its answer 3.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from eval_assets.config.model import Limits, Model, ModelFile
from eval_assets.config.prices import Prices
from eval_assets.errors import ProviderError
from eval_assets.providers.clients.opening import open_client
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.providers.identity import identity_of
from tests.engines import jobs, store_in, surroundings
from tests.loopback import Fault, LoopbackProvider

N_ROWS = 12
OF_A_REPLY = 5
LIMITS = Limits(max_concurrency=1, max_retries=1, timeout_seconds=5)
PRICES = Prices(prompt_usd_per_million=1, completion_usd_per_million=1)
KEY = "sk-0123456789"
PARAMETERS = {"temperature": 0.5, "max_tokens": 300}

PROVIDERS: dict[str, dict[str, str]] = {
    "chat": {"provider": "openai", "model": "gpt"},
    "responses": {"provider": "openai", "model": "gpt", "api": "responses"},
    "messages": {"provider": "anthropic", "model": "claude"},
    "completions": {"provider": "openai", "model": "base", "api": "completions"},
}
Befalls = Callable[[LoopbackProvider, str], None]


@dataclass(frozen=True)
class Expected:
    """What comes of a fault.

    Args:
        outcomes: Outcome → rows; empty where the cell is stopped.
        requests: Sent in all; or how many there may be, where others go ahead while one rests.
        tokens: Counted as cost, in millionths of a dollar.
        stopped: What the message says that stops the cell.
    """

    requests: int | range
    outcomes: Mapping[str, int]
    tokens: int = 0
    stopped: str | None = None


def stops(said: str, *, after: int | range = 1) -> Expected:
    return Expected(after, {}, 0, said)


def rows(tokens: int, requests: int = N_ROWS, **outcomes: int) -> Expected:
    return Expected(requests, outcomes, tokens)


def all_get(*faults: Fault) -> Befalls:
    """Each request gets the fault; the last one is what Anthropic says for it."""

    def befall(provider: LoopbackProvider, api: str) -> None:
        provider.faults = lambda _: faults[-1 if api == "messages" else 0]

    return befall


def only_one_gets(*faults: Fault) -> Befalls:
    """One question is the matter, the others are answered."""

    def befall(provider: LoopbackProvider, api: str) -> None:
        fault = faults[-1 if api == "messages" else 0]
        provider.faults = lambda body: fault if "question 7" in json.dumps(body) else None

    return befall


def the_first_gets(fault: Fault) -> Befalls:
    return lambda provider, _api: provider.script(fault)


def sets(**fields: Any) -> Befalls:
    def befall(provider: LoopbackProvider, _api: str) -> None:
        for name, value in fields.items():
            setattr(provider, name, value)

    return befall


def usage_is(usage: Any) -> Befalls:
    """Replies are whole, and what they say was used is this."""

    def befall(provider: LoopbackProvider, api: str) -> None:
        said = {
            "chat": {"choices": [{"message": {"role": "assistant", "content": "one two"}, "finish_reason": "stop"}]},
            "responses": {
                "status": "completed",
                "output": [{"type": "message", "content": [{"type": "output_text", "text": "one two"}]}],
            },
            "messages": {"content": [{"type": "text", "text": "one two"}], "stop_reason": "end_turn"},
            "completions": {"choices": [{"text": "one two", "finish_reason": "stop"}]},
        }
        body = said[api] | {"usage": usage}
        provider.faults = lambda _: Fault(200, body=json.dumps(body).encode())

    return befall


TOO_LONG = Fault(400, code="context_length_exceeded", message="maximum context length is 8192 tokens")
NO_CREDIT = Fault(400, message="Your credit balance is too low to access the Anthropic API.")
PAGE = Fault(200, body=b"<html><body><h1>Sign in</h1></body></html>")
BAD_GATEWAY = Fault(502, body=b"<html><body><h1>502 Bad Gateway</h1></body></html>")
GUESSED = 3 + 2  # 10 characters of "question 0", 7 of "one two", four to a token; two questions have 11: 3, too

FAULTS: dict[str, tuple[Befalls, Expected]] = {
    "wrong key": (sets(api_key="another"), stops("the key was refused")),
    "unknown model": (all_get(Fault(404, message="no such model")), stops("is unknown at")),
    "no permission": (all_get(Fault(403)), stops("no permission")),
    "quota exhausted": (
        all_get(Fault(429, code="insufficient_quota"), NO_CREDIT),
        stops("nothing is left on the account"),
    ),
    "asked to slow down for an hour": (all_get(Fault(429, retry_after="3600")), stops("asks to wait 3600 s")),
    "slowed down once": (
        the_first_gets(Fault(429, retry_after="0.01")),
        rows(N_ROWS * OF_A_REPLY, N_ROWS + 1, ok=N_ROWS),
    ),
    "overloaded for an hour": (
        all_get(Fault(503, retry_after="3600"), Fault(529, retry_after="3600")),
        stops("asks to wait 3600 s"),
    ),
    "overloaded": (all_get(Fault(503), Fault(529)), stops("failed alike", after=20)),
    "filtered, as an error": (
        all_get(Fault("filtered"), Fault(400, message="Output blocked by content filtering policy")),
        rows(0, refused=N_ROWS),
    ),
    "filtered, as a reply": (all_get(Fault("content_filter")), rows(N_ROWS * OF_A_REPLY, refused=N_ROWS)),
    "deprecated parameter": (
        sets(takes_no=("temperature",)),
        rows(N_ROWS * OF_A_REPLY, N_ROWS + 1, ok=N_ROWS),
    ),
    "empty reply": (all_get(Fault("no_text")), rows(N_ROWS * (5 + 256), empty=N_ROWS)),
    "tool-only reply": (all_get(Fault("tool_calls")), rows(N_ROWS * 2, tool_call=N_ROWS)),
    "cut reply": (all_get(Fault("length")), rows(N_ROWS * OF_A_REPLY, truncated=N_ROWS)),
    "one overlong prompt": (
        only_one_gets(TOO_LONG),
        rows((N_ROWS - 1) * OF_A_REPLY, ok=N_ROWS - 1, error=1),
    ),
    "all prompts overlong": (all_get(TOO_LONG), stops("10 requests in a row failed alike", after=10)),
    "a page in place of JSON": (all_get(PAGE), stops("expected JSON, got the page 'Sign in'")),
    "a gateway's page of an error": (all_get(BAD_GATEWAY), stops("502 Bad Gateway", after=range(20, 23))),
    "usage of no shape": (usage_is("free of charge"), rows(N_ROWS * GUESSED, ok=N_ROWS)),
    "usage in texts": (
        usage_is({"input_tokens": "7", "output_tokens": "3", "total_tokens": "10"}),
        rows(N_ROWS * 10, ok=N_ROWS),
    ),
    "usage below 0": (
        usage_is({"input_tokens": -7, "output_tokens": 3}),
        rows(N_ROWS * (3 + 3), ok=N_ROWS),
    ),
    "usage that is null": (usage_is(None), rows(N_ROWS * GUESSED, ok=N_ROWS)),
}


def model_of(name: str, provider: LoopbackProvider) -> Model:
    at = {"base_url": provider.base_url, "api_key_env": "KEY", "parameters": PARAMETERS}
    file = ModelFile.model_validate({**PROVIDERS[name], **at})
    return Model(name="m", file=file)


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_outcome_its_requests_and_its_cost(tmp_path, fault, name):
    if (fault, name) == ("tool-only reply", "completions"):
        pytest.skip("plain completions know no tools")
    befall, expected = FAULTS[fault]
    with LoopbackProvider() as provider:
        befall(provider, name)
        model = model_of(name, provider)
        engine = Engine(
            identity=identity_of(model),
            client=open_client(model, surroundings({"KEY": KEY})),
            store=store_in(tmp_path),
            run_id="run-1",
            limits=LIMITS,
            prices=PRICES,
        )
        outcomes: Counter[str] = Counter()
        said = None
        try:
            with engine:
                outcomes.update(answer.reply.outcome for answer in engine.answers(jobs_asked()))
        except ProviderError as error:
            said = str(error)
        report = engine.report()
    assert (said is None) == (expected.stopped is None), said
    if expected.stopped is not None:
        assert expected.stopped in said
        assert KEY not in said
        outcomes.clear()
    assert dict(outcomes) == dict(expected.outcomes)
    counted = expected.requests if isinstance(expected.requests, range) else [expected.requests]
    assert provider.requests in counted
    assert round((report.progress.cost_usd or 0) * 1e6) == expected.tokens


def jobs_asked():
    return [replace(job, request=replace(job.request, parameters=PARAMETERS)) for job in jobs(N_ROWS)]
