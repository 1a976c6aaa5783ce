"""The response store: what is reused, what is not, what is refused, what is pruned."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from eval_assets.errors import KeySchemaError
from eval_assets.requests.exchange import Reply
from eval_assets.requests.keys import key_of
from eval_assets.storage.replies.journal import Segment, journal_path
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.replies.stored_replies import row_of
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.cell_tables import PREDICTIONS

LANE = "openai-x-00000000"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def reply(outcome="ok", output="text", requested_at=NOON, **fields):
    return Reply(outcome, output, "stop", 0.1, requested_at, 1, 2, 0.5, **fields)


def request_of(n):
    return f'{{"n":{n}}}'


@pytest.fixture
def store(tmp_path):
    return ResponseStore(Warehouse(str(tmp_path)))


def put(store, *replies, run_id="run-1"):
    with store.open_lane(LANE) as writer:
        return [writer.append(key_of(request_of(n)), request_of(n), each, run_id) for n, each in replies]


def test_a_reply_is_found_while_it_waits_and_after_it_was_written(store):
    key = key_of(request_of(1))
    with store.open_lane(LANE) as writer:
        stored = writer.append(key, request_of(1), reply(logprobs=[{"token": "a"}]), "run-1")
        assert store.lookup(LANE, [key])[key].response_id == stored.response_id
    found = ResponseStore(store._warehouse).lookup(LANE, [key])[key]
    assert (found.response_id, found.run_id, found.reply) == (
        stored.response_id,
        "run-1",
        reply(logprobs=[{"token": "a"}]),
    )
    assert not list(store.state_dir.glob("*.journal"))


def test_replies_at_hand_are_kept_without_a_journal(store):
    records = [(key_of(request_of(n)), request_of(n), reply(output=f"{n} \ud83d")) for n in range(3)]
    keys = [key for key, _, _ in records]
    with store.open_lane(LANE) as writer:
        kept = {stored.request_key: stored for stored in writer.append_at_hand(records, "run-1")}
        assert store.lookup(LANE, keys) == kept
        assert not list(store.state_dir.glob("*.journal"))
    assert ResponseStore(store._warehouse).lookup(LANE, keys) == kept
    assert [kept[key].reply.output for key in keys] == ["0 \ufffd", "1 \ufffd", "2 \ufffd"]


@pytest.mark.parametrize("outcome", ["ok", "truncated", "refused", "tool_call", "empty"])
def test_every_reply_that_came_is_reused(store, outcome):
    put(store, (1, reply(outcome)))
    key = key_of(request_of(1))
    assert store.lookup(LANE, [key])[key].reply.outcome == outcome
    assert set(store.known(LANE, [key])) == {key}
    assert store.stats()[0].n_replies == 1


def test_the_newest_of_several_replies_is_used(store):
    put(
        store,
        (1, reply(output="new", requested_at=NOON)),
        (1, reply(output="old", requested_at=NOON - timedelta(days=1))),
    )
    key = key_of(request_of(1))
    assert store.lookup(LANE, [key])[key].reply.output == "new"
    assert store.lookup(LANE, [key], since=NOON + timedelta(seconds=1)) == {}


def test_half_an_emoji_is_stored_as_the_replacement_character(store):
    put(store, (1, reply(output="ok \ud83d")))
    key = key_of(request_of(1))
    assert ResponseStore(store._warehouse).lookup(LANE, [key])[key].reply.output == "ok \ufffd"


@pytest.mark.parametrize("column", ["output", "request", "request_key"])
def test_a_corrupt_row_is_a_miss_and_named(store, column):
    (stored, _) = put(store, (1, reply()), (2, reply()))
    rows = store._warehouse.scan("responses", {"lane": LANE}).collect()
    damaged = (
        pl.when(pl.col("response_id") == stored.response_id).then(pl.lit(key_of("other"))).otherwise(pl.col(column))
    )
    store._warehouse.replace("responses", rows.with_columns(damaged.alias(column)), {"lane": LANE})
    keys = [key_of(request_of(1)), key_of(request_of(2)), key_of("other")]
    assert set(store.lookup(LANE, keys)) == {keys[1]}
    assert store.damage.response_ids == [stored.response_id]


def test_journals_of_a_killed_run_are_seen_by_planning_and_recovered_once(store):
    (kept,) = put(store, (1, reply()))
    store.state_dir.mkdir(exist_ok=True)
    segment = Segment(journal_path(store.state_dir, LANE))
    # Killed between commit and removal: reply 1 is in the table and in the journal, reply 2 only in the journal.
    row = store._warehouse.scan("responses").collect().row(0, named=True)
    segment.append({**row, "response_id": kept.response_id})
    fields = {"lane": LANE, "key_schema": "1", "run_id": "run-1"}
    segment.append(row_of(reply(), request_key=key_of(request_of(2)), request=request_of(2), **fields))
    segment.close()
    keys = [key_of(request_of(n)) for n in (1, 2, 3)]
    assert set(store.known(LANE, keys)) == set(keys[:2])
    assert store.stats()[0].n_waiting == 2
    with store.open_lane(LANE):
        pass
    assert store._warehouse.scan("responses").collect().height == 2
    assert set(store.lookup(LANE, keys)) == set(keys[:2])
    assert not list(store.state_dir.glob("*.journal"))


def test_replies_of_another_key_schema_are_refused_loudly(store):
    put(store, (1, reply()))
    rows = store._warehouse.scan("responses", {"lane": LANE}).collect().with_columns(key_schema=pl.lit("0"))
    store._warehouse.replace("responses", rows, {"lane": LANE})
    with pytest.raises(KeySchemaError, match="1 replies of schema '0'"), store.open_lane(LANE):
        pass
    assert store.prune(other_schemas=True)[0].n_replies == 1
    store.check_schema()


def test_pruning_by_age_and_by_use(store):
    old, used, unused = put(store, (1, reply(requested_at=NOON - timedelta(days=400))), (2, reply()), (3, reply()))
    prediction = pl.DataFrame({"request_key": [used.request_key], "evaluation": ["e"], "model": ["m"], "prompt": ["p"]})
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in PREDICTIONS.items() if name not in prediction.columns]
    store._warehouse.append("predictions", prediction.with_columns(missing))
    age = datetime.now(UTC) - NOON + timedelta(days=1)
    assert [pruned.n_replies for pruned in store.prune(age)] == [1]
    assert set(store._warehouse.scan("responses").collect()["response_id"]) == {used.response_id, unused.response_id}
    dry = store.prune(unreferenced=True, dry_run=True)
    assert [(pruned.n_replies, pruned.cost_usd) for pruned in dry] == [(1, 0.5)]
    assert store._warehouse.scan("responses").collect().height == 2
    store.prune(unreferenced=True)
    assert set(store._warehouse.scan("responses").collect()["response_id"]) == {used.response_id}
    assert old.response_id != used.response_id


def test_nothing_to_prune_writes_nothing(store):
    put(store, (1, reply()))
    version = store._warehouse.version("responses")
    assert store.prune(timedelta(days=10_000)) == []
    assert store._warehouse.version("responses") == version
