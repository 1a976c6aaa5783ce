"""Requests to Amazon Bedrock that AWS credentials sign: what goes out, each attempt anew, no secret told."""

from datetime import UTC, datetime, timedelta

import pytest

from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import MissingKeyError
from eval_assets.providers.clients.opening import open_client
from eval_assets.providers.failures import PartitionFailure
from eval_assets.providers.http import aws_signature
from eval_assets.providers.http.aws_signature import Credentials, Scope, signed_headers
from eval_assets.providers.identity import identity_of
from eval_assets.providers.traits import provider_of
from eval_assets.stages.file_versions import SECRET_NAME_FIELDS
from tests.engines import answered, engine_on, jobs, surroundings
from tests.loopback import Fault, LoopbackProvider
from tests.providers.test_openai_client import ask

KEY_ID, SECRET, SESSION = "AKIDEXAMPLE", "aws-secret-of-tests", "session-of-tests"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": SESSION}


@pytest.fixture
def anywhere():
    with LoopbackProvider(is_anywhere=True) as provider:
        yield provider


def model_at(base_url, /, **fields):
    file = {"provider": "anthropic", "model": "us.claude-3-v1:0", "base_url": base_url, "aws_region": "eu-west-1"}
    return Model(name="m", file=ModelFile.model_validate({**file, **fields}))


def client_at(provider, environment=ENVIRONMENT, /, **fields):
    return open_client(model_at(provider.base_url, **fields), surroundings(environment))


def is_signed(provider, number: int, sent: bytes, *, service="bedrock") -> bool:
    """Whether a request that arrived bears the signature of what arrived."""
    headers = provider.request_headers[number]
    at = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    url = provider.base_url.removesuffix("/v1") + provider.paths[number]
    credentials = Credentials(KEY_ID, SECRET, SESSION)
    scope = Scope("eu-west-1", service)
    expected = signed_headers("POST", url, headers, sent, credentials=credentials, scope=scope, at=at)
    return expected["Authorization"] == headers["Authorization"]


def test_a_request_arrives_as_it_was_signed(anywhere):
    sent = []
    anywhere.on_body = sent.append
    reply = ask(client_at(anywhere))
    assert (reply.outcome, reply.output) == ("ok", "echo: Hello there")
    assert is_signed(anywhere, 0, sent[0])
    headers = anywhere.request_headers[0]
    assert headers["x-amz-security-token"] == SESSION
    signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"
    assert signed in headers["Authorization"]
    assert f"Credential={KEY_ID}/" in headers["Authorization"]
    assert SECRET not in str([*headers.items()])


def test_the_openai_api_of_bedrock_is_signed_too(anywhere):
    sent = []
    anywhere.on_body = sent.append
    reply = ask(client_at(anywhere, provider="openai", query={"b": "2", "a": "1"}))
    assert (reply.outcome, anywhere.paths[0].partition("?")[0]) == ("ok", "/v1/chat/completions")
    assert is_signed(anywhere, 0, sent[0])


def test_each_attempt_is_signed_anew(tmp_path, anywhere, monkeypatch):
    moments = iter(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n) for n in range(9))

    class Clock:
        @staticmethod
        def now(_zone):
            return next(moments)

    monkeypatch.setattr(aws_signature, "datetime", Clock)
    anywhere.script(Fault(429, retry_after="0.01"), Fault(500))
    (answer,) = answered(engine_on(anywhere, tmp_path, client=client_at(anywhere)), jobs(1)).values()
    assert (answer.reply.outcome, anywhere.requests) == ("ok", 3)
    dates = [headers["x-amz-date"] for headers in anywhere.request_headers]
    assert dates == ["20260101T000000Z", "20260101T000100Z", "20260101T000200Z"]
    assert len({headers["Authorization"] for headers in anywhere.request_headers}) == 3


def test_invoke_model_names_the_model_in_the_address_and_the_version_in_the_body(anywhere):
    client = client_at(anywhere, base_url="https://bedrock-runtime.eu-west-1.amazonaws.com")
    client._base_url = anywhere.base_url.removesuffix("/v1")
    sent = []
    anywhere.on_body = sent.append
    assert ask(client).output == "echo: Hello there"
    assert anywhere.paths == ["/model/us.claude-3-v1%3A0/invoke"]  # AWS's own library sends and signs the colon so
    assert is_signed(anywhere, 0, sent[0])
    (body,) = anywhere.bodies
    assert (body["anthropic_version"], "model" in body, "stream" in body) == ("bedrock-2023-05-31", False, False)
    assert "anthropic-version" not in anywhere.request_headers[0]


def test_a_refusal_repeats_no_secret(anywhere):
    said = f"The security token {SESSION} included in the request is expired ({SECRET})"
    anywhere.script(Fault(403, message=said, code="ExpiredTokenException"))
    with pytest.raises(PartitionFailure) as caught:
        ask(client_at(anywhere))
    assert "included in the request is expired" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert SESSION not in str(caught.value)


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_credentials_that_are_not_set_are_said_before_any_request(missing):
    environment = {name: value for name, value in ENVIRONMENT.items() if name != missing}
    with pytest.raises(MissingKeyError, match=f"'m' needs the environment variable {missing}"):
        open_client(model_at("https://bedrock-mantle.eu-west-1.api.aws/anthropic/v1"), surroundings(environment))


def test_credentials_that_last_need_no_session_token(anywhere):
    ask(client_at(anywhere, {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}))
    assert "x-amz-security-token" not in anywhere.request_headers[0]


def test_a_signature_is_no_part_of_what_is_asked():
    there = "https://bedrock-mantle.eu-west-1.api.aws/anthropic/v1"
    signed, keyed = model_at(there), model_at(there, aws_region=None, api_key_env="AWS_BEARER_TOKEN_BEDROCK")
    assert identity_of(signed) == identity_of(keyed)
    assert "aws_region" in SECRET_NAME_FIELDS
    accounts = [provider_of(model).account(model.file) for model in (signed, keyed)]
    assert accounts == ["AWS_ACCESS_KEY_ID", "AWS_BEARER_TOKEN_BEDROCK"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"api_key_env": "KEY"}, "expected one of api_key_env, token_command, token_function, aws_region"),
        ({"base_url": None}, "expected `base_url` with `aws_region`"),
        ({"provider": "embedded"}, "expected `aws_region` with provider openai or anthropic"),
        ({"base_url": "https://bedrock-runtime.eu-west-1.amazonaws.com", "stream": True}, "bedrock-mantle.REGION"),
        ({"aws_region": "EU West"}, "should match pattern"),
    ],
)
def test_a_file_that_cannot_be_signed_so_is_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        model_at("https://bedrock-mantle.eu-west-1.api.aws/anthropic/v1", **fields)
