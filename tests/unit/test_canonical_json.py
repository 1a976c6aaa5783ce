"""The one JSON of hashes, keys and table cells: what stays as it was, and what becomes of values JSON doesn't know."""

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.config.datasets.examples import example_sha256
from eval_assets.errors import ConfigError
from eval_assets.requests.canonical_json import canonical_json, canonical_messages, json_sha256, json_text
from eval_assets.requests.exchange import Request
from eval_assets.requests.keys import ModelIdentity, request_key
from eval_assets.stages.content_hash import RowsHash, content_sha256, rows_as_json
from eval_assets.storage.replies.stored_replies import reply_sha256

DAY = dt.date(2026, 1, 2)
NUMBERS = [1.0, -0.0, 2.0**53, 1e300, 10**30, True, None]


def test_hashes_of_content_that_was_hashed_before_stay() -> None:
    # Values printed by the release before this module, when each of these wrote its own JSON.
    columns = {
        "inputs": {"b": [1, 2.0, None, True], "a": "é ü 漢 😀"},
        "targets": ["Paris", 5.0],
        "n": 10**30,
        "on": DAY,
        "x": 1e300,
    }
    assert example_sha256("q-1", columns) == "a39a3f2dc6182102f4d7d77b06ee3813eacee95b67a2d72c667a61b1709ef790"
    assert content_sha256([{"z": 1.0, "a": [math.nan, "é"], "day": DAY}, None, 10**30]) == "d8293d9101b56f57"
    assert content_sha256({10: "a", 9: "b"}) == "32c76047634ee8d6"
    parameters = {"pattern": "\ud83d", "limit": 5.0, "since": dt.date(2024, 6, 1)}
    assert json_sha256(parameters) == "79b5d0a0d5bcc5499968f797a6c3f110604451308c5254eb11d7de6d9e8d1ec6"
    rows = RowsHash(["a", "b", "c"])
    rows.add(pl.DataFrame({"a": ["é", None], "b": [0.5, math.nan], "c": [[1, 2], []]}))
    assert rows.hexdigest({"k": 1}) == "d6b966d90c32d738"
    said = {"response_id": "r", "request_key": "k", "outcome": "ok", "output": "é\n", "finish_reason": "stop"}
    reply = {**said, "logprobs": None, "prompt_tokens": 3, "completion_tokens": None}
    assert reply_sha256(reply) == "be23413d57a07245d17adc25c9556f952d646287891555e590d32935a66a591c"


ODD_TEXTS = ['é"\\\n\t\x01/\x7f', "😀\u2028", None, ""]


@pytest.mark.parametrize(
    "values",
    [
        [*ODD_TEXTS, *map(chr, range(0x100))],
        [math.nan, math.inf, -math.inf, -0.0, None, 1e-7, 1e22, 1e16, 123456789012345680.0],
        [1.5, 1e-7, 1e22, None],
        [True, None, False],
        [1, None, -3, 2**62],
        [["a", None], [], None],
        [DAY, None],
        [None, None],
        [],
    ],
)
def test_rows_are_hashed_as_the_json_that_stands_in_cells(values: list[Any]) -> None:
    frame = pl.DataFrame({"id": ["r"] * len(values), "value": pl.Series(values, strict=False)})
    assert [row.decode() for row in rows_as_json(frame)] == [*map(json_text, frame.rows())]


