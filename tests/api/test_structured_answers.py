"""Answers of a declared form, from what is asked to the scores of their fields."""

import json

import pydantic
import pytest

import eval_assets as ea
from eval_assets.errors import ConfigError
from tests.loopback import LoopbackProvider

ROWS = [
    {"inputs": "France", "targets": "Paris"},
    {"inputs": "Italy", "targets": "Rome"},
    {"inputs": "?", "targets": "x"},
]
ANSWERS = {"France": '{"city": "Paris", "sure": true}', "Italy": '{"city": "Milan", "sure": false}', "?": "no idea"}


class City(pydantic.BaseModel):
    model_config = {"extra": "forbid"}
    city: str
    sure: bool


def model_on(provider, **fields):
    return ea.Model("tiny-1", base_url=provider.base_url, response_format=City, **fields)


@pytest.fixture
def provider():
    with LoopbackProvider(answer=lambda body: ANSWERS[body["messages"][-1]["content"]]) as provider:
        yield provider


def test_the_form_is_asked_for_and_counted_and_its_fields_are_scored(project, provider):
    metrics = ["default", {"metric": "exact_match", "field": "city"}]
    r = ea.evaluate(ROWS, model_on(provider), metrics=metrics, task="question-answering")
    sent = {json.dumps(body["response_format"], sort_keys=True) for body in provider.bodies}
    (asked,) = map(json.loads, sent)
    assert asked["json_schema"]["strict"] is True
    assert asked["json_schema"]["schema"]["required"] == ["city", "sure"]
    assert r.df["valid_output"].to_list() == [1.0, 1.0, 0.0]
    assert r.df["exact_match.city"].to_list() == [1.0, 0.0, None]
    assert r.df["outcome"].to_list() == ["ok"] * 3  # an answer of another form is an answer, kept with its text
    assert r.df["output"][2] == "no idea"
    reasons = r.errors.filter(metric="exact_match.city")["reason"].to_list()
    assert reasons == ["no field 'city': the output is no JSON: Expecting value: line 1 column 1 (char 0)"]
    assert r.metrics["valid_output/v1/mean"] == pytest.approx(2 / 3)


def test_an_endpoint_without_schemas_answers_all_the_same_and_nothing_is_asked_twice(project, provider):
    provider.supports_json_schema = False
    r = ea.evaluate(ROWS, model_on(provider, limits={"max_concurrency": 1}), metrics=["valid_output"])
    assert r.df["valid_output"].to_list() == [1.0, 1.0, 0.0]
    n_requests = provider.requests
    assert n_requests == 4  # one found out
    again = ea.evaluate(ROWS, model_on(provider), metrics=["valid_output"])
    assert (again.n_sent, provider.requests) == (0, n_requests)


def test_a_model_that_takes_no_formats_is_looked_at_too(project):
    def app(inputs):
        return ANSWERS[inputs]

    r = ea.evaluate(ROWS, ea.Model(function=app, response_format="json"), metrics=["valid_output"])
    assert r.df["valid_output"].to_list() == [1.0, 1.0, 0.0]


def test_a_prompt_of_the_project_has_its_form_in_its_file(project):
    (project / "data" / "prompts").mkdir()
    (project / "data" / "prompts" / "ask.md").write_text("## user\n{{ inputs }}\n")
    with pytest.raises(ConfigError, match="'ask' is a file; write `response_format` there"):
        ea.evaluate(ROWS, ea.Model("tiny-1", prompt="ask", response_format="json"))


def test_log_probabilities_are_kept_where_they_are_asked_for(project, provider):
    model = ea.Model("tiny-1", base_url=provider.base_url, parameters={"logprobs": True})
    r = ea.evaluate(ROWS, model, metrics=["mean_logprob", "perplexity"])
    # the loopback says -0.1 of its only token; e ** 0.1 = 1.105171
    assert r.df["mean_logprob"].to_list() == [-0.1] * 3
    assert r.df["perplexity"].to_list() == pytest.approx([1.1051709] * 3)
