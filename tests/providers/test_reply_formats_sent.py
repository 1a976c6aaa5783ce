"""Formats of answers as they are sent: the strictest that an endpoint takes, found out once."""

import pytest

from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.dialects.found_out import Dialect, DialectMemory
from eval_assets.providers.failures import RequestFailed
from tests.engines import question
from tests.loopback import Fault
from tests.providers.test_openai_client import ask

SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": {"type": "object"}}}


def client_of(provider, memory=None):
    dialect = Dialect("model 'm'", "lane", memory=memory or DialectMemory())
    return OpenAIClient(model_id="tiny", base_url=provider.base_url, dialect=dialect)


def formats_sent(provider):
    return [body.get("response_format", {}).get("type") for body in provider.bodies]


def test_an_endpoint_without_schemas_is_asked_in_json_mode_from_then_on_in_every_process(provider, tmp_path, caplog):
    provider.supports_json_schema = False
    wish = question("Hi", response_format=SCHEMA, may_weaken_format=True)
    memory = DialectMemory(tmp_path / "dialects.json")
    assert ask(client_of(provider, memory), wish).outcome == "ok"
    assert ask(client_of(provider, DialectMemory(tmp_path / "dialects.json")), wish).outcome == "ok"
    assert formats_sent(provider) == ["json_schema", "json_object", "json_object"]
    assert "takes no reply format json_schema: it is asked in JSON mode" in caplog.text


def test_one_that_takes_no_formats_at_all_is_asked_as_plain_text(provider):
    refusal = Fault(400, message="response_format is not supported")
    provider.script(refusal, refusal)
    assert ask(client_of(provider), question("Hi", response_format=SCHEMA, may_weaken_format=True)).outcome == "ok"
    assert formats_sent(provider) == ["json_schema", "json_object", None]


def test_a_format_that_decides_how_the_reply_is_read_is_never_weakened(provider):
    provider.supports_json_schema = False
    with pytest.raises(RequestFailed, match="json_schema is not supported"):
        ask(client_of(provider), question("Hi", response_format=SCHEMA))
    assert formats_sent(provider) == ["json_schema"]


@pytest.mark.parametrize(
    "message",
    [
        "Invalid schema for response_format 'answer': In context=(), 'required' is required",
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'",
    ],
)
def test_a_format_that_is_at_fault_itself_is_said_and_not_weakened(provider, message):
    provider.script(Fault(400, message=message))
    with pytest.raises(RequestFailed, match=message[:30]):
        ask(client_of(provider), question("Hi", response_format=SCHEMA, may_weaken_format=True))
    assert len(provider.bodies) == 1
