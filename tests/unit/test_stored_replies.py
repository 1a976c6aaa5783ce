"""Replies of earlier releases and odd ones: nothing that was paid for is lost, and nothing blocks the rest."""

import hashlib
import json
import math
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval_assets.providers.replies.reading import Reading, understood
from eval_assets.requests.exchange import Reply
from eval_assets.requests.keys import key_of
from eval_assets.storage.replies.journal import Segment, journal_path
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.replies.stored_replies import reply_sha256, row_of
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.cell_tables import PREDICTIONS
from eval_assets.tables.run_tables import RESPONSES
from tests.builders import prediction

LANE = "openai-x-00000000"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NEW = ("reasoning", "tool_calls", "usage")


def request_of(n):
    return f'{{"n":{n}}}'


def row_as_before(n, output="text", prompt_tokens=1, completion_tokens=2, outcome="ok", finish_reason="stop"):
    """A row as the release before wrote it: without the newer columns, hashed over what the provider had sent."""
    request = request_of(n)
    row = {
        "lane": LANE,
        "response_id": f"reply-{n}",
        "request_key": key_of(request),
        "key_schema": "1",
        "request": request,
        "outcome": outcome,
        "output": output,
        "finish_reason": finish_reason,
        "error_kind": None,
        "error": None,
        "logprobs": None,
        "latency_seconds": 0.1,
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "cost_usd": 0.5,
        "requested_at": NOON,
        "run_id": "run-1",
    }
    said = [row[name] for name in ("response_id", "request_key", "outcome", "output", "finish_reason", "logprobs")]
    content = json.dumps([*said, prompt_tokens, completion_tokens], ensure_ascii=False, separators=(",", ":"))
    return {**row, "reply_sha256": hashlib.sha256(content.encode()).hexdigest()}


def write_table_as_before(folder, table, schema, rows):
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    partition = {"responses": ["lane"], "predictions": ["evaluation", "model", "prompt"]}[table]
    frame.write_delta(str(folder / table), delta_write_options={"partition_by": partition})


@pytest.fixture
def store(tmp_path):
    return ResponseStore(Warehouse(str(tmp_path)))


def journal(store, *records):
    store.state_dir.mkdir(exist_ok=True, parents=True)
    segment = Segment(journal_path(store.state_dir, LANE))
    for record in records:
        segment.append(record)
    segment.close()


def found_in(store, *numbers):
    stored = store.lookup(LANE, [key_of(request_of(n)) for n in numbers])
    return [stored.get(key_of(request_of(n))) for n in numbers]


def test_replies_in_a_table_of_an_earlier_release_are_reused_and_new_ones_join_them(tmp_path):
    schema = {name: kind for name, kind in RESPONSES.items() if name not in NEW}
    write_table_as_before(
        tmp_path, "responses", schema, [row_as_before(1), row_as_before(2, "Pari", finish_reason="MAX_TOKENS")]
    )
    store = ResponseStore(Warehouse(str(tmp_path)))
    first, cut = found_in(store, 1, 2)
    assert (first.reply.output, first.reply.reasoning, first.reply.tool_calls) == ("text", None, None)
    assert understood(cut.reply, Reading()).outcome == "truncated"
    with store.open_lane(LANE) as writer:
        writer.append(
            key_of(request_of(3)), request_of(3), Reply("ok", "x", "stop", 0.1, NOON, 1, 2, reasoning="hm"), "run-2"
        )
    assert [found.reply.reasoning for found in found_in(store, 1, 2, 3)] == [None, None, "hm"]
    assert store.damage.n_corrupt == 0


def test_predictions_of_an_earlier_release_are_read(tmp_path):
    schema = {name: kind for name, kind in PREDICTIONS.items() if name not in NEW}
    write_table_as_before(tmp_path, "predictions", schema, [{name: prediction().get(name) for name in schema}])
    rows = Warehouse(str(tmp_path)).scan("predictions").collect()
    assert rows.select("output", "reasoning", "tool_calls").row(0) == ("Paris", None, None)


