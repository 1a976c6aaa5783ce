"""Addresses and secrets in model files."""

import json
import re
from pathlib import Path

import pytest

from eval_assets.checking.remarks import missing_prerequisites
from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import MissingKeyError
from eval_assets.providers.clients.openai_opening import open_openai
from eval_assets.providers.identity import account_of, identity_of
from eval_assets.stages.file_versions import FileVersions
from tests.engines import surroundings
from tests.small_project import problems_of, project_with

SERVED = "provider: openai\nmodel: m\n"


def said_of(folder: Path, fields: str) -> str:
    """What `check` says first of a model with these fields; empty if nothing."""
    project = project_with(folder, **{"models/echo.yaml": f"{SERVED}{fields}\n"})
    return next((line for line in problems_of(project) if line.startswith("data/models/echo.yaml")), "")


@pytest.mark.parametrize(
    "fields",
    [
        "base_url: https://me:hush@host/v1",
        "base_url: https://hush@host/v1",
        "base_url: http://user:hush@[::1]:8000/v1",
        "base_url: https://host/v1?api-key=hush",
        "base_url: https://host/v1?sig=hush&v=2",
        "query: {api-key: hush}",
        "query: {key: hush}",
        "query: {token: hush}",
        "query: {sig: hush}",
        "query: {access_token: hush}",
        "query: {subscriptionKey: hush}",
        "query: {q: sk-hushhushhushhushhush}",
    ],
)
def test_a_secret_written_into_an_address_is_refused_with_where_it_belongs(tmp_path: Path, fields: str) -> None:
    said = said_of(tmp_path, fields)
    assert said.startswith(f"data/models/echo.yaml:3: {fields.split(':', maxsplit=1)[0]}")
    assert "query_env" in said or "headers_env" in said
    assert "hush" not in said


def test_a_refused_secret_reaches_no_table(tmp_path: Path) -> None:
    project = project_with(tmp_path, **{"models/echo.yaml": SERVED + "query: {api-key: hush}\n"})
    assert "echo" not in project.models
    assert "hush" not in project.broken["models", "echo"]


@pytest.mark.parametrize("fields", ["headers_env: {Authorization: Bearer hush}", "query_env: {key: hush-hush}"])
def test_a_secret_in_place_of_its_variable_is_refused_and_not_repeated(tmp_path: Path, fields: str) -> None:
    said = said_of(tmp_path, fields)
    assert "expected the name of an environment variable" in said
    assert "hush" not in said


@pytest.mark.parametrize("name", ['"X\\nHost"', "'X Key'", "'X-Key:'", "Schlüssel", '""'])
def test_a_header_that_no_request_can_have_is_refused(tmp_path: Path, name: str) -> None:
    assert "headers_env" in (said := said_of(tmp_path, f"headers_env: {{{name}: NAME}}"))
    assert "expected the name of a header, such as X-Api-Key, got '" in said


def test_a_secret_query_parameter_is_sent_and_neither_kept_nor_keyed(tmp_path: Path) -> None:
    file = ModelFile(
        provider="openai", model="m", base_url="https://h/v1", query={"v": "2"}, query_env={"api-key": "NAME"}
    )
    model = Model(name="m", file=file)
    client = open_openai(model, surroundings({"NAME": "hush-hush"}))
    assert client._query == {"v": "2", "api-key": "hush-hush"}
    assert "hush-hush" in client._secrets
    assert identity_of(model).endpoint == "https://h/v1?v=2"
    with pytest.raises(MissingKeyError, match="needs the environment variable NAME"):
        open_openai(model, surroundings({}))
    written = f"{SERVED}base_url: https://h/v1\n"
    before = FileVersions(project_with(tmp_path, **{"models/echo.yaml": written}))
    after = FileVersions(project_with(tmp_path, **{"models/echo.yaml": written + "query_env: {api-key: NAME}\n"}))
    assert before.sha256("models", "echo") == after.sha256("models", "echo")
    assert "hush" not in json.dumps(after.version("models", "echo").content)


