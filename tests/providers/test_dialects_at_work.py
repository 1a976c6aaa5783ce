"""A model that thinks and refuses what judges ask with, on loopback: found out once, and no verdict is lost."""

import asyncio
import re
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from eval_assets.config.judge import Judge, JudgeFile
from eval_assets.config.model import Model, ModelFile
from eval_assets.judges.formats import FormatMemory
from eval_assets.judges.panels import judge_predictions
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.clients.openai_opening import open_openai
from eval_assets.providers.clients.opening import open_client
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.identity import identity_of
from tests.engines import engine_on, question, surroundings
from tests.loopback import LoopbackProvider, within
from tests.unit.test_judge_rows import predictions, verdict

ASKED = {"max_tokens": 96, "temperature": 0}
SHIPPED = Path(__file__).parents[2] / "data" / "judges" / "answer-correctness.yaml"
N_VERDICTS = 200


def thoughts(body) -> int:
    """60 to 2,000 tokens, spread evenly over the questions."""
    number = int(re.search(r"Question (\d+)\?", str(body["messages"])).group(1))
    return 60 + number * (2_000 - 60) // (N_VERDICTS - 1)


def judged_on_thinking_model(folder, n, rubric=MappingProxyType({}), takes_no=("max_tokens", "temperature"), **fields):
    judge = Judge(name="correct", file=JudgeFile(**{**yaml.safe_load(SHIPPED.read_text()), "model": "tiny", **rubric}))
    with LoopbackProvider(answer=lambda _: verdict(4), takes_no=takes_no, thinking=thoughts) as provider:
        at = {"provider": "openai", "model": "tiny", "base_url": provider.base_url}
        model = Model(name="tiny", file=ModelFile.model_validate({**at, **fields}))
        client = open_client(model, surroundings({"KEY": "sk-0123456789"}))
        with engine_on(provider, folder, client=client, identity=identity_of(model)) as engine:
            (scores,) = judge_predictions(
                [predictions(*[{}] * n)],
                [judge],
                {"tiny": engine},
                models={"tiny": model},
                formats=FormatMemory(folder / "formats.json"),
                run_id="run-1",
            )
        return scores, provider


def test_no_verdict_of_a_model_that_thinks_is_lost(tmp_path):
    scores, provider = judged_on_thinking_model(tmp_path, N_VERDICTS)
    assert scores["outcome"].to_list() == ["ok"] * N_VERDICTS
    # Two refusals find out what it takes; a verdict is asked again if thoughts took all 96 tokens of the first reply.
    refused = [body for body in provider.bodies if "max_tokens" in body or "temperature" in body]
    again = [body for body in provider.bodies if body.get("max_completion_tokens") == 4_096]
    assert len(refused) == 2
    assert provider.requests == 2 + N_VERDICTS + len(again)
    assert len(again) < N_VERDICTS


def test_a_model_known_to_think_is_asked_once(tmp_path):
    scores, provider = judged_on_thinking_model(tmp_path, N_VERDICTS, thinks=True)
    assert scores["outcome"].to_list() == ["ok"] * N_VERDICTS
    assert provider.requests == 2 + N_VERDICTS


@pytest.mark.parametrize(
    ("fields", "limit", "schema"),
    [
        ({"api": "responses"}, "max_output_tokens", "text.format.schema"),
        ({"provider": "anthropic"}, "max_tokens", "output_config.format.schema"),
        ({"provider": "anthropic", "model": "claude-3-7-sonnet"}, "max_tokens", "tools"),
    ],
)
def test_no_verdict_is_lost_in_another_api(tmp_path, fields, limit, schema):
    rubric = {"rubric": "1: wrong. 5: right. " + "Be strict. " * 500}  # long enough for a cache to keep
    scores, provider = judged_on_thinking_model(
        tmp_path, 20, rubric, thinks=True, takes_no=("temperature",), api_key_env="KEY", **fields
    )
    assert scores["outcome"].to_list() == ["ok"] * 20
    assert provider.requests == 21  # one of which found out that it takes no temperature
    asked = provider.bodies[-1]
    assert (asked[limit], "temperature" in asked) == (4_096, False)
    assert within(asked, schema)
    if "provider" in fields:
        marked = [body for body in provider.bodies if "cache_control" in str(body)]
        assert len(marked) == 19  # all but the first question, which was sent twice
    else:
        assert len({body["prompt_cache_key"] for body in provider.bodies}) == 1


def test_many_requests_at_once_adapt_to_what_each_of_them_finds_out(provider):
    provider.takes_no = ("max_tokens", "temperature")
    provider.latency_seconds = 0.05
    client = OpenAIClient(model_id="tiny", base_url=provider.base_url)

    async def all_at_once():
        try:
            asked = [client.complete(question(f"Hi {n}", parameters=ASKED)) for n in range(5)]
            return await asyncio.gather(*asked)
        finally:
            await client.aclose()

    assert {reply.outcome for reply in asyncio.run(all_at_once())} == {"ok"}
    assert provider.requests == 15  # each was refused twice, then spelled as it is taken


def test_a_parameter_that_is_needed_stays_refused(provider):
    provider.takes_no = ("stop",)
    with pytest.raises(RequestFailed, match="'stop'"):
        ask_once(OpenAIClient(model_id="tiny", base_url=provider.base_url), {"stop": ["."]})
    assert provider.requests == 1


def test_a_family_is_sent_what_it_takes_at_the_first_request(provider):
    provider.takes_no = ("max_tokens", "temperature")
    model = Model(name="o3", file=ModelFile(provider="openai", model="o3-mini", base_url=provider.base_url))
    ask_once(open_openai(model, surroundings({})), ASKED)
    assert provider.requests == 1
    assert provider.bodies[0]["max_completion_tokens"] == 96


def ask_once(client, parameters):
    async def once():
        try:
            return await client.complete(question("Hi", parameters=parameters))
        finally:
            await client.aclose()

    return asyncio.run(once())
