"""Request keys: what changes them, what must not, and their published form."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.config.model import Limits, Model, ModelFile
from eval_assets.config.prices import Prices
from eval_assets.errors import ConfigError
from eval_assets.providers.identity import identity_of
from eval_assets.requests.canonical_json import canonical_json
from eval_assets.requests.exchange import Request
from eval_assets.requests.keys import ModelIdentity, canonical_request, lane_of, request_key

GPT = ModelIdentity("openai", "https://api.openai.com/v1", "gpt-4o-mini")


def request(**fields):
    return Request(**({"messages": ({"role": "user", "content": "Hello"},), "parameters": {"temperature": 0}} | fields))


def model(**fields):
    return Model(name="m", file=ModelFile(**({"provider": "openai", "model": "gpt-4o-mini"} | fields)))


def test_the_canonical_form_is_part_of_the_contract():
    assert canonical_request(GPT, request()) == (
        '{"endpoint":"https://api.openai.com/v1","messages":[{"content":"Hello","role":"user"}],"model":"gpt-4o-mini",'
        '"parameters":{"temperature":0},"provider":"openai","schema":"1"}'
    )


@pytest.mark.parametrize(
    "changed",
    [
        request(messages=({"role": "user", "content": "Hello "},)),
        request(messages=({"role": "system", "content": "Hello"},)),
        request(parameters={"temperature": 0.1}),
        request(parameters={"temperature": 0, "seed": 1}),
        request(response_format={"type": "json_object"}),
        request(sample_index=1),
    ],
)
def test_whatever_the_model_is_sent_changes_the_key(changed):
    assert request_key(GPT, changed) != request_key(GPT, request())


def test_provider_endpoint_model_and_implementation_change_the_key():
    others = [
        ModelIdentity("embedded", GPT.endpoint, GPT.model_id),
        ModelIdentity("openai", "https://example.com/v1", GPT.model_id),
        ModelIdentity("openai", GPT.endpoint, "gpt-4o"),
        ModelIdentity("openai", GPT.endpoint, GPT.model_id, "abc"),
    ]
    assert len({request_key(identity, request()) for identity in [GPT, *others]}) == 5


def test_prices_limits_secrets_and_descriptions_do_not_change_the_identity():
    changed = model(
        prices=Prices(prompt_usd_per_million=1),
        limits=Limits(timeout_seconds=1),
        api_key_env="X",
        description="d",
        headers_env={"a": "B"},
    )
    assert identity_of(changed) == identity_of(model())


def test_one_number_has_one_spelling():
    assert request_key(GPT, request(parameters={"temperature": 0.0})) == request_key(GPT, request())
    assert canonical_json([1.0, -0.0, 0.5, True, 1e300]) == "[1,0,0.5,true,1e+300]"


def test_one_address_has_one_spelling():
    spelled = {
        identity_of(model(base_url=url)).endpoint
        for url in (None, "https://API.openai.com/v1/", "https://api.openai.com:443/v1")
    }
    assert spelled == {"https://api.openai.com/v1"}


def test_a_password_in_an_address_is_not_stored():
    assert "secret" not in identity_of(model(base_url="http://user:secret@localhost:8000/v1")).endpoint


def test_the_environment_does_not_change_the_identity(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    assert identity_of(model()).endpoint == "https://api.openai.com/v1"


def test_columns_count_only_for_providers_that_see_them():
    shown = ModelIdentity("callable", "local", "module:function", "abc", is_shown_the_example=True)
    assert request_key(GPT, request(columns={"x": 1})) == request_key(GPT, request())
    assert request_key(shown, request(columns={"x": 1})) != request_key(shown, request())


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), "\ud800", {"x": {1, 2}}])
def test_what_has_no_json_form_is_refused(value):
    with pytest.raises(ConfigError, match="expected"):
        request_key(GPT, request(parameters={"stop": value}))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), JSON, max_size=4))
def test_the_order_of_parameters_does_not_change_the_key(parameters):
    backwards = dict(reversed(parameters.items()))
    assert request_key(GPT, request(parameters=parameters)) == request_key(GPT, request(parameters=backwards))


def test_a_lane_is_one_model_at_one_provider():
    assert lane_of(GPT) == "openai-api.openai.com-gpt-4o-mini-277dd624"
    edited = ModelIdentity("callable", "local", "m:f", "2")
    assert lane_of(ModelIdentity("callable", "local", "m:f", "1")) == lane_of(edited)
    long = ModelIdentity("openai", "https://x.example/v1", "Org/" + "Very-Long" * 20)
    assert len(lane_of(long)) <= 57
