"""What is remembered of batches: read back as it was written, found by lane, forgotten once it was shown."""

import os
import time
from dataclasses import replace

import pytest

from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import ConfigError, StorageError
from eval_assets.stages.spending import Spending
from eval_assets.storage.replies.batch_ledger import (
    KEPT_SECONDS,
    BatchFailure,
    BatchLedger,
    BatchRecord,
    Entry,
    Outcomes,
    new_token,
)

CANONICAL = '{"messages":[{"content":"a\\tb\u2028c \u0085","role":"user"}],"parameters":{}}'


def record(**fields) -> BatchRecord:
    common = {"lane": "lane-1", "token": new_token(), "model": {"name": "m"}, "evaluations": ("e",), "n_requests": 2}
    return BatchRecord(**{**common, **fields})


def planned(ledger: BatchLedger, **fields) -> BatchRecord:
    made = record(**fields)
    ledger.add(made, [Entry("k1", CANONICAL, 1), Entry("k2", "{}", 2)], [b"{}\n", b"{}\n"])
    return made


def test_a_record_and_its_requests_are_read_back(tmp_path):
    ledger = BatchLedger(tmp_path)
    made = planned(ledger)
    assert BatchLedger(tmp_path).records("lane-1") == [made]
    assert BatchLedger(tmp_path).records("lane-2") == []
    assert ledger.entries(made) == [Entry("k1", CANONICAL, 1), Entry("k2", "{}", 2)]
    assert ledger.input_of(made).read_bytes() == b"{}\n{}\n"


@pytest.mark.parametrize(("state", "waits"), [("planned", False), ("creating", True), ("submitted", True)])
def test_requests_wait_from_the_moment_before_their_batch_is_created(tmp_path, state, waits):
    ledger = BatchLedger(tmp_path)
    ledger.save(replace(planned(ledger), state=state))
    assert set(ledger.under_way("lane-1")) == ({"k1", "k2"} if waits else set())


def test_what_came_of_a_batch_is_kept_until_it_was_shown(tmp_path):
    ledger = BatchLedger(tmp_path)
    failure = BatchFailure("http_400", "too long", "2026-01-01T00:00:00+00:00")
    collected = ledger.finish(planned(ledger), Outcomes({"k1": failure}, {}, {"k2"}))
    assert collected.state == "collected"
    assert ledger.leftovers("lane-1") == []
    assert ledger.outcomes("lane-1") == Outcomes({"k1": failure}, {}, {"k2"})
    ledger.forget("lane-1", {"k2"})
    assert ledger.outcomes("lane-1") == Outcomes({"k1": failure})
    ledger.forget("lane-1", {"k1"})
    assert ledger.outcomes("lane-1") == Outcomes()
    assert [each.state for each in ledger.records()] == ["collected"]


def test_what_was_collected_long_ago_goes_and_what_is_under_way_stays(tmp_path):
    ledger = BatchLedger(tmp_path)
    old = ledger.finish(planned(ledger), Outcomes())
    waiting = ledger.save(replace(planned(ledger), state="submitted"))
    for path in tmp_path.glob("*/*"):
        os.utime(path, (time.time() - 2 * KEPT_SECONDS,) * 2)
    new = planned(ledger)
    assert old not in ledger.records()
    assert ledger.records() == [waiting, new]
    assert set(ledger.under_way("lane-1")) == {"k1", "k2"}


def test_what_a_killed_process_left_is_told_from_what_is_needed(tmp_path):
    ledger = BatchLedger(tmp_path)
    made = planned(ledger)
    (tmp_path / "lane-1" / f"{new_token()}.requests").write_text("k3\t{}\n")
    (tmp_path / "lane-1" / f"{made.token}.jsonh4f").write_text("{")
    assert sorted(path.suffix for path in ledger.leftovers("lane-1")) == [".jsonh4f", ".requests"]


def test_a_damaged_outcome_is_told_of_with_what_to_do(tmp_path):
    ledger = BatchLedger(tmp_path)
    made = ledger.finish(planned(ledger), Outcomes({}, {"k1": 1}))
    (tmp_path / "lane-1" / f"{made.token}.outcome.json").write_text("[]")
    with pytest.raises(StorageError, match="delete the file: replies are kept elsewhere"):
        ledger.outcomes("lane-1")


def test_who_says_how_requests_are_sent():
    live = Model(name="m", file=ModelFile(provider="openai", model="m"))
    batched = Model(name="m", file=ModelFile(provider="openai", model="m", mode="batch"))
    local = Model(name="m", file=ModelFile(provider="embedded", model="m"))
    told = [
        (Spending(sending=sending), model) for sending in (None, "in_batches", "at_once") for model in (live, batched)
    ]
    assert [spending.is_in_batches(model) for spending, model in told] == [False, True, True, True, False, False]
    assert not Spending(sending="in_batches").is_in_batches(local)
    with pytest.raises(ConfigError, match="expected `sending` to be one of in_batches, at_once, got 'soon'"):
        Spending(sending="soon").is_in_batches(live)


def test_a_provider_without_batches_is_refused_in_a_model_file():
    with pytest.raises(ValueError, match="expected `mode: batch` with provider openai or anthropic, got 'embedded'"):
        ModelFile(provider="embedded", model="m", mode="batch")
