"""Provider `any-llm`: by a stand-in always, and by the package itself where it is installed."""

import sys
from dataclasses import replace

import pytest

from eval_assets.checking.remarks import missing_prerequisites
from eval_assets.config.model import Limits, Model, ModelFile
from eval_assets.errors import ConfigError, MissingKeyError
from eval_assets.providers.clients.opening import open_client
from eval_assets.providers.dialects.found_out import DialectMemory
from eval_assets.providers.failures import PartitionFailure, RateLimited, RequestFailed, TransientFailure
from eval_assets.providers.identity import identity_of
from eval_assets.requests.exchange import Request
from eval_assets.stages.file_versions import FileVersions
from tests import any_llm_stand_in
from tests.engines import answered, engine_on, jobs, surroundings
from tests.loopback import Fault
from tests.providers.test_openai_client import ask
from tests.small_project import project_with

SECRET = "sk-any-llm-0123456789"
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}


@pytest.fixture(params=["stand-in", "package"])
def any_llm(request, monkeypatch):
    """What the provider imports."""
    if request.param == "package":
        return pytest.importorskip("any_llm", reason="any-llm-sdk isn't installed: it is an extra")
    for name, module in any_llm_stand_in.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return sys.modules["any_llm"]


def model_at(base_url, **fields):
    file = {"provider": "any-llm", "model": "openai:gpt-4o", "base_url": base_url, "api_key_env": "KEY", **fields}
    return Model(name="m", file=ModelFile.model_validate(file))


def client_at(provider, **fields):
    return open_client(model_at(provider.base_url, **fields), surroundings({"KEY": SECRET}))


@pytest.mark.usefixtures("any_llm")
def test_a_request_is_sent_and_its_reply_read_as_any_other(provider):
    parameters = {"temperature": 0, "max_tokens": 9, "seed": 7}
    request = Request(messages=({"role": "user", "content": "Two words"},), parameters=parameters, sample_index=1)
    reply = ask(client_at(provider), request)
    assert (reply.outcome, reply.output, reply.finish_reason) == ("ok", "echo: Two words", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.answered_by) == (2, 3, "gpt-4o")
    (body,) = provider.bodies
    assert (body["model"], body["temperature"], body["seed"]) == ("gpt-4o", 0, 8)
    assert 9 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert provider.request_headers[0]["Authorization"] == f"Bearer {SECRET}"


@pytest.mark.usefixtures("any_llm")
@pytest.mark.parametrize(
    ("manner", "outcome"),
    [("length", "truncated"), ("refusal", "refused"), ("tool_calls", "tool_call"), ("no_text", "empty"),
     ("filtered", "refused")],
)  # fmt: skip
def test_each_ending_is_an_outcome(provider, manner, outcome):
    provider.script(Fault(manner))
    assert ask(client_at(provider)).outcome == outcome


@pytest.mark.usefixtures("any_llm")
@pytest.mark.parametrize(
    ("fault", "failure", "kind"),
    [
        (Fault(401), PartitionFailure, "authentication"),
        (Fault(404, message="The model does not exist"), PartitionFailure, "unknown_model"),
        (Fault(429, retry_after="7"), RateLimited, "rate_limited"),
        (Fault(400, code="context_length_exceeded", message="too long"), RequestFailed, "context_length_exceeded"),
        (Fault(500), TransientFailure, "http_500"),
        (Fault("reset"), TransientFailure, "http_500"),
    ],
)
def test_each_error_becomes_the_failure_that_says_what_to_do(provider, fault, failure, kind):
    provider.script(fault)
    with pytest.raises(failure) as caught:
        ask(client_at(provider))
    assert (type(caught.value), caught.value.kind) == (failure, kind)
    assert provider.requests == 1
    if failure is RateLimited:
        assert caught.value.retry_after_seconds == 7


@pytest.mark.usefixtures("any_llm")
def test_a_key_is_never_told(provider):
    provider.api_key = "another"
    with pytest.raises(PartitionFailure) as caught:
        ask(client_at(provider))
    assert "Incorrect API key provided" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.usefixtures("any_llm")