def test_keys_of_requests_that_were_paid_before_stay() -> None:
    request = Request(
        messages=({"role": "user", "content": "Hé"},),
        parameters={"temperature": 0.0, "top_p": 0.9},
        columns={"inputs": "x", "since": DAY},
        sample_index=2,
    )
    key = request_key(ModelIdentity("callable", "local", "m:f", "abc", is_shown_the_example=True), request)
    assert key == "daa8e7378adf50d9bbc146213a5cfd787d6e6ddd18fafb052d55c47964084396"
    assert canonical_json(NUMBERS) == f"[1,0,9007199254740992.0,1e+300,1{'0' * 30},true,null]"
    assert json_text(NUMBERS) == f"[1.0, -0.0, 9007199254740992.0, 1e+300, 1{'0' * 30}, true, null]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.datetime(2026, 1, 2, 3, 4, 5), '"2026-01-02T03:04:05"'),  # noqa: DTZ001  Parquet's are naive
        (dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), '"2026-01-02T03:00:00+00:00"'),
        (dt.time(3, 4), '"03:04:00"'),
        (dt.timedelta(days=1, hours=2), '"1 day, 2:00:00"'),
        (Decimal("1.50"), '"1.50"'),
        (Decimal("12345678901234567890.12"), '"12345678901234567890.12"'),
        ("Zürich".encode(), '"Zürich"'),
        ((1, ("a",)), '[1, ["a"]]'),
        ({DAY: 1, "a": 2}, '{"2026-01-02": 1, "a": 2}'),
        ({2: "b", "a": 1, None: 0}, '{"2": "b", "None": 0, "a": 1}'),
        ({"outer": {1: {b"k": Decimal(3)}, "z": 0}}, '{"outer": {"1": {"k": "3"}, "z": 0}}'),
    ],
)
def test_a_value_json_does_not_know_has_one_text(value: object, text: str) -> None:
    assert json_text(value, sort_keys=True) == text
    assert json.loads(text) is not None


@pytest.mark.parametrize("value", [{1, 2}, object(), b"\xff\xfe", [[b"\x80"]], {"a": 1j}, {1: "a", "1": "b"}])
def test_a_value_without_a_json_form_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="expected"):
        json_text(value, sort_keys=True)
    with pytest.raises(ConfigError, match="expected"):
        canonical_json(value)


def test_nesting_and_numbers_beyond_what_json_can_write_are_refused() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for write in (json_text, canonical_json):
        with pytest.raises(ConfigError, match="nested"):
            write(deep)
        with pytest.raises(ConfigError, match="4,300 digits"):
            write(10**5000)


def test_half_a_surrogate_pair_has_a_hash_and_no_request_key() -> None:
    assert json_sha256("\ud83d") != json_sha256("\ufffd")
    with pytest.raises(ConfigError, match="half a surrogate pair"):
        canonical_json("\ud83d")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas()
    | st.decimals()
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters()) | st.integers() | st.dates() | st.booleans(), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_any_value_has_one_hash_or_is_refused_with_a_sentence(value: object) -> None:
    for write in (json_sha256, canonical_json, json_text):
        try:
            assert write(value) == write(value)
        except ConfigError as error:
            assert "expected" in str(error)  # noqa: PT017  every refusal says what was expected


FLAT = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"))


@given(st.lists(FLAT), st.dictionaries(st.text(st.characters(codec="utf-8")), FLAT))
def test_flat_values_are_written_as_the_standard_library_writes_them(listed: list[Any], named: dict[str, Any]) -> None:
    for value in (listed, named):
        expected = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert canonical_json(value) == json_text(value, sort_keys=True, compact=True) == expected


@given(st.lists(st.fixed_dictionaries({"role": st.text(), "content": FLAT}), max_size=3))
def test_messages_are_written_as_any_other_value(messages: list[dict[str, Any]]) -> None:
    try:
        expected = canonical_json(messages)
    except ConfigError:
        with pytest.raises(ConfigError):
            canonical_messages(messages)
    else:
        assert canonical_messages(messages) == expected


def test_half_a_surrogate_pair_is_refused_however_a_request_is_written() -> None:
    half = "cut \ud83d"
    for message in ({"role": "user", "content": half}, {"role": half, "content": "Why?"}):
        with pytest.raises(ConfigError, match="half a surrogate pair"):
            canonical_messages([message])
    with pytest.raises(ConfigError, match="half a surrogate pair"):
        canonical_json({"example_id": half})
