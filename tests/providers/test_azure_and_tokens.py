"""Deployments on Azure, and access tokens that end: where they go, when they are renewed, that nobody sees them."""

import asyncio
import base64
import json
import sys
from types import SimpleNamespace

import pytest

from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.access_tokens import Token, Tokens, read_token, token_by_command
from eval_assets.providers.clients.anthropic_client import open_anthropic
from eval_assets.providers.clients.openai_opening import open_openai, openai_account, openai_address
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import PartitionFailure
from eval_assets.providers.local.embedded import EmbeddedServers
from tests.engines import question, surroundings
from tests.loopback import Fault
from tests.providers.test_openai_client import ask

RESOURCE = "https://ours.openai.azure.com"


def azure(**fields) -> Model:
    file = {"provider": "openai", "model": "our-gpt", "base_url": RESOURCE, "api_key_env": "AZURE_KEY", **fields}
    return Model(name="m", file=ModelFile.model_validate(file))


def at(provider, **fields) -> Model:
    return azure(base_url=provider.base_url, api_key_env=None, **fields)


def printing(text: str, *, counted_in=None) -> str:
    """A command that prints a text, and leaves a line in a file each time it runs."""
    code = f"print({text!r})"
    if counted_in is not None:
        code = f"open({str(counted_in)!r}, 'a').write('x'); " + code
    return f'"{sys.executable}" -c "{code}"'


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"query": {"api-version": "2024-10-21"}}, f"{RESOURCE}/openai/deployments/our-gpt?api-version=2024-10-21"),
        ({}, f"{RESOURCE}/openai/v1"),
        ({"base_url": f"{RESOURCE}/openai/"}, f"{RESOURCE}/openai/v1"),
        ({"base_url": f"{RESOURCE}/openai/v1/"}, f"{RESOURCE}/openai/v1"),
        (
            {"api": "responses", "query": {"api-version": "preview"}},
            f"{RESOURCE}/openai/v1/responses?api-version=preview",
        ),
        # What files of old say leads to the same place as ever, under the same keys.
        ({"base_url": f"{RESOURCE}/openai/deployments/x", "query": {"v": "1"}}, f"{RESOURCE}/openai/deployments/x?v=1"),
    ],
)
def test_a_resource_leads_to_its_deployment(fields, address):
    assert openai_address(azure(**fields).file) == (address, "our-gpt")


def test_on_azure_a_key_goes_into_its_own_header():
    client = open_openai(azure(), surroundings({"AZURE_KEY": "k-very-secret"}))
    assert client._headers == {"api-key": "k-very-secret"}
    assert client._api_key is None
    elsewhere = open_openai(azure(base_url="https://h/v1"), surroundings({"AZURE_KEY": "k-very-secret"}))
    assert (elsewhere._headers, elsewhere._api_key) == ({}, "k-very-secret")


def test_a_token_of_a_command_is_sent_as_bearer_and_obtained_once(provider, tmp_path):
    runs = tmp_path / "runs"
    model = at(provider, token_command=printing("tok-123456789", counted_in=runs))
    client = open_openai(model, surroundings({"OPENAI_API_KEY": "another"}))
    for _ in range(3):
        ask(client)
    assert {headers["Authorization"] for headers in provider.request_headers} == {"Bearer tok-123456789"}
    assert runs.read_text() == "x"


def test_claude_is_let_in_by_a_token_too(provider):
    fields = {"provider": "anthropic", "model": "claude", "base_url": provider.base_url, "api_key_env": None}
    model = Model(name="m", file=ModelFile(**fields, token_command=printing("tok-123456789")))
    ask(open_anthropic(model, surroundings({})))
    assert provider.request_headers[0]["Authorization"] == "Bearer tok-123456789"
    assert "x-api-key" not in provider.request_headers[0]


def test_a_token_is_renewed_before_it_ends():
    now, given = [1_000.0], iter(["first", "second", "third"])
    tokens = Tokens(lambda: Token(next(given), now[0] + 3_600), clock=lambda: now[0])
    sent = []
    for at_second in (0, 3_000, 3_419, 3_421, 6_000):
        now[0] = 1_000.0 + at_second
        sent.append(asyncio.run(tokens.current()))
    assert sent == ["first", "first", "first", "second", "second"]  # three minutes before 3,600


def test_many_requests_at_once_obtain_one_token():
    obtained = []

    def obtain() -> Token:
        obtained.append(1)
        return Token("t", None)

    tokens = Tokens(obtain)

    async def all_at_once():
        return await asyncio.gather(*(tokens.current() for _ in range(20)))

    assert set(asyncio.run(all_at_once())) == {"t"}
    assert len(obtained) == 1


def test_a_token_that_ends_at_once_is_not_obtained_for_each_request():
    now, obtained = [0.0], []
    tokens = Tokens(lambda: obtained.append(1) or Token("t", now[0] + 1), clock=lambda: now[0])
    for second in range(31):
        now[0] = float(second)
        asyncio.run(tokens.current())
    assert len(obtained) == 2


