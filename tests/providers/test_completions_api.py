"""Plain completions over real HTTP: what is sent, how replies are read, and what the API can't be asked."""

import json

import pytest

from eval_assets.config.model import Model, ModelFile
from eval_assets.providers.abilities import takes_reply_formats, unable_to_answer
from eval_assets.providers.apis.completions_api import completions_body
from eval_assets.providers.clients.openai_opening import open_openai
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.identity import identity_of
from eval_assets.providers.replies.logprobs import mean_logprob
from eval_assets.requests.exchange import Request
from tests.engines import question, surroundings
from tests.loopback import Fault
from tests.providers.test_openai_client import ask
from tests.providers.test_responses_api import posted
from tests.small_project import problems_of, project_with

TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
TEXT = {"role": "user", "content": "Q: 2 + 2?\nA:"}


def model_at(base_url, **fields):
    given = {"parameters": {"max_tokens": 64}, **fields}
    file = {"provider": "openai", "model": "base", "base_url": base_url, "api": "completions", **given}
    return Model(name="m", file=ModelFile.model_validate(file))


def client_at(provider, **fields):
    return open_openai(model_at(provider.base_url, **fields), surroundings({}))


def test_the_text_is_sent_as_it_stands_with_its_parameters(provider):
    parameters = {
        "max_tokens": 64,
        "temperature": 0,
        "stop": ["\n"],
        "seed": 7,
        "min_p": 0.1,
        "reasoning_effort": "low",
    }
    request = Request(messages=(TEXT,), parameters=parameters, sample_index=2)
    ask(client_at(provider), request)
    assert provider.paths == ["/v1/completions"]
    assert provider.bodies == [
        {
            "model": "base",
            "prompt": "Q: 2 + 2?\nA:",
            "max_tokens": 64,
            "temperature": 0,
            "stop": ["\n"],
            "seed": 9,
            "min_p": 0.1,
        }
    ]


@pytest.mark.parametrize(
    ("manner", "outcome", "finish_reason"),
    [(None, "ok", "stop"), ("length", "truncated", "length"), ("content_filter", "refused", "content_filter"),
     ("no_text", "empty", "stop")],
)  # fmt: skip
def test_each_ending_is_an_outcome(provider, manner, outcome, finish_reason):
    provider.script(None if manner is None else Fault(manner))
    reply = ask(client_at(provider), question("Two words"))
    assert (reply.outcome, reply.finish_reason) == (outcome, finish_reason)
    if manner is None:
        assert (reply.output, reply.prompt_tokens, reply.completion_tokens) == ("echo: Two words", 2, 3)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("asked", "sent"),
    [({"logprobs": True}, 1), ({"logprobs": True, "top_logprobs": 5}, 5), ({"logprobs": 3}, 3)],
)
def test_logprobs_are_asked_for_and_kept_as_those_of_chat_completions(provider, stream, asked, sent):
    reply = ask(client_at(provider, stream=stream), question("Hi", parameters={"max_tokens": 9, **asked}))
    assert provider.bodies[0]["logprobs"] == sent
    assert "top_logprobs" not in provider.bodies[0]
    likeliest = [{"token": "echo:", "logprob": -0.1}, {"token": "other", "logprob": -2.5}]
    assert reply.logprobs[0] == {"token": "echo:", "logprob": -0.1, "top_logprobs": likeliest}
    assert (len(reply.logprobs), mean_logprob(reply.logprobs)) == (2, -0.1)


def test_logprobs_that_are_declined_are_not_asked_for():
    assert "logprobs" not in completions_body("m", Request(messages=(TEXT,)), {"logprobs": False})


def test_the_prompt_repeated_has_a_token_without_logprob():
    """`echo: true`: nothing leads to the first token, and a mean without it would be of something else."""
    assert mean_logprob([{"token": "Q", "logprob": None}, {"token": "A", "logprob": -0.5}]) is None


@pytest.mark.parametrize(
    ("messages", "tools", "asked", "said"),
    [
        (({"role": "system", "content": "Be brief."}, TEXT), (), None, "knows no roles, got 2 messages"),
        ((TEXT,), (TOOL,), None, "no tools; leave them out of the prompt"),
        (({"role": "user", "content": [IMAGE]},), (), None, "no images"),
        ((TEXT,), (), {"type": "json_object"}, "no reply format; leave `response_format` out of the prompt"),
    ],
)
def test_what_a_text_has_no_room_for_is_refused_with_what_to_do(messages, tools, asked, said):
    model = model_at("http://localhost:1/v1")
    assert unable_to_answer(model, (TEXT,), ()) is None
    refused = unable_to_answer(model, messages, tools, asked)
    assert said in refused
    assert "or ask the model with `api: chat`" in refused
    assert unable_to_answer(model_at("http://localhost:1/v1", api="chat"), messages, tools, asked) is None
    assert not takes_reply_formats(model)


def test_what_reaches_the_client_all_the_same_costs_its_row(provider):
    with pytest.raises(RequestFailed, match="plain completions take one text"):
        ask(client_at(provider), Request(messages=(TEXT, TEXT)))
    assert provider.requests == 0


def test_a_limit_has_to_be_stated():
    with pytest.raises(ValueError, match="expected `max_tokens` among the parameters with `api: completions`"):
        model_at("http://localhost:1/v1", parameters={})


def test_check_says_what_a_base_model_cannot_be_asked(tmp_path):
    base = "provider: openai\nmodel: base\napi: completions\nbase_url: http://h/v1\nparameters: {max_tokens: 9}\n"
    evaluation = "dataset: qa\nmodels: [base]\nprompts: [ask, roles]\njudges: [right]\nwithout_metrics: [toxicity]\n"
    files = {
        "models/base.yaml": base,
        "prompts/roles.md": "## system\nBe brief.\n## user\n{{ inputs }}\n",
        "judges/right.yaml": "definition: Is it right?\nmodel: base\n",
        "evaluations/e.yaml": evaluation,
    }
    said = problems_of(project_with(tmp_path, **files))
    assert any("right.yaml:2" in line and "judges are asked in messages" in line for line in said)
    assert any("e.yaml:2" in line and "got 2 messages" in line and "prompt 'roles'" in line for line in said)
    assert len(said) == 2


def test_replies_are_kept_apart_from_those_of_chat():
    there = "http://localhost:8000/v1"
    assert identity_of(model_at(there)).endpoint == f"{there}/completions"
    assert identity_of(model_at(there, api="chat")).endpoint == there


@pytest.mark.parametrize("manner", [None, "length", "content_filter"])
@pytest.mark.parametrize("streams", [False, True])
def test_the_loopback_provider_replies_in_the_shape_of_the_official_sdk(provider, manner, streams):
    import httpx2
    from openai.types import Completion

    provider.script(None if manner is None else Fault(manner))
    body = completions_body("base", Request(messages=(TEXT,)), {"logprobs": 2, "max_tokens": 9})
    if not streams:
        Completion.model_validate(posted(f"{provider.base_url}/completions", body))
        return
    text = httpx2.post(f"{provider.base_url}/completions", json={**body, "stream": True}).text
    *chunks, end = text.strip().split("\n\n")
    assert end == "data: [DONE]"
    for chunk in chunks:
        told = json.loads(chunk.removeprefix("data: "))
        # Its type says `finish_reason` is there; the endpoint says null until the end.
        ended = [{**choice, "finish_reason": choice["finish_reason"] or "stop"} for choice in told["choices"]]
        Completion.model_validate({**told, "choices": ended})
