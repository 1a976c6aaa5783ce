"""Waiting for batches: until one is over, another run has collected it, or nobody can be asked."""

from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import pytest

from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import MissingKeyError
from eval_assets.providers.batches import desk
from eval_assets.providers.batches.desk import BatchDesk
from eval_assets.providers.batches.service import BatchStatus, Leftover
from eval_assets.providers.failures import TransientFailure
from eval_assets.storage.replies.batch_ledger import BatchLedger, BatchRecord, Entry, Outcomes, new_token

MODEL = Model(name="m", file=ModelFile(provider="openai", model="gpt")).model_dump(mode="json")
LANES = {"lane-1"}


class Service:
    """Says of each look what the test has laid out."""

    def __init__(self, *said):
        self.said = list(said)

    async def status(self, batch_id):
        said = self.said.pop(0)
        if isinstance(said, Exception):
            raise said
        leftover = Leftover("missing", "none", may_help_again=True)
        return BatchStatus(batch_id=batch_id, status=said, is_over=said == "completed", n_done=1, leftover=leftover)

    async def aclose(self):
        pass


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "FIRST_LOOK_SECONDS", 0.001)
    return BatchLedger(tmp_path)


def submitted(ledger: BatchLedger) -> BatchRecord:
    record = BatchRecord(lane="lane-1", token=new_token(), model=MODEL, evaluations=("e",), n_requests=2)
    ledger.add(record, [Entry("k", "{}", 1)], [b"{}"])
    return ledger.save(replace(record, state="submitted", batch_id="batch_1"))


def desk_on(ledger: BatchLedger, service: Service, tell=lambda _: None) -> BatchDesk:
    return BatchDesk(SimpleNamespace(batches=ledger), lambda _: service, Event(), tell)


def test_it_waits_until_a_batch_is_over_and_tells_how_far_it_is(ledger):
    submitted(ledger)
    told = []
    waiting = desk_on(
        ledger, Service("validating", TransientFailure("HTTP 503"), "in_progress", "completed"), told.append
    )
    assert waiting.wait(LANES)
    assert told[0] == "batch batch_1 of m: 1 of 2 answered (validating); next look in 1 ms"
    assert told[1] == "batch batch_1 of m can't be asked about, and counts as under way: HTTP 503"
    assert told[2].startswith("batch batch_1 of m: 1 of 2 answered (in_progress)")


@pytest.mark.parametrize("others", [0, 1])
def test_what_another_run_has_collected_ends_the_waiting(ledger, others):
    record = submitted(ledger)
    for _ in range(others):
        submitted(ledger)
    waiting = desk_on(ledger, Service("in_progress", "in_progress"), lambda _: ledger.finish(record, Outcomes()))
    assert waiting.wait(LANES)


def test_without_batches_or_whoever_could_be_asked_nobody_waits(ledger):
    assert not desk_on(ledger, Service()).wait(LANES)
    submitted(ledger)

    def no_key(_model):
        raise MissingKeyError("model 'm' needs OPENAI_API_KEY")

    assert not BatchDesk(SimpleNamespace(batches=ledger), no_key, Event(), lambda _: None).wait(LANES)


def test_a_run_that_is_stopped_waits_no_longer(ledger):
    submitted(ledger)
    waiting = desk_on(ledger, Service("in_progress"))
    waiting.stop.set()
    assert not waiting.wait(LANES)
