"""What model families call parameters, how refusals are read, and what is remembered."""

import json

import pytest

from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import StorageError
from eval_assets.providers.dialects.families import known_names, not_honoured, spelled, thinks
from eval_assets.providers.dialects.found_out import Dialect, DialectMemory
from eval_assets.providers.dialects.not_taken import refused_name
from eval_assets.requests.keys import ModelIdentity, request_key
from tests.engines import question

ASKED = {"max_tokens": 96, "temperature": 0, "seed": 7}


def served(model_id: str, **fields) -> ModelFile:
    return ModelFile(provider="openai", model=model_id, **fields)


@pytest.mark.parametrize(
    ("model_id", "sent"),
    [
        ("gpt-4o-mini", ASKED),
        ("gpt-5-chat-latest", ASKED),
        ("o3-mini", {"max_completion_tokens": 96, "seed": 7}),
        ("openai/o1", {"max_completion_tokens": 96, "seed": 7}),
        ("o4-mini-2025-04-16", {"max_completion_tokens": 96, "seed": 7}),
        ("gpt-5", {"max_completion_tokens": 96, "seed": 7}),
        ("GPT-5-mini-2025-08-07", {"max_completion_tokens": 96, "seed": 7}),
        ("gpt-5.1", {"max_completion_tokens": 96, "temperature": 0, "seed": 7}),
        ("gpt-5.4-mini", {"max_completion_tokens": 96, "temperature": 0, "seed": 7}),
        ("olmo-2", ASKED),
        ("qwen3-235b-thinking", ASKED),
    ],
)
def test_each_family_gets_the_parameters_it_takes(model_id, sent):
    assert spelled(ASKED, known_names(served(model_id))) == sent


def test_an_endpoint_with_names_of_its_own_gets_them_whatever_model_it_serves():
    there = served("mistral-small-latest", base_url="https://api.mistral.ai/v1")
    assert spelled(ASKED, known_names(there)) == {"max_tokens": 96, "temperature": 0, "random_seed": 7}
    elsewhere = served("mistral-small-latest", base_url="http://localhost:8000/v1")
    assert spelled(ASKED, known_names(elsewhere)) == ASKED


def test_a_model_file_has_the_last_word():
    file = served("o3-mini", dialect={"temperature": "temperature", "seed": None}, thinks=False)
    assert spelled(ASKED, known_names(file)) == {"max_completion_tokens": 96, "temperature": 0}
    assert not thinks(file)
    assert thinks(served("o3-mini"))
    assert thinks(served("my-own", thinks=True))


def test_what_makes_no_difference_is_no_loss():
    names = known_names(served("o3"))
    assert not_honoured({"temperature": 1, "top_p": 1.0, "max_tokens": 5}, names) == []
    assert not_honoured({"temperature": 0, "top_p": 0.9}, names) == ["temperature", "top_p"]


def test_local_weights_think_as_served_ones_do_and_have_no_dialect():
    assert thinks(ModelFile(provider="transformers", model="openai/gpt-oss-20b"))
    assert not thinks(ModelFile(provider="embedded", model="smollm2-135m-instruct"))
    with pytest.raises(ValueError, match="`dialect` with provider openai or anthropic, got 'embedded'"):
        ModelFile(provider="embedded", model="x", dialect={"seed": None})


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ({"seed": "messages"}, "rendered from the prompt file"),
        ({"seed": "x", "top_k": "x"}, "several parameters 'x'"),
    ],
)
def test_a_dialect_that_would_hide_what_is_asked_is_refused(dialect, said):
    with pytest.raises(ValueError, match=said):
        served("m", dialect=dialect)


def error(message: str, **fields) -> dict:
    return {"error": {"message": message, **fields}}