def test_an_engine_asks_again_as_for_every_provider(tmp_path, provider):
    provider.script(Fault(429, retry_after="0.01"), Fault(500))
    engine = engine_on(provider, tmp_path, client=client_at(provider), limits=Limits(max_concurrency=1))
    assert [answer.reply.outcome for answer in answered(engine, jobs(2)).values()] == ["ok", "ok"]
    assert provider.requests == 4


@pytest.mark.usefixtures("any_llm")
def test_a_reply_format_that_is_not_taken_is_found_out(provider):
    provider.supports_json_schema = False
    memory = DialectMemory()
    weak = Request(messages=({"role": "user", "content": "Hi"},), response_format=SCHEMA, may_weaken_format=True)
    for _ in range(2):
        surrounding = replace(surroundings({"KEY": SECRET}), dialects=memory)
        assert ask(open_client(model_at(provider.base_url), surrounding), weak).outcome == "ok"
    asked = [body["response_format"]["type"] for body in provider.bodies]
    assert asked == ["json_schema", "json_object", "json_object"]
    with pytest.raises(RequestFailed):
        ask(client_at(provider), replace(weak, may_weaken_format=False))


@pytest.mark.usefixtures("any_llm")
def test_any_llms_own_variable_is_read_where_a_file_names_none(provider, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingKeyError, match="'m' needs the environment variable OPENAI_API_KEY"):
        client_at(provider, api_key_env=None)
    monkeypatch.setenv("OPENAI_API_KEY", "of-its-own")
    ask(client_at(provider, api_key_env=None))
    assert provider.request_headers[0]["Authorization"] == "Bearer of-its-own"


@pytest.mark.usefixtures("any_llm")
@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("mistrall:small", "any-llm can't ask 'mistrall': 'mistrall' is not a supported provider"),
        ("mistral:small", "any-llm needs further packages for 'mistral': mistral required packages"),
    ],
)
def test_what_the_package_cannot_ask_is_said_before_anything_is_sent(provider, model, said):
    with pytest.raises(ConfigError, match=said):
        client_at(provider, model=model)


def test_without_the_package_the_run_says_how_to_install_it(monkeypatch, provider):
    monkeypatch.setitem(sys.modules, "any_llm", None)
    with pytest.raises(ConfigError, match=r"pip install 'eval-assets\[any-llm\]'"):
        client_at(provider)


def test_check_says_that_the_package_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "any_llm" else name)
    evaluation = "dataset: qa\nmodels: [small]\nprompts: [ask]\nwithout_metrics: [toxicity]\n"
    files = {"models/small.yaml": "provider: any-llm\nmodel: mistral:small\n", "evaluations/e.yaml": evaluation}
    project = project_with(tmp_path, **files)
    said = [*missing_prerequisites(project, FileVersions(project), "e", {})]
    expected = "model 'small' needs the package any_llm, which isn't installed: pip install 'eval-assets[any-llm]'"
    assert any(expected in line for line in said)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "mistral/small"}, "expected `model: provider:id` with provider 'any-llm'"),
        ({"model": ":small"}, "expected `model: provider:id`"),
        ({"headers_env": {"X-A": "A"}}, "takes no `headers_env`"),
        ({"query": {"a": "1"}}, "takes no `query`"),
        ({"stream": True}, "expected `stream` with provider"),
        ({"mode": "batch"}, "expected `mode: batch` with provider"),
        ({"api_key_env": None, "token_command": "print"}, "expected `token_command` with provider openai or anthropic"),
    ],
)
def test_a_file_that_asks_for_what_it_has_not_is_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        model_at("http://localhost:1/v1", **fields)


def test_replies_are_kept_under_the_name_that_the_file_has():
    found = identity_of(model_at(None, model="mistral:small"))
    assert (found.provider, found.endpoint, found.model_id) == ("any-llm", "any-llm", "mistral:small")