def test_the_hash_of_a_reply_without_thoughts_and_calls_is_what_it_was():
    row = row_of(
        Reply("ok", "Paris", "stop", 0.1, NOON, 1, 2),
        lane=LANE,
        request_key="k",
        request="r",
        key_schema="1",
        run_id="r",
    )
    said = [row["response_id"], "k", "ok", "Paris", "stop", None, 1, 2]
    content = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    assert row["reply_sha256"] == hashlib.sha256(content.encode()).hexdigest()
    assert reply_sha256({**row, "reasoning": "hm"}) != row["reply_sha256"] != reply_sha256({**row, "tool_calls": "[]"})


@pytest.mark.parametrize("spelled", [(10.0, 2.0), (10.0, 2), (10, 2.0)])
def test_a_reply_whose_counts_were_hashed_as_decimals_is_not_paid_again(tmp_path, spelled):
    row = {**row_as_before(1, "text", *spelled), "prompt_tokens": 10, "completion_tokens": 2}
    schema = {name: kind for name, kind in RESPONSES.items() if name not in NEW}
    write_table_as_before(tmp_path, "responses", schema, [row])
    (found,) = found_in(ResponseStore(Warehouse(str(tmp_path))), 1)
    assert (found.reply.prompt_tokens, found.reply.completion_tokens) == (10, 2)


@pytest.mark.parametrize(
    ("counts", "kept"),
    [
        ((10.0, 2.25), (10, None)),
        (("12", "a dozen"), (12, None)),
        ((math.nan, math.inf), (None, None)),
        ((2**63, -1), (None, None)),
        (([5], {"total": 5}), (None, None)),
        ((True, None), (None, None)),
    ],
)
def test_a_journal_with_odd_counts_reaches_the_table_and_its_replies_are_used(store, counts, kept):
    journal(store, row_as_before(1, "text", *counts), row_as_before(2))
    with store.open_lane(LANE):
        pass
    odd, plain = found_in(store, 1, 2)
    assert (odd.reply.prompt_tokens, odd.reply.completion_tokens) == kept
    assert plain.reply.output == "text"
    assert not list(store.state_dir.glob("*.journal"))
    assert not list(store.state_dir.glob("*.set-aside.jsonl"))


@pytest.mark.parametrize("count", [10.0, "12", math.nan, 2**63, -1, 2.25])
def test_whatever_count_a_client_gives_its_reply_is_stored_and_found(store, count):
    with store.open_lane(LANE) as writer:
        writer.append(key_of(request_of(1)), request_of(1), Reply("ok", "x", "stop", math.nan, NOON, count, 2), "run-1")
        assert found_in(store, 1) != [None]
    (found,) = found_in(ResponseStore(store._warehouse), 1)
    assert found.reply.latency_seconds is None
    assert found.reply.prompt_tokens in (10, 12, None)


def test_records_that_cannot_become_rows_are_set_aside_and_said(store, caplog):
    bad = [
        ["no", "object"],
        {"response_id": "reply-9"},
        {**row_as_before(3), "requested_at": "yesterday"},
        {**row_as_before(4), "latency_seconds": "fast"},
    ]
    journal(store, row_as_before(1), *bad, row_as_before(2))
    with store.open_lane(LANE):
        pass
    assert [found is not None for found in found_in(store, 1, 2, 3, 4)] == [True, True, False, False]
    assert not list(store.state_dir.glob("*.journal"))
    lines = (store.state_dir / f"{LANE}.set-aside.jsonl").read_text().splitlines()
    assert [json.loads(line)["record"] for line in lines[:2]] == bad[:2]
    assert len(lines) == 4
    assert f"4 journal records of lane {LANE} can't become rows" in caplog.text
    assert "expected an object" in caplog.text


def test_a_damaged_reply_that_is_not_used_is_said_and_counted(store, caplog):
    store._warehouse.append("responses", pl.DataFrame([{**row_as_before(1), "output": "other"}], schema=RESPONSES))
    assert found_in(store, 1) == [None]
    assert store.damage.n_corrupt == 1
    assert "1 stored replies of lane openai-x-00000000 don't match their hash and aren't used: reply-1" in caplog.text


VALUE = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(row_as_before(1))), value=VALUE)
def test_no_record_blocks_a_lane(tmp_path_factory, name, value):
    store = ResponseStore(Warehouse(str(tmp_path_factory.mktemp("w"))))
    journal(store, {**row_as_before(1), name: value}, row_as_before(2))
    with store.open_lane(LANE):
        pass
    assert found_in(store, 2) != [None]
    assert not list(store.state_dir.glob("*.journal"))