SENT = {"max_tokens": 96, "temperature": 0, "top_p": 0.5, "reasoning_effort": "minimal", "stop": ".", "min_p": 0.1}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (
            error(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead.",
                code="unsupported_parameter",
                param="max_tokens",
            ),
            "max_tokens",
        ),
        (
            error("Unsupported value: 'temperature' does not support 0 with this model.", code="unsupported_value"),
            "temperature",
        ),
        (error("`temperature` is deprecated for this model."), "temperature"),
        (error("`temperature` may only be set to 1 when thinking is enabled."), "temperature"),
        (error("unknown field `min_p`"), "min_p"),
        (error("Argument not supported on this model: reasoning_effort"), "reasoning_effort"),
        ({"detail": [{"loc": ["body", "top_p"], "msg": "Extra inputs are not permitted"}]}, "top_p"),
        # Mistakes of the file, and what can't be left out, stay failures.
        (error("temperature must be between 0 and 2, got 7"), None),
        (error("Unsupported parameter: 'stop' is not supported with this model.", param="stop"), None),
        (
            error(
                "Unsupported value: 'minimal' is not supported with the 'gpt-5.1' model. Supported values are: 'none'.",
                param="reasoning_effort",
            ),
            None,
        ),
        (error("Unsupported parameter: 'tools'", param="tools"), None),
        (error("This text about temperature breaks our rules."), None),
        ("<html>temperature</html>", None),
        (None, None),
    ],
)
def test_a_refused_parameter_is_told_from_a_mistake(body, name):
    assert refused_name(body, SENT) == name


def test_what_was_found_out_is_remembered_once_a_reply_confirmed_it(tmp_path):
    path = tmp_path / "state" / "dialects.json"
    dialect = Dialect("model 'm'", "lane", memory=DialectMemory(path))
    assert dialect.refused(ASKED, "max_tokens")
    assert dialect.refused(ASKED, "temperature")
    assert not path.exists()
    dialect.accepted(ASKED)
    again = Dialect("model 'm'", "lane", memory=DialectMemory(path))
    assert again.spelled(ASKED) == {"max_completion_tokens": 96, "seed": 7}
    assert Dialect("model 'm'", "other lane", memory=DialectMemory(path)).spelled(ASKED) == ASKED


def test_reasoning_efforts_are_remembered_apart():
    memory = DialectMemory()
    dialect = Dialect("model 'm'", "lane", memory=memory)
    assert dialect.refused({**ASKED, "reasoning_effort": "high"}, "temperature")
    assert "temperature" not in dialect.spelled({**ASKED, "reasoning_effort": "high"})
    assert "temperature" in dialect.spelled({**ASKED, "reasoning_effort": "none"})


def test_a_limit_of_tokens_is_never_left_out():
    dialect = Dialect("model 'm'", "lane")
    assert dialect.refused(ASKED, "max_tokens")
    assert not dialect.refused(ASKED, "max_completion_tokens")


def test_what_a_file_states_is_sent_whatever_the_endpoint_says():
    model = Model(name="m", file=served("m", dialect={"temperature": "temperature"}))
    assert not Dialect.of(model, "lane").refused(ASKED, "temperature")


def test_what_is_not_sent_is_said_once(caplog):
    dialect = Dialect.of(Model(name="judge-o3", file=served("o3")), "lane")
    for _ in range(3):
        dialect.spelled(ASKED)
    assert caplog.messages == ["model 'judge-o3' takes no temperature: it is not sent"]


def test_a_broken_memory_says_what_to_do(tmp_path):
    path = tmp_path / "dialects.json"
    path.write_text("{")
    with pytest.raises(StorageError, match="delete the file to start anew"):
        DialectMemory(path)


def test_forgetting_a_lane_leaves_the_others(tmp_path):
    path = tmp_path / "dialects.json"
    memory = DialectMemory(path)
    for lane in ("one", "two"):
        memory.learn(lane, "temperature", None)
        memory.keep(lane)
    memory.forget("one")
    assert json.loads(path.read_text()) == {"two": {"temperature": None}}


def test_a_key_names_what_is_asked_not_how_it_is_spelled():
    request = question("Hi", parameters=ASKED)
    identity = ModelIdentity("openai", "https://api.openai.com/v1", "o3-mini")
    before = request_key(identity, request)
    Dialect.of(Model(name="m", file=served("o3-mini")), "lane").spelled(request.parameters)
    assert request_key(identity, request) == before