def test_a_refused_token_is_renewed_once(provider, tmp_path):
    provider.api_key = "second-token"
    given = tmp_path / "given"
    code = f"p={str(given)!r}; import os; print('second-token' if os.path.exists(p) else 'first-token'); open(p, 'w')"
    model = at(provider, token_command=f'"{sys.executable}" -c "{code}"')
    assert ask(open_openai(model, surroundings({}))).outcome == "ok"
    assert provider.requests == 2


def test_a_token_refused_again_stops_the_cell_and_is_not_shown(provider):
    provider.api_key = "another"
    model = at(provider, token_command=printing("tok-very-secret"))
    with pytest.raises(PartitionFailure) as caught:
        ask(open_openai(model, surroundings({})))
    assert provider.requests == 1  # the same token came again: nothing was gained by sending it
    assert "very-secret" not in str(caught.value)


def test_tokens_that_are_new_each_time_are_renewed_once_only(provider):
    provider.api_key = "another"
    command = f'"{sys.executable}" -c "import uuid; print(uuid.uuid4())"'
    with pytest.raises(PartitionFailure):
        ask(open_openai(at(provider, token_command=command), surroundings({})))
    assert provider.requests == 2


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("no-such-tool-here get-token", "can't be run"),
        (f'"{sys.executable}" -c "import sys; sys.exit(\'please log in\')"', "ended with 1: please log in"),
        (printing("two words"), "printed no token"),
        (printing(""), "printed no token"),
        ('"unclosed', "can't be run"),
    ],
)
def test_a_command_that_gives_no_token_stops_the_cell(provider, command, said):
    with pytest.raises(PartitionFailure, match=said) as caught:
        ask(open_openai(at(provider, token_command=command), surroundings({})))
    assert caught.value.kind == "authentication"
    assert provider.requests == 0


def test_what_a_failing_command_says_is_redacted(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "tok-very-secret")
    failing = f'"{sys.executable}" -c "import sys; sys.exit(\'refused tok-very-secret\')"'
    with pytest.raises(PartitionFailure) as caught:
        token_by_command(failing, "m")
    assert "very-secret" not in str(caught.value)


def jwt(**claims) -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{part}.c2ln"


@pytest.mark.parametrize(
    ("given", "token"),
    [
        ("abc\n", Token("abc", None)),
        (jwt(exp=1_900_000_000), Token(jwt(exp=1_900_000_000), 1_900_000_000.0)),
        # `az account get-access-token` prints both: the number has no time zone to mistake.
        (
            '{"accessToken": "abc", "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 1900000000}',
            Token("abc", 1_900_000_000.0),
        ),
        ('{"token": "abc", "expires_at": "2100-01-01T00:00:00+00:00"}', Token("abc", 4_102_444_800.0)),
        (SimpleNamespace(token="abc", expires_on=1_900_000_000), Token("abc", 1_900_000_000.0)),
        ({"access_token": "abc", "expires_on": "soon"}, Token("abc", None)),
        ('{"error": "no"}', None),
        ("{", None),
    ],
)
def test_tokens_are_read_as_tools_print_them(given, token):
    assert read_token(given) == token


def test_a_token_does_not_show_itself():
    assert "abc" not in repr(Token("abc", None))


def test_a_function_of_the_project_may_return_the_token(provider, tmp_path):
    (tmp_path / "entra_of_ours.py").write_text(
        "def token():\n    return 'tok-of-a-function'\n\ndef broken():\n    1 / 0\n"
    )
    models_dir = tmp_path / "data" / "models"
    models_dir.mkdir(parents=True)
    where = Surroundings(models_dir, EmbeddedServers(), {})
    ask(open_openai(at(provider, token_function="entra_of_ours:token"), where), question("Hi"))
    assert provider.request_headers[0]["Authorization"] == "Bearer tok-of-a-function"
    with pytest.raises(PartitionFailure, match="ZeroDivisionError"):
        ask(open_openai(at(provider, token_function="entra_of_ours:broken"), where))
    with pytest.raises(ConfigError, match="has no 'nothing'"):
        open_openai(at(provider, token_function="entra_of_ours:nothing"), where)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"token_command": "az"}, "expected one of api_key_env"),
        ({"api_key_env": None, "token_command": "az", "token_function": "a:b"}, "got token_command and token_function"),
        ({"provider": "embedded", "api_key_env": None, "token_command": "az"}, "with provider openai or anthropic"),
    ],
)
def test_a_file_with_two_ways_in_is_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        azure(**fields)


def test_models_that_use_one_command_share_an_account():
    one, other = azure(api_key_env=None, token_command="az x"), azure(api_key_env=None, token_command="az y")
    assert openai_account(one.file) != openai_account(other.file)


def test_azures_filter_is_a_refusal(provider):
    body = {
        "error": {
            "message": "The response was filtered due to the prompt triggering our content management policy.",
            "type": None,
            "param": "prompt",
            "code": "content_filter",
            "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
        }
    }
    provider.script(Fault(400, body=json.dumps(body).encode()))
    reply = ask(open_openai(at(provider), surroundings({})))
    assert (reply.outcome, reply.error_kind) == ("refused", "content_filter")