def test_check_names_every_variable_that_is_not_set(tmp_path: Path) -> None:
    model = f"{SERVED}api_key_env: ONE\nheaders_env: {{X-Team: TWO}}\nquery_env: {{code: THREE}}\n"
    project = project_with(tmp_path, **{"models/echo.yaml": model})
    said = list(missing_prerequisites(project, FileVersions(project), "e", {"TWO": "set"}))
    assert [line.split("variable ")[1].split(",")[0] for line in said] == ["ONE", "THREE"]


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        (
            "localhost:8000/v1",
            "begins with http:// or https://, got 'localhost:8000/v1'; did you mean 'http://localhost:8",
        ),
        ("api.example.com/v1", "got 'api.example.com/v1'; did you mean 'https://api.example.com/v1'?"),
        ("ftp://host/v1", "got 'ftp://host/v1'; did you mean 'https://host/v1'?"),
        ("https:///v1", "begins with http:// or https://"),
        (
            "https://host/v1/chat/completions",
            "without '/chat/completions', which is added to it; write 'https://host/v1'",
        ),
        ("https://host/v1/chat/completions/", "without '/chat/completions/'"),
        ("https://host/v1/completions", "without '/completions'"),
        ("https://host/v1/responses", "without '/responses'"),
        ("https://host:port/v1", "can't be read"),
        ("https://[::1/v1", "can't be read"),
        ("https://host/v1#part", "without '#'"),
        ("'https://ho st/v1'", "without spaces"),
        ('"https://host/\\e[31mv1"', r"without spaces and control characters, got 'https://host/\x1b[31mv1'"),
        ('"https://host/\\u202ev1"', "control characters"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused(tmp_path: Path, base_url: str, said: str) -> None:
    found = said_of(tmp_path, f"base_url: {base_url}")
    assert found.startswith("data/models/echo.yaml:3: base_url: expected an address")
    assert said in found


@pytest.mark.parametrize(
    "fields",
    [
        "base_url: https://YOUR-RESOURCE.openai.azure.com/openai/v1/\nquery: {api-version: '2024-06-01'}",
        "base_url: http://127.0.0.1:8000/v1",
        "base_url: HTTPS://host/chat/v1?deployment=a",
        "base_url: http://[::1]:8000\nquery: {keywords: a, monkey: b}",
    ],
)
def test_addresses_as_servers_have_them_are_allowed(tmp_path: Path, fields: str) -> None:
    assert said_of(tmp_path, fields) == ""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("query: {api-version: 2024-06-01}", "3: got 2024-06-01, which YAML reads as a date; put it in quotes"),
        ("query: {v: 2}", "3: query.v: expected text, got 2, which YAML reads as the number 2; put it in quotes"),
        ("query: {debug: on}", "3: query.debug: expected text, got on, which YAML reads as true; put it in quotes"),
        ("family: no", "3: family: expected text, got no, which YAML reads as false; put it in quotes"),
        ("description: 3.5", "3: description: expected text, got 3.5, which YAML reads as the number 3.5; put it in"),
    ],
)
def test_text_that_yaml_takes_for_something_else_is_to_be_put_in_quotes(tmp_path: Path, fields: str, said: str) -> None:
    assert said_of(tmp_path, fields).startswith(f"data/models/echo.yaml:{said}")


def account(name="m", **fields):
    return account_of(Model(name=name, file=ModelFile(**({"provider": "openai", "model": name} | fields))))


def test_models_of_one_address_and_key_are_one_account():
    url = "https://llm.example.org/v1"
    assert account("a", api_key_env="OPENAI_API_KEY") == account("b")  # the default of OpenAI itself, by name
    assert account("a", base_url=url) == account("b", base_url=url + "/", limits={"max_concurrency": 1})
    assert len({account(), account(base_url=url), account(base_url=url, api_key_env="MY_KEY")}) == 3
    assert account(base_url=url, query_env={"key": "MY_KEY"}) != account(base_url=url)
    assert account("a", provider="embedded") != account("b", provider="embedded")


def test_an_account_is_named_after_its_address_and_the_name_of_its_key(monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-secret")
    named = account(base_url="https://llm.example.org/v1", api_key_env="MY_KEY")
    assert re.fullmatch(r"openai-llm\.example\.org-my_key-[0-9a-f]{8}", named)
    monkeypatch.setenv("MY_KEY", "sk-another")
    assert account(base_url="https://llm.example.org/v1", api_key_env="MY_KEY") == named
