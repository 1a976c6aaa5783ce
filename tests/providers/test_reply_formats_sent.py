"""Formats of answers as they are sent: the strictest that an endpoint takes, found out once."""

import json
from datetime import UTC, datetime

import pytest

from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.dialects.found_out import Dialect, DialectMemory
from eval_assets.providers.failures import RequestFailed, TransientFailure
from tests.engines import question
from tests.loopback import Fault
from tests.providers.test_messages_api import client_at
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


def test_a_prompt_that_wants_json_is_plain_text_for_an_api_without_json_mode(provider, caplog):
    wish = question("Hi", response_format={"type": "json_object"}, may_weaken_format=True)
    assert ask(client_at(provider), wish).outcome == "ok"
    assert "output_config" not in provider.bodies[0]
    assert "takes no reply format json_object: it is asked as plain text" in caplog.text


def test_another_name_of_a_format_comes_before_a_weaker_one(provider):
    provider.takes_no, provider.answer = ("output_config.format",), lambda _: '{"score": 4}'
    reply = ask(client_at(provider), question("Hi", response_format=SCHEMA, may_weaken_format=True))
    assert (reply.outcome, json.loads(reply.output)) == ("ok", {"score": 4})
    assert provider.bodies[1]["tool_choice"] == {"type": "tool", "name": "answer"}


def test_all_lines_of_a_batch_that_had_a_refused_format_are_asked_again_in_the_next_weaker_one(provider):
    client = client_of(provider)
    wish = question("Hi", response_format=SCHEMA, may_weaken_format=True)

    def refused(message):
        with pytest.raises(TransientFailure, match="asked otherwise from now on"):
            client.reply_in(400, json.dumps({"error": {"message": message}}).encode(), wish, requested_at=ago)

    ago = datetime(2026, 11, 1, tzinfo=UTC)
    for _ in range(3):
        refused("response_format json_schema is not supported")
    assert client.body_of(wish)["response_format"] == {"type": "json_object"}
    for _ in range(2):
        refused("response_format is not supported")
    assert "response_format" not in client.body_of(wish)
